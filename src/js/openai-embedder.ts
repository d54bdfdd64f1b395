// Vectors from an endpoint that speaks OpenAI's wire format for embeddings, which many servers do.

import { postJson, type Endpoint } from "./endpoint.js";
import { invalid, NearfieldError, throwIfAborted } from "./errors.js";
import type { Embedder } from "./types.js";

export interface OpenAIEmbedderOptions extends Endpoint {
  /** As the endpoint names it. */
  model: string;
  /** Length of the model's vectors. */
  dims: number;
  /** Ask for vectors shortened to `dims`, of models that can. Default false: the model's own length is expected. */
  shorten?: boolean | undefined;
  /** Texts of one request at most. Default 64. */
  batch?: number | undefined;
  /** How vectors travel. Default "base64", less than half as many bytes; "float" for servers that know nothing else. */
  encoding?: "base64" | "float" | undefined;
  /** Put before every query and every passage, for models that were trained so. */
  prefixes?: { query?: string | undefined; passage?: string | undefined } | undefined;
  /** Longest input in tokens; chunks are kept below it. Default 512. */
  maxTokens?: number | undefined;
  /** Price of a million tokens, for `usage.cost`. */
  price?: number | undefined;
}

/** What an embedder has used since it was made. */
export interface EmbeddingUsage {
  requests: number;
  tokens: number;
  /** In the currency of `price`. */
  cost: number;
}

/**
 * An embedder that asks an endpoint with OpenAI's wire format (`POST …/embeddings`). Every text that is added or
 * searched for is sent there, and nothing else is; nothing is sent before.
 *
 * @example
 * const embedder = openAIEmbedder({ url: "http://localhost:8080/v1/embeddings", model: "small", dims: 384 });
 * const db = await open("docs", { embedder });
 * embedder.usage.tokens;
 */
export function openAIEmbedder(options: OpenAIEmbedderOptions): Embedder & { usage: EmbeddingUsage } {
  const { url, model, dims, shorten = false, batch = 64, encoding = "base64", prefixes, maxTokens, price = 0 } = options ?? {};
  if (!url || !model) throw invalid("openAIEmbedder: url and model are needed");
  if (!Number.isInteger(dims) || dims < 1) throw invalid(`openAIEmbedder: dims is ${dims}, must be the length of the model's vectors`);
  if (!Number.isInteger(batch) || batch < 1) throw invalid(`openAIEmbedder: batch is ${batch}, must be a whole number above 0`);
  const usage: EmbeddingUsage = { requests: 0, tokens: 0, cost: 0 };

  const embed: Embedder["embed"] = async (texts, role, signal) => {
    const prefix = prefixes?.[role] ?? "";
    const rows: Float32Array = new Float32Array(texts.length * dims);
    for (let at = 0; at < texts.length; at += batch) {
      throwIfAborted(signal);
      const input = texts.slice(at, at + batch).map((text) => prefix + text);
      const body = { model, input, encoding_format: encoding, ...(shorten && { dimensions: dims }) };
      const answer = (await postJson(options, body, signal)) as Answer;
      usage.requests += 1;
      usage.tokens += answer?.usage?.total_tokens ?? answer?.usage?.prompt_tokens ?? 0;
      usage.cost = (usage.tokens * price) / 1e6;
      read(answer, rows.subarray(at * dims, (at + input.length) * dims), dims, String(url));
    }
    return rows;
  };
  // Vectors of other lengths or with other prefixes cannot be compared with these.
  const digest = [model, dims, prefixes?.query ?? "", prefixes?.passage ?? ""].join("|");
  return { name: model, digest, dims, maxTokens, embed, usage };
}

interface Answer {
  data?: { index?: unknown; embedding?: unknown }[];
  usage?: { total_tokens?: number; prompt_tokens?: number };
}

/** Writes the vectors of an answer to `rows`, each where its index says. */
function read(answer: Answer, rows: Float32Array, dims: number, url: string): void {
  const fail = (what: string) => new NearfieldError("Network", `${url}: ${what}`);
  const data = answer?.data;
  const count = rows.length / dims;
  if (!Array.isArray(data) || data.length !== count) {
    throw fail(`an answer with ${Array.isArray(data) ? data.length : "no"} vectors for ${count} texts`);
  }
  const seen = new Set<number>();
  data.forEach(({ index, embedding }, place) => {
    const at = index === undefined ? place : Number(index);
    if (!Number.isInteger(at) || at < 0 || at >= count || seen.has(at)) throw fail(`vector ${place} has index ${String(index)}`);
    seen.add(at);
    const numbers = typeof embedding === "string" ? decode(embedding) : embedding;
    if (!(Array.isArray(numbers) || numbers instanceof Float32Array)) throw fail(`vector ${at} is neither numbers nor base64`);
    if (numbers.length !== dims) throw fail(`vector ${at} has ${numbers.length} dimensions, not ${dims}`);
    rows.set(numbers, at * dims);
  });
}

/** Numbers of 32 bits, little-endian, in base64; undefined for other text. */
function decode(text: string): Float32Array | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(4 * i, true));
  } catch {
    return undefined;
  }
}
