// Everything a caller passes in and gets back; of searches in a file of its own. Fields that are optional may also be given
// as `undefined`.

export type * from "./search-types.js";

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
  /**
   * What the kernels make use of that not every GPU has: "shader-f16", "packed_4x8_integer_dot_product", "subgroups", or
   * nothing.
   */
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
