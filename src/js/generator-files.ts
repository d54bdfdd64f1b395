// The files of a language model: from the cache, or over the network into it. What was cached is checked by its digest
// each time that it is used.

import { invalid, NearfieldError, throwIfAborted } from "./errors.js";
import { fetchFile, readBody } from "./fetching.js";
import { MODEL_BYTES, TOKENIZER_BYTES } from "./limits.js";
import type { GeneratorModule } from "./generator.js";
import { openCache } from "./model-cache.js";
import { locate } from "./models.js";
import type { ModelSource } from "./protocol.js";
import type { ProgressEvent } from "./types.js";

export interface GeneratorFiles {
  name: string;
  /** A handle: its bytes are outside of the worker's memory. */
  weights: Blob;
  tokenizer: Uint8Array;
}

type Report = (event: ProgressEvent) => void;

/** Bytes that are read of a Blob at a time. */
const PIECE = 4 << 20;
/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;

export async function generatorFiles(
  wasm: GeneratorModule,
  source: ModelSource,
  signal: AbortSignal,
  report: Report,
): Promise<GeneratorFiles> {
  const known = wasm.generators();
  const { name, url } = locate(source, known.map(({ name, weights }) => ({ name, digest: weights })));
  const pinned = known.find((entry) => entry.name === name && !/[/:]/.test(source.model));
  const cache = source.cache ? await openCache() : undefined;
  const file = async (path: string, most: number, digest: string | undefined) => {
    const key = `${url}${path}?nearfield=generator`;
    const kept = await cache?.match(key).catch(() => undefined);
    const promised = digest ?? kept?.headers.get(DIGEST) ?? undefined;
    if (kept && promised) {
      const blob = await kept.blob();
      if ((await digestOf(wasm, blob, signal)) === promised) return blob;
      await cache?.delete(key);
    }
    const blob = await download(name, url + path, most, signal, report);
    const found = await digestOf(wasm, blob, signal);
    if (digest && found !== digest) {
      throw new NearfieldError("Integrity", `${url}${path}: SHA-256 is ${found}, but the catalogue says ${digest}`);
    }
    // A full disk only means that the next start downloads again.
    await cache?.put(key, new Response(blob, { headers: { [DIGEST]: found } })).catch(() => {});
    return blob;
  };
  const tokenizer = await file("tokenizer.json", TOKENIZER_BYTES, pinned?.tokenizer);
  const weights = await file("model.gguf", MODEL_BYTES, pinned?.weights);
  if (weights.size === 0) throw invalid(`${url}model.gguf is empty`);
  return { name, weights, tokenizer: new Uint8Array(await tokenizer.arrayBuffer()) };
}

const DIGEST = "x-nearfield-sha256";

async function download(model: string, url: string, most: number, signal: AbortSignal, report: Report): Promise<Blob> {
  const blobs: Blob[] = [];
  let reported = 0;
  for await (const { bytes, done, total } of readBody(await fetchFile(url, signal), signal)) {
    if (done > most) throw new NearfieldError("LimitExceeded", `${url} has more than ${most} bytes`);
    // Blobs keep their bytes outside of this worker's heap.
    blobs.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    if (performance.now() - reported < REPORT_EVERY && done !== total) continue;
    reported = performance.now();
    report({ phase: "download", model, unit: "bytes", done, total });
  }
  return new Blob(blobs);
}

async function digestOf(wasm: GeneratorModule, blob: Blob, signal: AbortSignal): Promise<string> {
  const hash = new wasm.Hash();
  try {
    for (let at = 0; at < blob.size; at += PIECE) {
      hash.push(new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer()));
      throwIfAborted(signal);
    }
  } catch (error) {
    hash.free();
    throw error;
  }
  return hash.finish();
}
