// What the cases of embedding and reranking share: which models, how contenders are started, and that they compute the
// same before anybody's time counts.
import { lowestCosine } from "./statistics.mjs";

/** Bi-encoders, with the arithmetic of the peer's ONNX file. */
export const MODELS = [
  { name: "bge-small-en-v1.5", pooling: "cls", max: 512, arithmetic: "int8" },
  { name: "all-MiniLM-L6-v2", pooling: "mean", max: 256, arithmetic: "f32 on int8 weights" },
];
export const RERANKER = { name: "ms-marco-MiniLM-L-12-v2", max: 512, arithmetic: "int8" };

const BATCHES = [1, 8, 32];
/** Both sides quantise, each in its own way; a wrong pooling or a lost word shows far below this. */
export const AGREEMENT = 0.95;

export const startNearfield = (contender, name) => contender.call("load", { name, url: `/models/${name}/` });

export const startOnnx = (contender, { name, pooling }, threads) =>
  contender.call("load", { url: `/onnx/${name}/`, weights: "onnx/model_quantized.onnx", threads, pooling });

/** Largest difference of a logit that two ways of quantising may make. */
export const TOLERANCE = 1;

/** The batch size at which a contender that has its texts is fastest, each tried once. */
export async function bestBatch(contender, count) {
  if (count === 1) return 1;
  const times = [];
  for (const batch of BATCHES) times.push(await contender.call("run", { batch }));
  return BATCHES[times.indexOf(Math.min(...times))];
}

/** Throws unless both read the same tokens and came to the same vectors. */
export function check(ours, theirs, what) {
  if (theirs.tokens !== undefined && ours.tokens !== undefined && ours.tokens !== theirs.tokens) {
    throw new Error(`${what}: we read ${ours.tokens} tokens, the peer ${theirs.tokens}`);
  }
  const cosine = lowestCosine(ours.rows, theirs.rows);
  if (!(cosine >= AGREEMENT)) throw new Error(`${what}: our vectors and the peer's have a cosine of ${cosine.toFixed(3)}`);
}

export const tokensPerSecond = (tokens) => (ms) => (tokens * 1000) / ms;
