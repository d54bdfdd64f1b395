// Names of retrieval pipelines, as the evaluation prints them, and the search options each one stands for.

import { invalid } from "./errors.js";
import type { Generate, SearchOptions } from "./types.js";

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

/** `base[:level][@dims][+prf][+hyde or +queries][+parents][+rerank or +colbert]`; only a dense leg takes a level and dimensions. */
const SYNTAX = /^([a-z0-9-]+?)(?::(sentence|chunk|document))?(?:@([1-9][0-9]*))?(\+prf)?(\+hyde|\+queries)?(\+parents)?(\+rerank|\+colbert)?$/;

/** Modes that compare no vectors of which a part or a level could do. */
const WITHOUT_VECTORS: (string | undefined)[] = ["sparse", "splade", "colbert"];

/**
 * Search options of a named pipeline: `bm25`, `tfidf`, `dense`, `dense-binary` (bits first, the best compared in full),
 * `splade`, `two-stage`, `joint`, `colbert`, `hybrid-rrf` or `hybrid-weighted`; `@256` after one with vectors uses their
 * first 256 dimensions, and `:sentence`, `:chunk` or `:document` vectors of that level alone; `+prf` rewrites the query by
 * its first answers; `+hyde` and `+queries` ask `generate` for a hypothetical answer or for other wordings; `+parents` returns what the hits are part of; `+rerank` lets the cross-encoder read the first
 * `rerankTop` (default 50), `+colbert` compares their token vectors with the query's. `gold-standard` is the preset of
 * that name.
 */
export function parsePipeline(name: string, rerankTop = 50, generate?: Generate): SearchOptions {
  const [, base = "", level, dims, prf, written, parents, rerank] = SYNTAX.exec(name) ?? [];
  const options = Object.hasOwn(BASES, base) ? BASES[base] : undefined;
  if (!options || ((dims || level) && WITHOUT_VECTORS.includes(options.mode))) {
    const known = Object.keys(BASES).join(", ");
    const more = "with :<level> and @<dims> after one with vectors, +prf, +hyde or +queries, +parents, and +rerank or +colbert";
    throw invalid(`unknown pipeline "${name}": known are ${known}, ${more}`);
  }
  if (written && !generate) throw invalid(`pipeline "${name}" needs a generator of text: give one as \`generate\``);
  const expand = {
    ...(prf && { prf: true }),
    ...(written === "+hyde" && { hyde: generate }),
    ...(written === "+queries" && { queries: generate }),
  };
  return {
    ...options,
    ...(level && { level: level as NonNullable<SearchOptions["level"]> }),
    ...(dims && { dims: Number(dims) }),
    ...((prf || written) && { expand }),
    ...(parents && { parents: true }),
    ...((rerank || options.preset) && { rerank: { ...(rerank === "+colbert" && { with: "colbert" as const }), top: rerankTop } }),
  };
}
