// Names of retrieval pipelines, as the evaluation prints them, and the search options each one stands for.

import { invalid } from "./errors.js";
import type { SearchOptions } from "./types.js";

const BASES: Record<string, SearchOptions> = {
  bm25: { mode: "sparse", sparse: "bm25" },
  tfidf: { mode: "sparse", sparse: "tfidf" },
  dense: { mode: "dense" },
  "dense-binary": { mode: "dense", binary: true },
  splade: { mode: "splade" },
  "two-stage": { mode: "two-stage" },
  joint: { mode: "joint" },
  colbert: { mode: "colbert" },
  "hybrid-rrf": { mode: "hybrid", fusion: { method: "rrf" } },
  "hybrid-weighted": { mode: "hybrid", fusion: { method: "weighted" } },
  "gold-standard": { preset: "gold-standard", group: true },
};

/** `base[@dims][+prf][+rerank or +colbert]`, where only pipelines with a dense leg take dimensions. */
const SYNTAX = /^([a-z0-9-]+?)(?:@([1-9][0-9]*))?(\+prf)?(\+rerank|\+colbert)?$/;

/** Modes that compare no vectors of which a part could do. */
const WITHOUT_DIMS: (string | undefined)[] = ["sparse", "splade", "colbert"];

/**
 * Search options of a named pipeline: `bm25`, `tfidf`, `dense`, `dense-binary` (bits first, the best compared in full),
 * `splade`, `two-stage`, `joint`, `colbert`, `hybrid-rrf` or `hybrid-weighted`; `@256` after one with vectors uses their
 * first 256 dimensions; `+prf` rewrites the query by its first answers; `+rerank` lets the cross-encoder read the first
 * `rerankTop` (default 50), `+colbert` compares their token vectors with the query's. `gold-standard` is the preset of that name.
 */
export function parsePipeline(name: string, rerankTop = 50): SearchOptions {
  const [, base = "", dims, prf, rerank] = SYNTAX.exec(name) ?? [];
  const options = Object.hasOwn(BASES, base) ? BASES[base] : undefined;
  if (!options || (dims && WITHOUT_DIMS.includes(options.mode))) {
    const known = Object.keys(BASES).join(", ");
    throw invalid(`unknown pipeline "${name}": known are ${known}, with @<dims> after one with vectors, +prf, and +rerank or +colbert`);
  }
  return {
    ...options,
    ...(dims && { dims: Number(dims) }),
    ...(prf && { expand: { prf: true } }),
    ...((rerank || options.preset) && { rerank: { ...(rerank === "+colbert" && { with: "colbert" as const }), top: rerankTop } }),
  };
}
