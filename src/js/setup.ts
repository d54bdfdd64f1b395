// From the options of the public interface to what the engine's worker is sent.

import { invalid } from "./errors.js";
import { describe, isCustom } from "./own-embedder.js";
import type { CustomEmbedder, EmbedderSource, ModelSource, Setup } from "./protocol.js";
import type { Embedder, Instructions, OpenOptions, RuntimeOptions } from "./types.js";
import type { Reading, Role } from "./wasm.js";

/** Absolute, with a slash at its end. */
const folder = (url: string | URL): string => new URL(String(url).replace(/\/?$/, "/"), pageUrl()).href;

/** URLs are relative to the page, not to the worker's script. */
const pageUrl = (): string => globalThis.document?.baseURI ?? globalThis.location.href;

export function modelSource(model: string | URL, { base = "/models/", cache = true }: RuntimeOptions["models"] = {}): ModelSource {
  const isUrl = model instanceof URL || /[/:]/.test(model);
  return { model: isUrl ? new URL(model, pageUrl()).href : model, base: folder(base), cache };
}

/** Workers of the pool at most. */
export function workerCount(workers: RuntimeOptions["workers"] = "auto"): number {
  if (workers !== "auto") return workers;
  return Math.min(Math.max(navigator.hardwareConcurrency || 1, 1), 4);
}

/** The model of an embedder, and what is put before its texts. */
export function embedderSource(
  embedder: string | URL,
  { models, instructions }: Pick<OpenOptions, "models" | "instructions">,
): EmbedderSource {
  return { ...modelSource(embedder, models), ...(instructions && { instructions: withoutUndefined(instructions) }) };
}

/** The model of an embedder, or the description of the caller's own. */
export function embedderSetup(
  embedder: string | URL | Embedder,
  options: Pick<OpenOptions, "models" | "instructions">,
): EmbedderSource | CustomEmbedder {
  if (!isCustom(embedder)) return embedderSource(embedder, options);
  if (options.instructions) throw invalid("instructions: an embedder of your own puts them before the texts itself, by their role");
  return describe(embedder);
}

/** How a model reads texts of a role. */
export function reading({ query, passage, pooled }: Instructions = {}, role: Role): Reading {
  return withoutUndefined({ role, instruction: role === "query" ? query : passage, pooled });
}

/** `place`: a name, or where a collection was published. */
export function engineSetup(place: string | URL, options: OpenOptions): Setup {
  if (options.instructions && options.embedder === undefined) throw invalid("instructions: there is no embedder to follow them");
  const url = place instanceof URL ? folder(place) : undefined;
  const { embedder, reranker, sparseEncoder, sparseQuery, lateEncoder, models, workers, vectors, chunk, language, storage = "indexeddb", device = "auto" } = options;
  return {
    name: url ?? String(place),
    options: withoutUndefined({ vectors, ...chunkSetup(chunk), language }),
    embedder: embedder === undefined ? undefined : embedderSetup(embedder, options),
    reranker: reranker === undefined ? undefined : modelSource(reranker, models),
    sparseEncoder: sparseEncoder === undefined ? undefined : modelSource(sparseEncoder, models),
    sparseQuery,
    lateEncoder: lateEncoder === undefined ? undefined : modelSource(lateEncoder, models),
    workers: workerCount(workers),
    device,
    storage: url === undefined ? storage : "http",
    url,
  };
}

/** How documents are cut, and what is made of them besides: the engine keeps these apart. */
function chunkSetup({ sentences, parents, late, ...chunk }: NonNullable<OpenOptions["chunk"]> = {}): object {
  const isSaid = (fields: object) => Object.values(fields).some((field) => field !== undefined);
  const levels = { sentences, parents, late };
  return { chunk: isSaid(chunk) ? chunk : undefined, levels: isSaid(levels) ? levels : undefined };
}

/** A copy without undefined fields, at any depth: in the engine, absence is the only way of not saying. */
export function withoutUndefined<T>(value: T): T {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutUndefined(field)])) as T;
}
