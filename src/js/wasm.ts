// The WebAssembly module: which of its two builds this browser can run, how it is fetched, and what it exports.

import * as glue from "#wasm";
import { NearfieldError } from "./errors.js";
import { HAS_RELAXED, moduleUrl } from "./modules.js";
import type { Chunk, Document, ListResult, ModelInfo, SearchResult } from "./types.js";

/** Hands control back to the event loop where that is due; rejects when the call was aborted. */
export type Pause = () => Promise<void> | undefined;

export type Role = "query" | "passage";

/** How texts are read: on which side of retrieval, and what the caller puts before them in place of the model's prefix. */
export interface Reading {
  role: Role;
  instruction?: string | undefined;
  /** Whether what stands before a text counts in its mean; as the model's files say where it is not given. */
  pooled?: boolean | undefined;
}

/** Where the weights of a query's terms come from. */
export type SparseQuery = "model" | "tokens";

/** Files beside the weights, and the weights in pieces as they arrive. */
export interface WasmModelLoader {
  /** Takes the file of the dense head, where it is one of its own: before all others. */
  addDense(file: Uint8Array): void;
  /** Takes the next bytes of model.safetensors; returns the next bytes of the quantised copy. */
  push(bytes: Uint8Array): Uint8Array;
  finish(): WasmModel;
  free(): void;
}

export interface WasmModel {
  info(): ModelInfo;
  /** Rows of `info().dims` numbers, joined. */
  embed(texts: string[], reading: Reading, pause: Pause): Promise<Float32Array>;
  /** Rows for parts of texts that are read whole: of each text, start and end of each part in bytes. */
  embedSpans(texts: string[], spans: Uint32Array[], reading: Reading, pause: Pause): Promise<Float32Array>;
  score(query: string, passages: string[], pause: Pause): Promise<Float32Array>;
  /** Rows of `2 * info().maxTerms` numbers: token id and weight in turn, weight 0 after the last. */
  weigh(texts: string[], role: Role, query: SparseQuery | undefined, pause: Pause): Promise<Float32Array>;
  /** For each text the number of its tokens, then as many rows of `info().dims` numbers. */
  encodeTokens(texts: string[], role: Role, pause: Pause): Promise<Float32Array>;
  /** Tokens encoded so far, special tokens included. */
  tokens(): number;
  /** Sizes of the encoder, for those who compute it elsewhere. */
  config(): object;
  /** What its pass ends in; undefined for models that the GPU has no kernels for. */
  readout(): object | undefined;
  /** Sums of the embeddings of sequences of tokens, end to end; `types` is empty (all 0) or as long as `ids`. */
  lookUp(ids: Uint32Array, types: Uint32Array, lengths: Uint32Array): Float32Array;
  tokenIds(text: string, reading: Reading): Uint32Array;
  /** Tokens at the beginning of each text that its mean leaves out. */
  unpooled(reading: Reading): number;
  /** Token ids of a query and a passage together, and behind them as many token types. */
  pairTokens(query: string, passage: string): Uint32Array;
  /** Hidden states of token ids, `[ids, dims]`. */
  states(ids: Uint32Array, pause: Pause): Promise<Float32Array>;
  free(): void;
}

/** What the engine asks of this worker. `call` is the number of the call that it works on. */
export interface EngineHooks {
  embed(call: number, texts: string[], role: Role): Promise<Float32Array>;
  embedSpans(call: number, texts: string[], spans: Uint32Array[]): Promise<Float32Array>;
  score(call: number, query: string, texts: string[]): Promise<Float32Array>;
  weigh(call: number, texts: string[], role: Role): Promise<Float32Array>;
  encodeTokens(call: number, texts: string[], role: Role): Promise<Float32Array>;
  buildGraph(call: number, job: Uint8Array): Promise<Uint8Array>;
  /** Lets others write until `regain`. */
  release(call: number): void;
  regain(call: number): Promise<void>;
  pause(call: number): Promise<void> | undefined;
  progress(call: number, event: EngineProgress): void;
  now(): number;
  /** A published file, or the bytes of a range of it where `end` is not 0; nothing where there is none. */
  fetch(url: string, start: number, end: number): Promise<Uint8Array | undefined>;
}

export interface EngineProgress {
  phase: "chunk" | "embed" | "commit" | "merge" | "graph" | "rotate" | "copy";
  done: number;
  total: number;
  committed?: number;
}

export interface WasmEngine {
  add(call: number, documents: Document[]): Promise<{ added: number }>;
  delete(call: number, ids: string[]): Promise<number>;
  get(call: number, id: string): Promise<Document | undefined>;
  list(call: number, options: object): Promise<ListResult>;
  updateMeta(call: number, id: string, meta: object): Promise<void>;
  search(call: number, query: string, options: object): Promise<SearchResult>;
  /** Reads what opening has left for later: all that words do not need. */
  complete(call: number): Promise<void>;
  stats(call: number): Promise<Record<string, unknown>>;
  verify(call: number): Promise<Record<string, unknown>>;
  compact(call: number): Promise<void>;
  repair(call: number): Promise<Record<string, unknown>>;
  /** Missing in the lite build, as `export`. One step towards another model's vectors; true if there is more to do. */
  reembed(call: number, embedder: object, tokenizer?: string): Promise<boolean>;
  fit(call: number): Promise<void>;
  /** Calls `emit` with one piece of the file after the other. */
  export(call: number, emit: (piece: Uint8Array) => void): Promise<void>;
  /** One step of merging or graph building; true if there may be more to do. */
  maintain(call: number): Promise<boolean>;
  /** Whether `maintain` would find something to do. */
  due(call: number): Promise<boolean>;
  /** Reads the newest generation; true if it is another than before. */
  refresh(call: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Takes an exported collection, in pieces cut anywhere. Nothing of it can be seen before `finish`. */
export interface WasmImporter {
  push(bytes: Uint8Array): Promise<void>;
  /** Number of documents. */
  finish(): Promise<number>;
  free(): void;
}

/** In the lite build there are no models: what deals with them is missing. */
export interface Wasm {
  initSync(options: { module: WebAssembly.Module }): { memory: WebAssembly.Memory };
  ModelLoader: new (name: string, config: string, tokenizer: string, extras: string) => WasmModelLoader;
  Engine: { open(name: string, options: object, hooks: EngineHooks, tokenizer?: string, terms?: string): Promise<WasmEngine> };
  Importer: { open(name: string): Promise<WasmImporter> };
  /** Models that can be named without a URL, and the digest that each must have. */
  catalogue(): { name: string; digest: string }[];
  /** What names the vectors of passages that a model, by its digest, reads so. */
  readingDigest(digest: string, reading: Reading): string;
  buildGraph(job: Uint8Array): Uint8Array;
  chunk(text: string, options: object, tokenizer?: string): Chunk[];
  /** Missing in the lite build, where nobody measures. */
  metrics(run: Record<string, string[]>, qrels: Record<string, Record<string, number>>): Record<string, unknown>;
  destroy(name: string): Promise<void>;
  listCollections(): Promise<string[]>;
}

export type Build = "simd128" | "relaxed-simd";

/** A compiled module, which other workers can instantiate without compiling it again. */
export interface Compiled {
  module: WebAssembly.Module;
  build: Build;
}

/** An instance: one in each worker. */
export interface Instance extends Compiled {
  wasm: Wasm;
  memory: WebAssembly.Memory;
}

// (module (func (result v128) <three times i32.const 0 i8x16.splat> <instruction>))
const probe = (...instruction: number[]): boolean => {
  const splat = [0x41, 0, 0xfd, 0x0f];
  const body = [0, ...splat, ...splat, ...splat, ...instruction, 0x0b];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const types = [1, 5, 1, 0x60, 0, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const code = [10, body.length + 2, 1, body.length, ...body];
  return WebAssembly.validate(Uint8Array.from([...header, ...types, ...functions, ...code]));
};

const hasSimd = () => probe(0x1a, 0x1a); // drop, drop: one vector is left
const hasRelaxedSimd = () => probe(0xfd, 0x93, 0x02); // i32x4.relaxed_dot_i8x16_i7x16_add_s

export async function compile(): Promise<Compiled> {
  if (!hasSimd()) throw new NearfieldError("Unsupported", "this browser has no WebAssembly SIMD (simd128)");
  const relaxed = HAS_RELAXED && hasRelaxedSimd();
  return { build: relaxed ? "relaxed-simd" : "simd128", module: await fetchModule(moduleUrl(relaxed)) };
}

export async function fetchModule(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new NearfieldError("Network", `${url.href} could not be fetched: ${String(cause)}`, { cause });
  });
  if (!response.ok) throw new NearfieldError("Network", `${url.href}: the server answered ${response.status}`);
  try {
    // Streaming needs the right media type, which plain file servers do not always send.
    const type = response.headers.get("content-type") ?? "";
    const streams = type.startsWith("application/wasm") && "compileStreaming" in WebAssembly;
    return await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch (cause) {
    const advice = "a content security policy must allow 'wasm-unsafe-eval'";
    throw new NearfieldError("Network", `${url.href} is no WebAssembly that this browser accepts (${advice}): ${String(cause)}`, { cause });
  }
}

export function instantiate(compiled: Compiled): Instance {
  const wasm = glue as unknown as Wasm;
  const { memory } = wasm.initSync({ module: compiled.module });
  return { ...compiled, wasm, memory };
}
