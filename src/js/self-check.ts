// Does this device compute what it should? The hidden states of the int8 encoder, or of the one on the GPU, beside those
// of an f32 reference that shares no arithmetic with them, on the same weights.

import { NearfieldError } from "./errors.js";
import { loadGpu } from "./load-gpu.js";
import { pause, yieldToEvents } from "./pace.js";
import type { ReferenceStates } from "./reference.js";
import type { WasmModel } from "./wasm.js";

/** Hidden states of token ids, however they are computed. */
type States = (ids: Uint32Array) => Promise<Float32Array>;

/** Lowest cosine over all tokens of all texts. */
export function leastCosine(model: WasmModel, texts: readonly string[], signal: AbortSignal): Promise<number> {
  return compared(model, texts, (ids) => model.states(ids, () => pause(signal)));
}

/** The same for the encoder on the GPU, which must be there. */
export async function leastCosineOnGpu(model: WasmModel, texts: readonly string[]): Promise<number> {
  const readout = model.readout();
  if (!readout) throw new NearfieldError("Unsupported", `device "webgpu": no kernels for ${model.info().name}`);
  const gpu = await loadGpu({ software: true });
  try {
    const loaded = await gpu.load(model.config(), readout, model);
    const states: States = (ids) => {
      const lengths = Uint32Array.of(ids.length);
      return loaded.states(model.lookUp(ids, new Uint32Array(), lengths), lengths);
    };
    return await compared(model, texts, states);
  } finally {
    gpu.close();
  }
}

async function compared(model: WasmModel, texts: readonly string[], states: States): Promise<number> {
  const { loadReference } = await import("./reference.js");
  const reference: ReferenceStates = await loadReference();
  let least = 1;
  for (const text of texts) {
    const ids = model.tokenIds(text, { role: "passage" });
    const found = await states(ids);
    const expected = reference(model.config(), model, ids);
    const dims = found.length / ids.length;
    for (let at = 0; at < found.length; at += dims) {
      least = Math.min(least, cosine(found.subarray(at, at + dims), expected.subarray(at, at + dims)));
    }
    await yieldToEvents();
  }
  return least;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return product / Math.sqrt(aa * bb);
}
