/**
 * Nearfield: a retrieval engine that runs entirely inside the browser. Importing this module runs nothing and is safe
 * on a server; workers start with `open` or with the first use of a part.
 *
 * @packageDocumentation
 */

export { Collection } from "./collection.js";
export { NearfieldError, type ErrorCode } from "./errors.js";
export { evaluate, type EvaluateOptions, type PipelineReport } from "./evaluate.js";
export type { Endpoint } from "./endpoint.js";
export { builtInGenerator, chatGenerator, type ChatOptions, type Usage } from "./generators.js";
export { highlightFragments, type Fragment } from "./highlight.js";
export { learnWeights, type LearnOptions, type LearntWeights } from "./learn.js";
export { localGenerator, type GenerateOptions, type LocalGenerator, type LocalGeneratorOptions, type LocalUsage } from "./local-generator.js";
export { open } from "./open.js";
export { openAIEmbedder, type EmbeddingUsage, type OpenAIEmbedderOptions } from "./openai-embedder.js";
export { chunk, destroy, embed, importCollection, listCollections, rerank, selfCheck } from "./parts.js";
export { parsePipeline, type PipelineOptions } from "./pipelines.js";
export type * from "./types.js";
