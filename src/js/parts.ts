// The parts of the engine, usable alone: chunking, embedding, reranking, and the list of collections. They share one
// worker, which ends when it has been idle for a while.

import { EngineClient } from "./client.js";
import { collectionName } from "./open.js";
import type { EngineMethods } from "./protocol.js";
import type { CallOptions as RpcOptions } from "./rpc.js";
import { checkCallWithWorker, checkChunk, checkEmbed, checkImport, checkRerank, checkSelfCheck } from "./schema.js";
import { embedderSource, modelSource, withoutUndefined, workerCount } from "./setup.js";
import { requireWorkers } from "./spawn.js";
import type { CallOptions, Chunk, ChunkOptions, Instructions, ProgressOptions, RuntimeOptions } from "./types.js";
import { textArgument, textsArgument } from "./validate.js";

const IDLE = 30_000;

interface Shop {
  client: EngineClient;
  calls: number;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

/** One worker for each factory, pool size and device, of which an application has one. */
const shops = new Map<string, Shop>();
const factories = new Map<unknown, number>();

async function using<K extends keyof EngineMethods>(
  runtime: RuntimeOptions,
  method: K,
  args: Parameters<EngineMethods[K]>,
  options: RpcOptions = {},
) {
  requireWorkers(runtime.worker);
  const workers = workerCount(runtime.workers);
  const { device = "auto" } = runtime;
  if (!factories.has(runtime.worker)) factories.set(runtime.worker, factories.size);
  const key = `${factories.get(runtime.worker)} ${workers} ${device}`;
  let shop = shops.get(key);
  if (!shop) {
    const client = new EngineClient({
      worker: runtime.worker,
      embedders: [],
      boot: (engine) => engine.call("configure", [{ workers, device }]),
    });
    shops.set(key, (shop = { client, calls: 0 }));
  }
  clearTimeout(shop.timer);
  shop.calls++;
  try {
    return await shop.client.call(method, args, { ...options, signal: runtime.signal, onProgress: runtime.onProgress });
  } finally {
    if (--shop.calls === 0) shop.timer = setTimeout(() => shop.client.rest(), IDLE);
  }
}

/** Cuts a text as `add` does. Tokens are those of `embedder`'s tokeniser, or words without one. */
export async function chunk(
  text: string,
  options: ChunkOptions & RuntimeOptions & { embedder?: string | URL | undefined } = {},
): Promise<Chunk[]> {
  checkChunk(options, "options");
  const { strategy, size, overlap, embedder, models } = options;
  const source = embedder === undefined ? undefined : modelSource(embedder, models);
  return using(options, "chunk", [textArgument(text, "text"), withoutUndefined({ strategy, size, overlap }), source]);
}

/** One vector for each text, in order. `role` (default "passage") matters to models that treat queries differently. */
export async function embed(
  texts: readonly string[],
  options: RuntimeOptions & {
    embedder?: string | URL | undefined;
    role?: "query" | "passage" | undefined;
    /** That of the role stands before each text. */
    instructions?: Instructions | undefined;
  } = {},
): Promise<Float32Array[]> {
  checkEmbed(options, "options");
  const { embedder = "all-MiniLM-L6-v2", role = "passage" } = options;
  const list = textsArgument(texts, "texts");
  const { rows, dims } = await using(options, "embed", [list, role, embedderSource(embedder, options)]);
  return list.map((_, index) => rows.subarray(index * dims, (index + 1) * dims));
}

/** Places of the texts by falling relevance to the query, with the cross-encoder's score (a logit: any real number). */
export async function rerank(
  query: string,
  texts: readonly string[],
  options: RuntimeOptions & { reranker?: string | URL | undefined } = {},
): Promise<{ index: number; score: number }[]> {
  checkRerank(options, "options");
  const { reranker = "ms-marco-MiniLM-L-12-v2", models } = options;
  const list = textsArgument(texts, "texts");
  const scores = await using(options, "rerank", [textArgument(query, "query"), list, modelSource(reranker, models)]);
  const ranked = Array.from(scores, (score, index) => ({ index, score }));
  return ranked.sort((a, b) => b.score - a.score || a.index - b.index);
}

/** Sentences of several lengths, so that every kernel has full and partly filled tiles to compute. */
const PROBES = [
  "Search.",
  "The harbour froze for the first time in forty years.",
  "A model that runs on every processor should give the same answer on every processor, whatever its instructions are.",
];

/**
 * Whether this device computes what it should: the lowest cosine, over all tokens of some texts, between the hidden
 * states of the int8 encoder and those of an f32 reference on the same weights. Above 0.98 is sound; a broken kernel
 * gives far less. Fetches the reference (a module of its own) when it is first called; takes seconds. With
 * `device: "webgpu"` the encoder on the GPU is checked, which rounds less: above 0.9995 is sound there.
 */
export async function selfCheck(
  options: RuntimeOptions & { model?: string | URL | undefined; texts?: readonly string[] | undefined } = {},
): Promise<{ cosine: number; build: "simd128" | "relaxed-simd" }> {
  checkSelfCheck(options, "options");
  const { model = "all-MiniLM-L6-v2", texts = PROBES, device, models } = options;
  return using(options, "selfCheck", [textsArgument(texts, "texts"), modelSource(model, models), device]);
}

/** Names of the collections stored by this origin, sorted. */
export async function listCollections(options: CallOptions & Pick<RuntimeOptions, "worker"> = {}): Promise<string[]> {
  checkCallWithWorker(options, "options");
  return using(options, "list", []);
}

/**
 * Makes a collection of a file that `export` wrote. Until everything has come and was checked, there is nothing to be
 * seen of it. Throws Corrupt for a damaged file, and InvalidInput where a collection of that name has documents.
 *
 * @example
 * const file = await db.export();
 * await importCollection("copy", file);
 */
export async function importCollection(
  name: string,
  file: Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>,
  options: ProgressOptions & Pick<RuntimeOptions, "worker"> = {},
): Promise<{ documents: number }> {
  checkImport(options, "options");
  const blob = file instanceof Blob ? file : await new Response(file as BodyInit).blob();
  return using(options, "import", [collectionName(name), blob], { settle: true });
}

/**
 * Deletes a collection with everything in it. Tabs that have it open are told; their calls fail with NotFound. Throws
 * Locked if another tab is writing to it. A collection that does not exist is not an error.
 */
export async function destroy(name: string, options: CallOptions & Pick<RuntimeOptions, "worker"> = {}): Promise<void> {
  checkCallWithWorker(options, "options");
  return using(options, "destroy", [collectionName(name)], { settle: true });
}
