// Everything a caller passes in and gets back. Fields that are optional may also be given as `undefined`.

/** A value of metadata. Filters match text, numbers, booleans and null, and lists by any of their items. */
export type MetaValue = string | number | boolean | null | MetaValue[] | { [key: string]: MetaValue };

export type Meta = Record<string, MetaValue>;

export interface Document {
  /** Unique in the collection, not empty; a document with an id that is already there replaces the old one. */
  id: string;
  /** Plain text, Markdown or HTML, as `strategy` says. At most 64 MiB of UTF-8. */
  text: string;
  title?: string | undefined;
  /** Where it can be read. Never fetched. */
  url?: string | undefined;
  /** At most 64 KiB as JSON. */
  meta?: Meta | undefined;
  /**
   * ISO 639-1 code of its language, for stemming and stop words. Default: the collection's `language`; where that is
   * "auto", the one that is recognised. Stored where it is not the collection's.
   */
  language?: string | undefined;
  /** How this document is cut. Default: `chunk.strategy` of the collection. Not stored. */
  strategy?: ChunkOptions["strategy"];
}

/** What a model or an index stage reports while it works. */
export interface ProgressEvent {
  /** `download` of a model and `copy` of an import in bytes; the other phases count documents, `copy` of an export parts. */
  phase: "download" | "chunk" | "embed" | "commit" | "merge" | "graph" | "rotate" | "copy";
  /** What is being downloaded. */
  model?: string | undefined;
  unit: "bytes" | "documents";
  done: number;
  /** Undefined where a server does not say how long its answer is. */
  total: number | undefined;
  /** Documents of this call that are safe, whatever happens next. */
  committed?: number | undefined;
  /** While a batch is embedded: its chunks, and how many have their vectors. Tells how far a large document is. */
  chunks?: { done: number; total: number } | undefined;
  /** Speed of embedding since the call began. */
  tokensPerSecond?: number | undefined;
}

export interface CallOptions {
  /** Ends the work within 100 ms; the promise rejects with code `Aborted`. What was committed stays. */
  signal?: AbortSignal | undefined;
}

export interface ProgressOptions extends CallOptions {
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** Vectors from elsewhere: an own model, or an API. Called on the page's thread. */
export interface Embedder {
  /** Shown in statistics and errors. */
  name: string;
  /** Length of every vector. */
  dims: number;
  /**
   * Names the exact model. Collections refuse vectors of a model with another digest. Default: `name`.
   */
  digest?: string | undefined;
  /** Longest input in tokens; chunks are kept below it. Default 512. Words count as tokens. */
  maxTokens?: number | undefined;
  /** Whether the first dimensions of its vectors stand for the whole: then they are never turned by themselves. */
  matryoshka?: boolean | undefined;
  /** One vector of `dims` finite numbers for each of at most 256 texts, in order: as rows, or as one array with the rows joined. */
  embed(
    texts: string[],
    role: "query" | "passage",
    signal: AbortSignal,
  ): Promise<Float32Array | ArrayLike<number>[]> | Float32Array | ArrayLike<number>[];
}

/**
 * What stands before texts when the embedder reads them, in place of the prefixes that the model's files state: for
 * models that were trained with their task in words, as "Represent the question for retrieving supporting documents: ".
 * Not for an embedder of your own, and not for models without an encoder. Tokens count towards the model's maximum.
 */
export interface Instructions {
  /** Before each query. May be another each time the collection is opened. */
  query?: string | undefined;
  /** Before each passage. Vectors of one instruction do not mix with those of another: changing it takes `reembed`. */
  passage?: string | undefined;
  /**
   * False: the tokens of what stands before a text are read, and left out of the mean that becomes its vector, as
   * INSTRUCTOR does. Fixed for a collection as `passage` is. Default: as the model's files say, or true.
   */
  pooled?: boolean | undefined;
}

export interface ModelsOptions {
  /** Folder of the catalogue's models; `base + name + "/"` holds config.json, tokenizer.json, model.safetensors. Default "/models/", relative to the page. */
  base?: string | URL | undefined;
  /** Keep a checked copy in the Cache API, by which the next start needs no network. Default true. */
  cache?: boolean | undefined;
}

export type DeviceChoice = "auto" | "webgpu" | "wasm";

/** A GPU as the browser describes it; empty where it does not tell. */
export interface GpuAdapter {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** Whether it is a processor in disguise. */
  software: boolean;
  /** What it offers of "shader-f16", "subgroups" and "timestamp-query". */
  features: string[];
  /** What the kernels make use of: "shader-f16", "packed_4x8_integer_dot_product", or nothing that not every GPU has. */
  uses: string[];
  /** Why some were left out that would make use of more: what they computed when they were checked. */
  refused?: string | undefined;
}

/** What models ran on last, and why. */
export interface DeviceReport {
  runs: "webgpu" | "wasm";
  /** The GPU that was opened and checked, as far as the browser tells. */
  adapter?: GpuAdapter | undefined;
  /** Why the GPU is not used, or why it was not used for a while. */
  reason?: string | undefined;
}

/** What the functions that load models and start workers have in common. */
export interface RuntimeOptions extends ProgressOptions {
  models?: ModelsOptions | undefined;
  /**
   * Workers that embed in parallel while indexing and in large reranks, each with its own copy of the model. "auto":
   * one per processor, at most 4. 0: none, the engine's worker does it all. They start with the first large job and
   * end after 30 s without one.
   */
  workers?: "auto" | number | undefined;
  /**
   * What models run on. "wasm": the processor. "webgpu": the GPU, and `open` fails with Unsupported where there is none
   * that computes rightly. "auto" (default): the GPU for those batches that it was measured to do faster, here and now; a
   * GPU that fails, or that is lost in the middle of a batch, costs nothing but time. What it came to, `stats().device`
   * says. Static and learned sparse models and late chunking always run on the processor.
   */
  device?: DeviceChoice | undefined;
  /**
   * Makes a worker from `worker.js` of this package. For strict Trusted Types, or where the files of the package are
   * on another origin. Default: `new Worker(new URL("./worker.js", import.meta.url), { type: "module" })`.
   */
  worker?: (() => Worker) | undefined;
}

export interface ChunkOptions {
  /** How documents are cut. Default "markdown", which also suits plain text. */
  strategy?: "none" | "tokens" | "sentences" | "recursive" | "markdown" | "html" | undefined;
  /** Tokens of a chunk at most, special tokens and heading path included; never above the model's maximum. Default 256. */
  size?: number | undefined;
  /** Tokens that a chunk repeats of the one before. Default 32. */
  overlap?: number | undefined;
}

/** How documents that are added from now on are cut, and what is made of them besides. */
export interface LevelOptions extends ChunkOptions {
  /** Also make a vector of each sentence (its words alone), for `level: "sentence"` and to mix both. Default false. */
  sentences?: boolean | undefined;
  /**
   * Tokens of the parents that `parents: true` shows: neighbouring chunks that together have no more. Without, a
   * chunk's parent is its section (the neighbours under the same headings), a sentence's its chunk.
   */
  parents?: number | undefined;
  /**
   * Late chunking: the model reads as much of a document at once as it takes, and the vector of each chunk and sentence
   * is the mean of its tokens' states, which have seen the text around them. Not with an embedder of your own. Default
   * false.
   */
  late?: boolean | undefined;
}

export interface VectorOptions {
  /**
   * How vectors are kept. Default "int8": a quarter of "f32", with the same ranking to within noise. "binary": one bit a
   * dimension and nothing else, an eighth of "int8"; queries stay whole, and the ranking is rougher for good: there is
   * nothing to compare in full afterwards, and nothing to rotate. To read less and lose next to nothing, keep "int8"
   * and search with `binary: true`.
   */
  storage?: "f32" | "f16" | "int8" | "binary" | undefined;
  /** Keep only the first so many dimensions. Default: all. */
  dims?: number | undefined;
  /** Default "cosine". */
  metric?: "cosine" | "dot" | "euclidean" | undefined;
  /** Graph ("hnsw") or exact scan ("flat"). Default "auto": by size. */
  index?: "auto" | "flat" | "hnsw" | undefined;
  /**
   * Whether vectors are turned into the axes along which they spread most (principal components), so that prefixes of
   * them (`dims` of a search) mean something; whole vectors keep their cosines. "auto" (default): for models that were
   * not trained for prefixes (Matryoshka), by maintenance from 1,000 chunks on and by `compact` from 128 on, and anew
   * after the collection has grown several times. "pca": the same whatever the model. "none": only by `fit`.
   */
  rotation?: "auto" | "none" | "pca" | undefined;
  /**
   * Bits of each dimension of token vectors (`lateEncoder`). Default 2: 28 bytes a token at 96 dimensions, where 8 take
   * 100. Until a collection has some 65,000 tokens (22,000 at 384 dimensions) it keeps 8.
   */
  tokens?: 2 | 8 | undefined;
}

/** Options of `open`. `language` and the form of vectors are fixed when a collection is created. */
export interface OpenOptions extends RuntimeOptions {
  /** Catalogue name, URL of a model directory, or an object with an `embed` function. Without: lexical search only. */
  embedder?: string | URL | Embedder | undefined;
  /** Puts a task in words before what the embedder reads. Default: the prefixes that the model's files state. */
  instructions?: Instructions | undefined;
  /** Catalogue name or URL of a cross-encoder. Loaded at its first use. */
  reranker?: string | URL | undefined;
  /**
   * Catalogue name or URL of a learned sparse model (SPLADE): documents get weighted terms beside their words, for
   * `mode: "splade"` and `sparse: "splade"`. Documents that were added without one are made up for in the background.
   */
  sparseEncoder?: string | URL | undefined;
  /**
   * Where the weights of a query's terms come from: "model": the query is encoded and expanded as passages are;
   * "tokens": each token of the query weighs 1, and no model runs for it. Default: as the model's files say.
   */
  sparseQuery?: "model" | "tokens" | undefined;
  /**
   * Catalogue name or URL of a late-interaction model (ColBERT): documents get a compressed vector for each of their
   * tokens, for `mode: "colbert"` and `rerank: { with: "colbert" }`. They are held in memory: some 8 KB for a chunk of
   * 300 tokens at 96 dimensions and 2 bits. Documents that were added without one are made up for in the background.
   */
  lateEncoder?: string | URL | undefined;
  vectors?: VectorOptions | undefined;
  chunk?: LevelOptions | undefined;
  /**
   * ISO 639-1 code of the documents' language for stemming and stop words, or "none". "auto": each document's own, as it
   * states (`Document.language`) or as it is recognised by its script, function words and letters; what tells nothing
   * counts as English. Recognised are the languages that have an analyser: ar, da, de, el, en, es, fi, fr, hu, it, ja,
   * ko, nl, no, pt, ro, ru, sv, ta, th, tr and zh. Default "en".
   */
  language?: string | undefined;
  /** "indexeddb" is the default; "memory" keeps nothing after `close`. Without IndexedDB (private windows), memory is used and `stats().storage` says so. */
  storage?: "indexeddb" | "memory" | undefined;
}

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
  /** Budget in tokens of the embedder. Default 2000. */
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
  /** Compare only the first so many dimensions of the vectors. What they are good for, `stats().prefixes` says. */
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

export interface Chunk {
  text: string;
  /** Headings above it, as "A > B". */
  context: string;
  /** UTF-8 byte span in the text that was given. */
  source: [start: number, end: number];
}

export interface ModelInfo {
  name: string;
  /** SHA-256 of the quantised weights in hex. Equal digests: comparable vectors. */
  digest: string;
  kind: "bi-encoder" | "cross-encoder" | "late" | "sparse" | "static";
  /** Length of a vector; of a late-interaction model, of a token's. */
  dims: number;
  /** Longest input in tokens. */
  maxTokens: number;
  /** Of a learned sparse model: terms that a text gets at most. */
  maxTerms?: number | undefined;
  /** Whether its files say that the first dimensions of its vectors stand for the whole. */
  matryoshka?: boolean;
}

export interface Stats {
  /** Documents that can be found. */
  documents: number;
  /** Chunks, those of deleted documents included until they are merged away. */
  chunks: number;
  /** Deleted documents that still take up space. */
  deleted: number;
  segments: { id: number; documents: number; chunks: number; bytes: number; tokens: number; tokenBytes: number; [more: string]: unknown }[];
  /** Number of the last commit. */
  generation: number;
  /** Bytes stored. */
  bytes: number;
  /** Parts that could not be read, with the reason; the rest answers. */
  broken: string[];
  /** Where the collection is kept. "memory" also where IndexedDB cannot be used: nothing survives `close`. "http": published, read only. */
  storage: "indexeddb" | "memory" | "http";
  /** Whether the browser promised not to evict this origin's storage; undefined while it was not asked. */
  persisted: boolean | undefined;
  /** Which of the two WebAssembly builds runs. */
  build: "simd128" | "relaxed-simd";
  /** What the last batch of a model ran on. */
  device: DeviceReport;
  /** Pool workers that may run, and that run now. */
  workers: { max: number; running: number };
  embedder:
    | {
        name: string;
        /** Equal digests: comparable vectors. Of the weights, and of the `instructions` for passages where there are any. */
        digest: string;
        dims: number;
        maxTokens: number;
        /**
         * True for the weights of the catalogue, which were tested as they are. False for all others: their family was
         * tested on a small checkpoint with random numbers at most, so compare a few vectors with those of a reference.
         */
        verified: boolean;
      }
    | undefined;
  /** The models of further representations that the collection holds. */
  encoders: { splade?: { name: string; digest: string }; colbert?: { name: string; digest: string } };
  /**
   * What the first dimensions of the vectors are: "matryoshka": trained to stand for the whole; "pca": the axes along
   * which the vectors spread most; "prefix": some of the model's numbers, which it is off-label to compare alone.
   * Undefined without vectors.
   */
  prefixes?: "matryoshka" | "pca" | "prefix" | undefined;
  /** A change to another model that has begun and not ended: see `reembed`. Counted in chunks. */
  pending?: { embedder: { name: string; digest: string }; done: number; total: number } | undefined;
  /** Bytes of WebAssembly memory of the engine's worker. */
  wasmMemory: number;
  /** Tokens embedded or reranked since `open`. */
  tokens: number;
  [more: string]: unknown;
}

/** What `repair` did. */
export interface RepairReport {
  /** One sentence each; empty when nothing was wrong. */
  actions: string[];
  /** Documents that are gone. */
  lost: number;
  /** Their ids, where they could still be read. */
  lostIds: string[];
  /** Chunks that lost their vector and are found by words only, until `reembed`. */
  withoutVectors: number;
}

export interface VerifyReport {
  /** True when nothing is wrong. */
  ok: boolean;
  /** Documents that can be found. */
  documents: number;
  /** What was read. */
  blobs: number;
  bytes: number;
  /** Parts that a crash left behind; the next write removes them. */
  orphans: number;
  /** What is wrong, one sentence each. */
  problems: string[];
  [more: string]: unknown;
}
