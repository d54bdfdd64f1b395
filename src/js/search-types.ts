// What a search is asked, and what it answers.

import type { CallOptions, Meta, ProgressOptions } from "./types.js";

export type Comparison = string | number | boolean | null;

/** Conditions of one field. All given ones must hold. */
export interface FieldFilter {
  eq?: Comparison | undefined;
  ne?: Comparison | undefined;
  in?: Comparison[] | undefined;
  gt?: number | string | undefined;
  gte?: number | string | undefined;
  lt?: number | string | undefined;
  lte?: number | string | undefined;
}

/** Conditions on metadata, all of which must hold; `or` and `not` combine further filters. */
export type Filter = {
  and?: Filter[];
  or?: Filter[];
  not?: Filter;
} & { [field: string]: Comparison | FieldFilter | Filter | Filter[] | undefined };

/**
 * Writes text for a prompt: an endpoint, the browser's own model, or anything of the caller's. See {@link chatGenerator},
 * {@link builtInGenerator} and {@link localGenerator}.
 */
export type Generate = (prompt: string, options?: { signal?: AbortSignal | undefined }) => Promise<string> | string;

/**
 * Puts a query into the language of the collection, or into each of its languages: a service, a model, or anything of
 * the caller's.
 */
export type Translate = (
  query: string,
  options?: { signal?: AbortSignal | undefined },
) => Promise<string | string[]> | string | string[];

/**
 * More to search for than the query says. Each part costs time and helps some collections and harms others: measure it
 * on your own with {@link evaluate}.
 */
export interface ExpandOptions {
  /**
   * Pseudo-relevance feedback: the first `documents` (default 10) are taken for relevant. The lexical query gains their
   * `terms` (20) most telling words, keeping the share `original` (0.9) for its own (RM3); the vector becomes `alpha`
   * (0.9) of itself and `beta` (0.1) of their mean (Rocchio). It widens more than it sharpens: expect more recall, not
   * a better first hit.
   */
  prf?: boolean | { documents?: number; terms?: number; original?: number; alpha?: number; beta?: number } | undefined;
  /** Hypothetical answers, written by a generator or given: vectors are compared with the mean of theirs and the query's (HyDE). */
  hyde?: Generate | string[] | undefined;
  /** Other wordings of the query. Each is searched too; the answers are fused by reciprocal ranks. */
  queries?: Generate | string[] | undefined;
  /** The simpler questions that a question consists of; searched like `queries`. */
  decompose?: Generate | string[] | undefined;
  /** Searches for this instead of the query; reranking still reads the query as it was asked. */
  rewrite?: Generate | string | undefined;
}

/** What a language model is to read of an answer. */
export interface ContextOptions {
  /** Budget in tokens of the embedder, for numbers, titles, headings and texts together. Default 2000. */
  tokens?: number | undefined;
  /** Chunks at most. Default 10. */
  passages?: number | undefined;
  /** 0 (default): by relevance alone; towards 1: the less alike the better (maximal marginal relevance). */
  diversity?: number | undefined;
  /** Best first (default), the best at both ends and the worst in the middle, or as they stand in their documents. */
  order?: "score" | "edges-first" | "document" | undefined;
}

/** Neighbouring chunks of one document, without what they repeat of each other. */
export interface Passage {
  /** From 1: how {@link Context.text} names it, and an answer may cite it. */
  number: number;
  /** Id of the document. */
  id: string;
  title?: string | undefined;
  url?: string | undefined;
  /** Headings above it, as "A > B". */
  context: string;
  text: string;
  /** First and last chunk. */
  chunks: [first: number, last: number];
  /** UTF-8 byte span in the document as it was added. */
  source: [start: number, end: number];
  score: number;
  tokens: number;
}

export interface Context {
  /** All passages, each below its number in brackets and its title: what goes into a prompt. */
  text: string;
  passages: Passage[];
  /** Of the text. */
  tokens: number;
}

/** `onProgress` hears of the reranker's download, at its first use. */
export interface SearchOptions extends ProgressOptions {
  /** Hits wanted. Default 10; more than 10,000 are never returned, and 0 gives none. */
  k?: number | undefined;
  /** True (default): documents, each by its best chunk. False: chunks. */
  group?: boolean | undefined;
  /**
   * Default "hybrid", or "sparse" in a collection without an embedder. "splade": the weighted terms of the
   * `sparseEncoder`. "two-stage": the best `depth` of the sparse leg, in the order of their vectors. "joint": every
   * chunk by one score, `(w_s * sparse / most + w_d * dense) / (w_s + w_d)`, with `fusion.weights` and `most` the sum of
   * all that the query's terms could give; it reads all vectors. "colbert": the token vectors of the `lateEncoder`; the
   * score is the sum, over the query's tokens, of the greatest similarity with one of the chunk's (MaxSim).
   */
  mode?: "hybrid" | "sparse" | "dense" | "splade" | "two-stage" | "joint" | "colbert" | undefined;
  /** What the sparse leg of any mode scores by: words, or the weighted terms of the `sparseEncoder`. Default "bm25". */
  sparse?: "bm25" | "tfidf" | "splade" | undefined;
  /** Where the weights of a query's terms come from, in place of `sparseQuery` of `open`: "tokens" runs no model. */
  sparseQuery?: "model" | "tokens" | undefined;
  /** Defaults: k1 1.2, b 0.75, title 1, body 1. */
  bm25?: { k1?: number | undefined; b?: number | undefined; title?: number | undefined; body?: number | undefined } | undefined;
  fusion?:
    | {
        /** Reciprocal ranks (default), or normalised scores. */
        method?: "rrf" | "weighted" | undefined;
        /** Constant of reciprocal ranks. Default 60. */
        k?: number | undefined;
        /** Of "weighted" and of `mode: "joint"`; {@link learnWeights} finds good ones. Default 1 each. */
        weights?: { dense?: number | undefined; sparse?: number | undefined } | undefined;
        /** How "weighted" brings scores to one scale. Default "minmax". */
        normalize?: "minmax" | "zscore" | undefined;
      }
    | undefined;
  /** Candidates of each leg. Default 100; 200 for weighted fusion and for "two-stage". */
  depth?: number | undefined;
  /**
   * Compare only the first so many dimensions of the vectors. What they are good for, `stats().prefixes` says: with "pca",
   * 64, 128, 256 and 512 are (in between, the best of neither), with "matryoshka" those that the model was trained for.
   */
  dims?: number | undefined;
  /**
   * Compare one bit of each dimension with the query's numbers first: of 32 bytes of "f32" it reads one. Always a scan,
   * whatever the storage; may be combined with `dims`.
   */
  binary?: boolean | undefined;
  /**
   * After a first pass with `dims` or `binary`: compare its best so many in full, whose scores then count; true: four
   * times `depth`. Default: false after `dims`, true after `binary`.
   */
  rescore?: boolean | number | undefined;
  /**
   * Language of the query's words, for stemming and stop words. Default: the collection's. Where it has documents in
   * several: the one that is recognised if that is certain, else all of them.
   */
  language?: string | undefined;
  /**
   * Searches for what this makes of the query too, and fuses the answers by reciprocal ranks: documents are found by
   * words of a language in which nobody asked. With `replace`, in place of the query, which then is highlighted and
   * reranked as translated; of several translations the first replaces it. Its time is `timings.translate`.
   */
  translate?: Translate | { by: Translate; replace?: boolean | undefined } | undefined;
  /**
   * What vectors are compared: of sentences (where `chunk.sentences` made them), of chunks, or of documents, which are
   * the means of their chunks' and come as their best chunk. Default: sentences and chunks, whichever is nearer.
   */
  level?: "sentence" | "chunk" | "document" | undefined;
  /**
   * Find small, return large: each hit is the parent of what was found, with `found` as the place of that in it. With
   * `group: false`, chunks that share a parent are one hit. What the parent is, `chunk.parents` says.
   */
  parents?: boolean | undefined;
  /** Force graph or scan for this query. Default "auto". */
  vectors?: "auto" | "flat" | "hnsw" | undefined;
  /** Candidates that a graph search keeps: higher is slower and finds more. */
  ef?: number | undefined;
  /**
   * Order the first `top` (default 50) anew: the cross-encoder reads them (default), or their token vectors, which the
   * `lateEncoder` made when they were added, are compared with the query's.
   */
  rerank?: boolean | { with?: "cross-encoder" | "colbert" | undefined; top?: number | undefined } | undefined;
  /** Search for more than the query says. Default: no. */
  expand?: ExpandOptions | false | undefined;
  /**
   * Choose what a language model reads: `result.context`. Near-duplicates are left out, neighbours joined. With it,
   * hits are chunks unless `group` is true.
   */
  context?: ContextOptions | boolean | undefined;
  /**
   * "gold-standard": feedback, hybrid retrieval, reciprocal rank fusion, the cross-encoder on the first 50, a context. Options that are
   * given beside it win, so each stage can be switched off with `false`; what the collection was opened without is
   * left out. `timings` has the time of every stage.
   */
  preset?: "gold-standard" | undefined;
  /** A field that no document has is an error. */
  filter?: Filter | undefined;
  /** Add to each hit how its score came about. */
  explain?: boolean | undefined;
  /** False: hits have `id`, `chunk` and `score` only, and no text is read. Default true. */
  text?: boolean | undefined;
}

export interface ListOptions extends CallOptions {
  /** Only documents whose ids come after this one. Default: from the beginning. */
  after?: string | undefined;
  /** Documents of one answer. Default 100, at most 10,000. */
  limit?: number | undefined;
  /** Only documents that match. A field that no document has is an error. */
  filter?: Filter | undefined;
}

/** A document without its text. */
export interface ListedDocument {
  id: string;
  title?: string | undefined;
  url?: string | undefined;
  meta: Meta;
  /** Chunks that it was cut into. */
  chunks: number;
}

export interface ListResult {
  documents: ListedDocument[];
  /** What to pass as `after` for the next ones; undefined when these were the last. */
  next?: string | undefined;
}

export interface Hit {
  /** Id of the document. */
  id: string;
  /** Number of the chunk in its document, from 0. */
  chunk: number;
  /** Higher is better. Comparable within one answer only. */
  score: number;
  /** Text of the chunk. This and all that follows is missing with `text: false`. */
  text: string;
  /** Headings above it, as "A > B"; empty without. */
  context: string;
  title?: string | undefined;
  url?: string | undefined;
  /** Where words of the query stand: UTF-16 offsets into `text`, sorted and apart. See {@link highlightFragments}. */
  ranges: [start: number, end: number][];
  /** UTF-8 byte span in the document as it was added. */
  source: [start: number, end: number];
  meta: Meta;
  /** What was compared, unless a chunk. Sentences are numbered behind the chunks of their document. */
  level?: "sentence" | "document" | undefined;
  /** With `parents`: where in `text` stands what was found, in UTF-16 units. */
  found?: [start: number, end: number] | undefined;
  explanation?: unknown;
}

export interface SearchResult {
  hits: Hit[];
  /** Milliseconds by stage; `total` is the time in the engine. */
  timings: Record<string, number>;
  /** What was searched: "sparse" where "hybrid" was asked for and there are no vectors. */
  mode: "hybrid" | "sparse" | "dense" | "splade" | "two-stage" | "joint" | "colbert";
  /** Number of the commit that answered. */
  generation: number;
  /** With the option `context`. */
  context?: Context | undefined;
  /** With `explain`, what was searched for in the end: weighted terms, and queries beside the first. */
  expansion?: { terms: [term: string, weight: number][]; queries: string[] } | undefined;
}

export interface SearchStage extends SearchResult {
  /** "sparse" comes first, then "fused", then "reranked" where reranking was asked for. */
  stage: "sparse" | "fused" | "reranked";
  /** True for the last one. */
  final: boolean;
}
