// Stands in for accelerator.ts in the lite build, which runs no models.

import { NearfieldError } from "./errors.js";
import type { DeviceChoice, DeviceReport } from "./types.js";
import type { Pause, Reading, WasmModel } from "./wasm.js";

export class Accelerator {
  readonly tokens = 0;
  readonly report: DeviceReport = { runs: "wasm" };
  #choice: DeviceChoice;

  constructor(choice: DeviceChoice) {
    this.#choice = choice;
  }

  async start(): Promise<void> {
    if (this.#choice === "webgpu") throw new NearfieldError("Unsupported", 'device "webgpu": the lite build runs no models');
  }

  embed(model: WasmModel, texts: string[], reading: Reading, pause: Pause): Promise<Float32Array> {
    return model.embed(texts, reading, pause);
  }

  score(model: WasmModel, query: string, texts: string[], pause: Pause): Promise<Float32Array> {
    return model.score(query, texts, pause);
  }

  close(): void {}
}
