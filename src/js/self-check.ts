// Does this device compute what it should? The hidden states of the int8 encoder beside those of an f32 reference that
// shares no arithmetic with it, on the same weights.

import { pause, yieldToEvents } from "./pace.js";
import type { ReferenceStates } from "./reference.js";
import type { WasmModel } from "./wasm.js";

/** Lowest cosine over all tokens of all texts. */
export async function leastCosine(model: WasmModel, texts: readonly string[], signal: AbortSignal): Promise<number> {
  const { loadReference } = await import("./reference.js");
  const reference: ReferenceStates = await loadReference();
  let least = 1;
  for (const text of texts) {
    const ids = model.tokenIds(text);
    const found = await model.states(ids, () => pause(signal));
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
