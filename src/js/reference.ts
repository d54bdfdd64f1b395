// The module of the f32 reference: fetched only when somebody asks for a self-check.

import * as glue from "#reference";
import { fetchModule, type WasmModel } from "./wasm.js";

/** Hidden states of token ids by plain f32 arithmetic on the weights of `model`, `[ids, dims]`. */
export type ReferenceStates = (config: object, model: WasmModel, ids: Uint32Array) => Float32Array;

export async function loadReference(): Promise<ReferenceStates> {
  const module = await fetchModule(new URL("./reference.wasm", import.meta.url));
  const { initSync, referenceStates } = glue as unknown as {
    initSync(options: { module: WebAssembly.Module }): unknown;
    referenceStates: ReferenceStates;
  };
  initSync({ module });
  return referenceStates;
}
