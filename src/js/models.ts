// From the name or URL of a model to a loaded one. First from the cache; else over the network, quantised piece by
// piece while it streams in. What comes out besides the model is its bundle: everything that another worker needs to
// load the same model without a download.

import { invalid, NearfieldError, throwIfAborted } from "./errors.js";
import { fetchBytes, fetchFile, fetchOptional, fetchText, readBody } from "./fetching.js";
import { CONFIG_BYTES, HEAD_BYTES, TOKENIZER_BYTES } from "./limits.js";
import { PIECE, readCached, sha256, writeCached } from "./model-cache.js";
import type { ModelSource } from "./protocol.js";
import type { ModelInfo, ProgressEvent } from "./types.js";
import type { Wasm, WasmModel, WasmModelLoader } from "./wasm.js";

/** A quantised model as a value that can be sent to another worker or kept in the cache. */
export interface Bundle {
  name: string;
  /** The directory it came from, with a slash at its end. */
  url: string;
  config: string;
  tokenizer: string;
  /** JSON object: path of an optional file to its text. */
  extras: string;
  /** model.safetensors with int8 weights. A Blob is a handle: sending it copies nothing. */
  weights: Blob;
  bytes: number;
  /** SHA-256 of each {@link PIECE} of the weights; empty where digests cannot be computed. */
  pieces: string[];
  info: ModelInfo;
}

interface Location {
  name: string;
  url: string;
  /** Digest that the model must have, for names of the catalogue. */
  digest: string | undefined;
}

type Report = (event: ProgressEvent) => void;

/** Where a model is. Anything with a slash or a colon is a URL; the rest are names of the catalogue. */
export function locate({ model, base }: ModelSource, catalogue: readonly { name: string; digest: string }[]): Location {
  if (/[/:]/.test(model)) {
    const url = new URL(model, base);
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    url.search = url.hash = "";
    return { name: nameOf(url), url: url.href, digest: undefined };
  }
  const entry = catalogue.find(({ name }) => name === model);
  if (!entry) {
    const known = catalogue.map(({ name }) => name).join(", ");
    throw invalid(`unknown model "${model}": the catalogue has ${known}; for another give the URL of its directory`);
  }
  return { name: model, url: `${base}${model}/`, digest: entry.digest || undefined };
}

/** The last folder; on hubs, which put "resolve" and the name of a revision behind it, that of the repository. */
function nameOf(url: URL): string {
  const folders = decodeURIComponent(url.pathname).split("/").filter((part) => part !== "");
  const resolve = folders.lastIndexOf("resolve");
  const onHub = resolve > 0 && resolve < folders.length - 1;
  return folders.at(onHub ? resolve - 1 : -1) ?? url.host;
}

/** Every way to a model begins here, so that the lite build says what it is. */
function find(wasm: Wasm, source: ModelSource): Location {
  if ("ModelLoader" in wasm) return locate(source, wasm.catalogue());
  const advice = 'import "nearfield" instead of "nearfield/lite", or give an embedder of your own';
  throw new NearfieldError("Unsupported", `the lite build runs no models (${source.model}): ${advice}`);
}

/** The bundle in the cache, if there is one. Its weights are checked when they are loaded. */
export async function findCached(wasm: Wasm, source: ModelSource): Promise<Bundle | undefined> {
  const { url, digest } = find(wasm, source);
  return source.cache ? readCached(url, digest) : undefined;
}

/** Whether these very weights were tested: those of the catalogue were. */
export const isVerified = (wasm: Wasm, { digest }: { digest: string }): boolean =>
  wasm.catalogue().some((known) => known.digest === digest);

/** Downloads, quantises, checks and, if wanted, caches a model. */
export async function download(
  wasm: Wasm,
  source: ModelSource,
  signal: AbortSignal,
  report: Report,
): Promise<{ bundle: Bundle; model: WasmModel }> {
  const { name, url, digest } = find(wasm, source);
  const text = (file: string, most: number) => fetchText(url + file, most, signal);
  // Both at once; where neither is there, config.json is the one that is named.
  const words = text("tokenizer.json", TOKENIZER_BYTES);
  words.catch(() => {});
  const config = await text("config.json", CONFIG_BYTES);
  const tokenizer = await words;
  const extras = JSON.stringify(isOwnFormat(config, url) ? {} : await fetchExtras(url, config, signal));

  const loader = new wasm.ModelLoader(name, config, tokenizer, extras);
  await addDense(loader, url, extras, signal);
  const copy = await quantise(loader, name, await fetchFile(`${url}model.safetensors`, signal), signal, report);
  const model = loader.finish();
  const info = model.info();
  if (digest && info.digest !== digest) {
    model.free();
    const message = `${url}: the digest of ${name} is ${info.digest}, but the catalogue says ${digest}`;
    throw new NearfieldError("Integrity", message);
  }
  const bundle = { name, url, config, tokenizer, extras, info, ...copy };
  if (source.cache) await writeCached(bundle);
  return { bundle, model };
}

/** Hubs keep the weights of a dense head in a file of their own. */
async function addDense(loader: WasmModelLoader, url: string, extras: string, signal: AbortSignal): Promise<void> {
  const [folder] = moduleFolders((JSON.parse(extras) as Record<string, string>)["modules.json"], "Dense");
  if (folder === undefined) return;
  try {
    loader.addDense(await fetchBytes(`${url}${folder}/model.safetensors`, HEAD_BYTES, signal));
  } catch (error) {
    loader.free();
    throw error;
  }
}

/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;

/** Feeds the loader with what the server sends and collects the quantised copy. Frees the loader when that fails. */
async function quantise(loader: WasmModelLoader, model: string, response: Response, signal: AbortSignal, report: Report) {
  const copy = new Pieces();
  let reported = 0;
  let arrived = 0;
  const tell = (total: number | undefined) => report({ phase: "download", model, unit: "bytes", done: arrived, total });
  try {
    for await (const { bytes, done, total } of readBody(response, signal)) {
      await copy.push(loader.push(bytes));
      arrived = done;
      if (performance.now() - reported < REPORT_EVERY || done === total) continue;
      reported = performance.now();
      tell(total);
    }
    // The end is always told, also where the server did not say how much would come.
    tell(arrived);
    throwIfAborted(signal);
    return await copy.finish();
  } catch (error) {
    loader.free();
    throw error;
  }
}

/** Loads a model from its bundle, checking every piece. Throws Integrity if one is not what was written. */
export async function loadBundle(wasm: Wasm, bundle: Bundle, signal?: AbortSignal): Promise<WasmModel> {
  const loader = new wasm.ModelLoader(bundle.name, bundle.config, bundle.tokenizer, bundle.extras);
  const read = (at: number) => bundle.weights.slice(at, at + PIECE).arrayBuffer();
  try {
    let next = read(0);
    for (let at = 0; at < bundle.bytes; at += PIECE) {
      const bytes = new Uint8Array(await next);
      if (at + PIECE < bundle.bytes) next = read(at + PIECE);
      const expected = bundle.pieces[at / PIECE];
      if (expected && (await sha256(bytes)) !== expected) {
        throw new NearfieldError("Integrity", `the cached copy of ${bundle.name} is damaged at byte ${at}`);
      }
      throwIfAborted(signal);
      loader.push(bytes);
    }
  } catch (error) {
    loader.free();
    throw error;
  }
  return loader.finish();
}

/** Models that our own converter wrote say in config.json all that the optional files say elsewhere. */
function isOwnFormat(config: string, url: string): boolean {
  try {
    return typeof (JSON.parse(config) as { nearfield?: unknown } | null)?.nearfield === "object";
  } catch (cause) {
    const what = /^\s*</.test(config) ? "HTML" : "something else";
    throw new NearfieldError("Network", `${url}config.json: the server answered with ${what} instead of JSON`, { cause });
  }
}

async function fetchExtras(url: string, config: string, signal: AbortSignal): Promise<Record<string, string>> {
  const extras: Record<string, string> = {};
  const get = async (path: string) => {
    const text = await fetchOptional(url + path, CONFIG_BYTES, signal);
    if (text !== undefined) extras[path] = text;
  };
  const files = ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "tokenizer_config.json"];
  // What ColBERT's training leaves beside its models.
  if (config.includes("ColBERT")) files.push("artifact.metadata");
  await Promise.all(files.map(get));
  const modules = extras["modules.json"];
  const folders = modules === undefined ? ["1_Pooling"] : moduleFolders(modules, "Pooling", "Dense");
  await Promise.all(folders.map((folder) => get(`${folder}/config.json`)));
  return extras;
}

/** Folders of the modules of some kinds, as modules.json names them. What is wrong with it, the loader says. */
export function moduleFolders(modules: string | undefined, ...kinds: string[]): string[] {
  try {
    const list = JSON.parse(modules ?? "[]") as { type?: unknown; path?: unknown }[];
    const wanted = list.filter(({ type }) => kinds.includes(String(type).split(".").at(-1)!));
    return wanted.map(({ path }) => String(path)).filter((path) => /^\w[\w.-]*$/.test(path));
  } catch {
    return [];
  }
}

/** Collects the quantised copy outside of this worker's heap, with a digest for each full piece. */
class Pieces {
  #buffer = new Uint8Array(PIECE);
  #filled = 0;
  #blobs: Blob[] = [];
  #digests: (string | undefined)[] = [];

  async push(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE) await this.#flush();
    }
  }

  async finish(): Promise<Pick<Bundle, "weights" | "bytes" | "pieces">> {
    if (this.#filled > 0) await this.#flush();
    const weights = new Blob(this.#blobs);
    const pieces = this.#digests.filter((digest) => digest !== undefined);
    return { weights, bytes: weights.size, pieces };
  }

  async #flush(): Promise<void> {
    const piece = this.#buffer.slice(0, this.#filled);
    this.#digests.push(await sha256(piece));
    this.#blobs.push(new Blob([piece]));
    this.#filled = 0;
  }
}
