// Shapes of every options object of the public interface.

import { invalid } from "./errors.js";
import {
  isAny,
  isArray,
  isBoolean,
  isCount,
  isFunction,
  isNumber,
  isOneOf,
  isPlain,
  isPositive,
  isShape,
  isSignal,
  isStrategy,
  isString,
  type Check,
} from "./validate.js";

const isUrl: Check = (value, path) => {
  if (!(value instanceof URL)) isString(value, path);
};

const call = { signal: isSignal };
const progress = { ...call, onProgress: isFunction };

const runtime = {
  ...progress,
  models: isShape({ base: isUrl, cache: isBoolean }),
  workers: isAny('"auto" or the number of workers', isOneOf("auto"), isCount),
  worker: isFunction,
  device: isOneOf("auto", "webgpu", "wasm"),
};

const chunkFields = {
  strategy: isStrategy,
  size: isPositive,
  overlap: isCount,
};

/** An own embedder may be an instance of a class: only what is used is looked at. */
const isEmbedderObject: Check = (value, path) => {
  isPlain(value, path);
  const { name, dims, digest, maxTokens, matryoshka, embed } = value as Record<string, unknown>;
  isString(name, `${path}.name`);
  isPositive(dims, `${path}.dims`);
  if (digest !== undefined) isString(digest, `${path}.digest`);
  if (maxTokens !== undefined) isPositive(maxTokens, `${path}.maxTokens`);
  if (matryoshka !== undefined) isBoolean(matryoshka, `${path}.matryoshka`);
  isFunction(embed, `${path}.embed`);
};

const isEmbedder: Check = (value, path) => {
  if (typeof value !== "string" && !(value instanceof URL)) isEmbedderObject(value, path);
};

const isBits: Check = (value, path) => {
  if (value !== 2 && value !== 8) throw invalid(`${path} is ${String(value)}, expected 2 or 8`);
};

export const checkLocalGenerator = isShape({
  ...progress,
  models: runtime.models,
  worker: runtime.worker,
  model: isUrl,
  maxTokens: isPositive,
  instruction: isString,
});

export const checkGenerate = isShape({ ...call, onText: isFunction });

/** The first argument of `reembed`. */
export const checkEmbedder: Check = isEmbedder;

const isInstructions = isShape({ query: isString, passage: isString, pooled: isBoolean });

export const checkOpen = isShape({
  ...runtime,
  embedder: isEmbedder,
  instructions: isInstructions,
  reranker: isUrl,
  sparseEncoder: isUrl,
  sparseQuery: isOneOf("model", "tokens"),
  lateEncoder: isUrl,
  vectors: isShape({
    storage: isOneOf("f32", "f16", "int8", "binary"),
    dims: isPositive,
    metric: isOneOf("cosine", "dot", "euclidean"),
    index: isOneOf("auto", "flat", "hnsw"),
    rotation: isOneOf("auto", "none", "pca"),
    tokens: isBits,
  }),
  chunk: isShape({ ...chunkFields, sentences: isBoolean, parents: isPositive, late: isBoolean }),
  language: isString,
  storage: isOneOf("indexeddb", "memory"),
});

export const checkCall = isShape(call);
export const checkCallWithWorker = isShape({ ...call, worker: isFunction });
export const checkProgress = isShape(progress);
export const checkImport = isShape({ ...progress, worker: isFunction });
export const checkReembed = isShape({ ...progress, models: runtime.models, instructions: isInstructions });

export const checkList = isShape({ ...call, after: isString, limit: isPositive, filter: isPlain });

const weight = isNumber(0);
const isTexts = isAny("a function or an array of strings", isFunction, isArray);

const isExpansion = isShape({
  prf: isAny(
    "true, false or { documents, terms, original, alpha, beta }",
    isBoolean,
    isShape({ documents: isCount, terms: isCount, original: weight, alpha: weight, beta: weight }),
  ),
  hyde: isTexts,
  queries: isTexts,
  decompose: isTexts,
  rewrite: isAny("a function or a string", isFunction, isString),
});

const isTranslation: Check = (value, path) => {
  isShape({ by: isFunction, replace: isBoolean })(value, path);
  isFunction((value as { by?: unknown }).by, `${path}.by`);
};

const isContext = isShape({
  tokens: isCount,
  passages: isCount,
  diversity: weight,
  order: isOneOf("score", "edges-first", "document"),
});

export const checkSearch = isShape({
  ...progress,
  k: isCount,
  group: isBoolean,
  mode: isOneOf("hybrid", "sparse", "dense", "splade", "two-stage", "joint", "colbert"),
  sparse: isOneOf("bm25", "tfidf", "splade"),
  sparseQuery: isOneOf("model", "tokens"),
  bm25: isShape({ k1: weight, b: weight, title: weight, body: weight }),
  fusion: isShape({
    method: isOneOf("rrf", "weighted"),
    k: weight,
    weights: isShape({ dense: weight, sparse: weight }),
    normalize: isOneOf("minmax", "zscore"),
  }),
  depth: isCount,
  dims: isPositive,
  binary: isBoolean,
  rescore: isAny("true, false or a count", isBoolean, isCount),
  language: isString,
  translate: isAny("a function or { by, replace }", isFunction, isTranslation),
  level: isOneOf("sentence", "chunk", "document"),
  parents: isBoolean,
  vectors: isOneOf("auto", "flat", "hnsw"),
  ef: isPositive,
  rerank: isAny(
    'true, false or { with: "cross-encoder" or "colbert", top: count }',
    isBoolean,
    isShape({ with: isOneOf("cross-encoder", "colbert"), top: isCount }),
  ),
  expand: (value, path) => value === false || isExpansion(value, path),
  context: (value, path) => typeof value === "boolean" || isContext(value, path),
  preset: isOneOf("gold-standard"),
  filter: isPlain,
  explain: isBoolean,
  text: isBoolean,
});

export const checkChunk = isShape({ ...runtime, ...chunkFields, embedder: isUrl });
export const checkEmbed = isShape({
  ...runtime,
  embedder: isUrl,
  role: isOneOf("query", "passage"),
  instructions: isInstructions,
});
export const checkSelfCheck = isShape({ ...runtime, model: isUrl, texts: isArray });
export const checkRerank = isShape({ ...runtime, reranker: isUrl });
export const checkLearn = isShape({ ...progress, queries: isPlain, qrels: isPlain, search: checkSearch });
export const checkEvaluate = isShape({
  ...progress,
  queries: isPlain,
  qrels: isPlain,
  pipelines: (value, path) => {
    if (!Array.isArray(value)) isPlain(value, path);
  },
  rerankTop: isPositive,
  generate: isFunction,
  translate: isFunction,
  limit: isPositive,
  onFailure: isFunction,
});
