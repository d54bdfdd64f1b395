// What the threads ask of each other. Page and engine talk over the engine's own port; the engine and each worker of
// its pool over a port of their own, which the page made.

import type { Bundle } from "./models.js";
import type { Slice } from "./slices.js";
import type { Chunk, ChunkOptions, DeviceChoice, DeviceReport, Document, Instructions, ListOptions, ListResult, Meta, RepairReport, SearchResult, Stats, VerifyReport } from "./types.js";
import type { Build, Compiled, Reading, Role, SparseQuery } from "./wasm.js";

/** A model to load: a name of the catalogue, or the absolute URL of a directory. */
export interface ModelSource {
  model: string;
  /** Absolute URL of the folder in which catalogue names are found, with a slash at its end. */
  base: string;
  cache: boolean;
}

/** The model of an embedder, with what the caller puts before texts. */
export interface EmbedderSource extends ModelSource {
  instructions?: Instructions | undefined;
}

/** An embedder that runs on the page. */
export interface CustomEmbedder {
  name: string;
  digest: string;
  dims: number;
  maxTokens: number;
  matryoshka: boolean;
}

export interface Runtime {
  /** Workers of the pool at most. */
  workers: number;
  device: DeviceChoice;
}

export interface Setup extends Runtime {
  name: string;
  /** As the engine takes them. */
  options: object;
  embedder: EmbedderSource | CustomEmbedder | undefined;
  reranker: ModelSource | undefined;
  sparseEncoder: ModelSource | undefined;
  sparseQuery: SparseQuery | undefined;
  lateEncoder: ModelSource | undefined;
  storage: Stats["storage"];
  /** Of a published collection: where it is, with a slash at its end. */
  url: string | undefined;
}

/** One search, or one stage of several: stages with the same session share what the reranker has already read. */
export interface SearchRequest {
  query: string;
  options: object;
  /** In place of that of {@link Setup}. */
  sparseQuery?: SparseQuery | undefined;
  session?: number | undefined;
}

/** A stored collection to be merged, all of it or what is due. `options` are those of {@link Setup}. */
export interface UpkeepJob {
  name: string;
  options: object;
  all: boolean;
}

/** Answered by the engine's worker. */
export interface EngineMethods {
  configure(runtime: Runtime): void;
  open(setup: Setup): { storage: Stats["storage"] };
  /** Documents for a following `add`, in slices, so that no single message is large. */
  stage(batch: number, slice: Slice): void;
  unstage(batch: number): void;
  add(batch: number): { added: number };
  delete(ids: string[]): number;
  get(id: string): Document | undefined;
  listDocuments(options: ListOptions): ListResult;
  updateMeta(id: string, meta: Meta): void;
  search(request: SearchRequest): SearchResult;
  stats(): Stats;
  verify(): VerifyReport;
  compact(): void;
  fit(): void;
  repair(): RepairReport;
  reembed(embedder: EmbedderSource | CustomEmbedder): void;
  export(): Blob;
  /** Makes a collection of an exported one. */
  import(name: string, file: Blob): { documents: number };
  close(): void;
  chunk(text: string, options: ChunkOptions, embedder: ModelSource | undefined): Chunk[];
  embed(texts: string[], role: Role, embedder: EmbedderSource): { rows: Float32Array; dims: number };
  rerank(query: string, texts: string[], reranker: ModelSource): Float32Array;
  selfCheck(texts: string[], model: ModelSource, device: DeviceChoice | undefined): { cosine: number; build: Build };
  metrics(run: Record<string, string[]>, qrels: Record<string, Record<string, number>>): Record<string, unknown>;
  list(): string[];
  destroy(name: string): void;
  /** A worker of the pool is gone. */
  workerDied(id: number, why: string): void;
}

/** Answered by the page for its engine. */
export interface HostMethods {
  /** Starts a worker of the pool; `port` leads to it. */
  startWorker(compiled: Compiled): { id: number; port: MessagePort };
  endWorker(id: number): void;
  /** The caller's own embedder of this digest. */
  embed(digest: string, texts: string[], role: Role): Float32Array;
}

/** Answered by the worker of a language model. */
export interface GeneratorMethods {
  load(source: ModelSource): { name: string };
  /** Progress events are the pieces of the text as they are written. */
  generate(
    instruction: string | undefined,
    prompt: string,
    most: number,
  ): { text: string; inputTokens: number; outputTokens: number; readSeconds: number; writeSeconds: number };
}

/** What a worker of the pool computed, of how many tokens, and on what. */
export interface PoolRows {
  rows: Float32Array;
  tokens: number;
  device: DeviceReport;
}

/** Answered by a worker of the pool. */
export interface PoolMethods {
  /** Answers when the module that came with the first message is instantiated. */
  ready(device: DeviceChoice): void;
  /** Loads a model; `key` names it from then on. */
  load(key: string, bundle: Bundle): void;
  embed(key: string, texts: string[], reading: Reading): PoolRows;
  embedSpans(key: string, texts: string[], spans: Uint32Array[], reading: Reading): PoolRows;
  score(key: string, query: string, texts: string[]): PoolRows;
  weigh(key: string, texts: string[], role: Role): PoolRows;
  encodeTokens(key: string, texts: string[], role: Role): PoolRows;
  buildGraph(job: Uint8Array): Uint8Array;
  upkeep(job: UpkeepJob): void;
}
