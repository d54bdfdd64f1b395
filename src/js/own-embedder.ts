// The caller's own embedder: asked on the page, and not trusted to answer with what it promised.

import { NearfieldError } from "./errors.js";
import type { CustomEmbedder } from "./protocol.js";
import type { Embedder } from "./types.js";

export const isCustom = (embedder: string | URL | Embedder): embedder is Embedder =>
  typeof embedder === "object" && !(embedder instanceof URL);

/** What the engine knows of it. Nobody but its caller can say whether it computes what it should. */
export const describe = ({ name, dims, digest = name, maxTokens = 512, matryoshka = false }: Embedder): CustomEmbedder => ({
  name,
  digest,
  dims,
  maxTokens,
  matryoshka,
});

/** Rows of `embedder.dims` finite numbers for the texts, joined, in an array that may be transferred. */
export async function runEmbedder(
  embedder: Embedder,
  texts: string[],
  role: "query" | "passage",
  signal: AbortSignal,
): Promise<Float32Array> {
  const answer = await embedder.embed(texts, role, signal);
  const { name, dims } = embedder;
  const fail = (what: string) => new NearfieldError("InvalidInput", `the embedder "${name}" ${what}`);
  const rows = new Float32Array(texts.length * dims);
  if (answer instanceof Float32Array) {
    if (answer.length !== rows.length) {
      throw fail(`returned ${answer.length} numbers for ${texts.length} texts of ${dims} dimensions`);
    }
    rows.set(answer); // A copy: the caller keeps the array that it made.
  } else {
    if (!Array.isArray(answer)) throw fail("returned neither a Float32Array nor an array of vectors");
    if (answer.length !== texts.length) throw fail(`returned ${answer.length} vectors for ${texts.length} texts`);
    answer.forEach((row, index) => {
      if (row?.length !== dims) throw fail(`returned ${row?.length} dimensions for text ${index}, not ${dims}`);
      rows.set(row, index * dims);
    });
  }
  const at = rows.findIndex((number) => !Number.isFinite(number));
  if (at >= 0) throw fail(`returned ${rows[at]} in the vector of text ${Math.floor(at / dims)}`);
  return rows;
}
