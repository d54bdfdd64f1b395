// The module of the encoder on WebGPU: fetched only where a GPU is to be used.

import * as glue from "#gpu";
import { gpuMemory, type GpuMemory } from "./gpu-memory.js";
import type { GpuAdapter } from "./types.js";
import { fetchModule, type WasmModel } from "./wasm.js";

/** An adapter, and the bytes of a buffer that a kernel can see. */
export interface GpuDescription extends GpuAdapter {
  bindingBytes: number;
}

/** A device that has shown that it computes what it should. */
export interface Gpu {
  description(): GpuDescription;
  load(config: object, readout: object, weights: WasmModel): Promise<GpuModel>;
  /** Gives everything on the device back. What is under way fails. */
  close(): void;
}

/** A model on the device. Batches are what `WasmModel.lookUp` says of their tokens, and the length of each sequence. */
export interface GpuModel {
  /** Tokens of a batch, at most. */
  mostTokens(): number;
  /** Rows of vectors, joined, or one score for each sequence. */
  run(sums: Float32Array, lengths: Uint32Array): Promise<Float32Array>;
  /** Hidden states of every token. */
  states(sums: Float32Array, lengths: Uint32Array): Promise<Float32Array>;
}

/** `software`: whether a processor in disguise will do. */
export type OpenGpu = (options: { software: boolean }) => Promise<Gpu>;

/**
 * Opens the device, compiles the kernels and checks each of them, unless an earlier visit did; rejects where there is none,
 * or one that errs.
 */
export async function openGpu({ software }: { software: boolean }): Promise<Gpu> {
  const module = await fetchModule(new URL("./gpu.wasm", import.meta.url));
  const { initSync, Gpu } = glue as unknown as {
    initSync(options: { module: WebAssembly.Module }): unknown;
    Gpu: { open(software: boolean, memory: GpuMemory): Promise<Gpu> };
  };
  initSync({ module });
  return Gpu.open(software, gpuMemory);
}
