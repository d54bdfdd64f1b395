// Names of retrieval pipelines, as the evaluation prints them, and the search options each one stands for.

import { invalid } from "./errors.js";
import type { Generate, SearchOptions, Translate } from "./types.js";

const BASES: Record<string, SearchOptions> = {
  bm25: { mode: "sparse", sparse: "bm25" },
  tfidf: { mode: "sparse", sparse: "tfidf" },
  dense: { mode: "dense" },
  "dense-binary": { mode: "dense", binary: true },
  splade: { mode: "splade" },
  "splade-doc": { mode: "splade", sparseQuery: "tokens" },
  "two-stage": { mode: "two-stage" },
  joint: { mode: "joint" },
  colbert: { mode: "colbert" },
  "hybrid-rrf": { mode: "hybrid", fusion: { method: "rrf" } },
  "hybrid-weighted": { mode: "hybrid", fusion: { method: "weighted" } },
  "hybrid-splade": { mode: "hybrid", sparse: "splade", fusion: { method: "rrf" } },
  "hybrid-zscore": { mode: "hybrid", fusion: { method: "weighted", normalize: "zscore" } },
  "gold-standard": { preset: "gold-standard", group: true },
};

const SYNTAX =
  /^([a-z0-9-]+?)(?::(sentence|chunk|document))?(?:@([1-9][0-9]*))?(\+rescore)?(\+prf)?(\+rewrite)?(\+hyde|\+queries|\+decompose)?(\+translate)?(\+parents)?(\+rerank|\+colbert)?$/;

const ENDINGS =
  ":<level>, @<dims>, +rescore, +prf, +rewrite, +hyde or +queries or +decompose, +translate, +parents, +rerank or +colbert";

export interface PipelineOptions {
  /** Hits that `+rerank`, `+colbert` and the preset reorder. Default 50. */
  rerankTop?: number | undefined;
  /** Writes the texts that `+rewrite`, `+hyde`, `+queries` and `+decompose` ask for. */
  generate?: Generate | undefined;
  /** What `+translate` asks. */
  translate?: Translate | undefined;
}

/**
 * Search options of a named pipeline. Bases: `bm25`, `tfidf`, `dense`, `dense-binary` (bits first, the best compared in
 * full), `splade`, `splade-doc` (inference-free: no model reads the query), `two-stage`, `joint`, `colbert`,
 * `hybrid-rrf`, `hybrid-weighted`, `hybrid-zscore`, `hybrid-splade` (by reciprocal ranks), and `gold-standard`, the preset
 * of that name. Endings, in this order:
 *
 * - `:sentence`, `:chunk`, `:document`: vectors of that level alone; after dense and hybrid ones.
 * - `@256`: the first 256 dimensions; after all that compare vectors. `+rescore` compares the best in full (two passes).
 * - `+prf`: the first answers rewrite the query; not for colbert.
 * - `+rewrite`, then one of `+hyde` (a hypothetical answer moves the vector; after all that compare vectors), `+queries`
 *   (other wordings) and `+decompose` (the questions that it consists of), all by `generate`.
 * - `+translate`: what `translate` makes of the query is asked too.
 * - `+parents`: what the hits are part of is returned.
 * - `+rerank`: the cross-encoder reads the first `rerankTop`; or `+colbert`: their token vectors are compared.
 *
 * A name that stands for nothing is InvalidInput and says why.
 */
export function parsePipeline(name: string, { rerankTop, generate, translate }: PipelineOptions = {}): SearchOptions {
  const [, base = "", level, dims, rescore, prf, rewrite, written, translation, parents, rerank] = SYNTAX.exec(name) ?? [];
  const options = Object.hasOwn(BASES, base) ? BASES[base] : undefined;
  if (!options) {
    throw invalid(`unknown pipeline "${name}": known are ${Object.keys(BASES).join(", ")}; after them may come, in this order, ${ENDINGS}`);
  }
  const refuseIf = (wrong: unknown, reason: string) => {
    if (wrong) throw invalid(`pipeline "${name}": ${reason}`);
  };
  const { mode = "hybrid" } = options;
  const hasLeg = mode === "dense" || mode === "hybrid";
  const hasVectors = hasLeg || mode === "two-stage" || mode === "joint";
  refuseIf((dims || written === "+hyde") && !hasVectors, `${base} compares no vectors of texts, so @<dims> and +hyde mean nothing`);
  refuseIf(level && !hasLeg, `${base} does not search by vectors, so there is no level to choose`);
  refuseIf(rescore && !(dims && hasLeg && level !== "document"), "+rescore follows @<dims>, of dense and hybrid ones, not of documents");
  refuseIf(options.binary && level === "document", "documents are compared in one pass, not by bits first");
  refuseIf(prf && mode === "colbert", "feedback rewrites words and vectors of texts, and colbert has neither");
  refuseIf((rewrite || written) && !generate, "it needs a generator of text: give one as `generate`");
  refuseIf(translation && !translate, "it needs a translator: give one as `translate`");
  const expand = {
    ...(prf && { prf: true }),
    ...(rewrite && { rewrite: generate }),
    ...(written && { [written.slice(1)]: generate }),
  };
  return {
    ...options,
    ...(level && { level: level as NonNullable<SearchOptions["level"]> }),
    ...(dims && { dims: Number(dims) }),
    ...(rescore && { rescore: true }),
    ...((prf || rewrite || written) && { expand: { ...(options.preset && { prf: true }), ...expand } }),
    ...(translation && { translate }),
    ...(parents && { parents: true }),
    ...(rerank && { rerank: { ...(rerank === "+colbert" && { with: "colbert" as const }), top: rerankTop ?? 50 } }),
    // The preset reranks by itself, where there is something to rerank with.
    ...(options.preset && !rerank && rerankTop !== undefined && { rerank: { top: rerankTop } }),
  };
}
