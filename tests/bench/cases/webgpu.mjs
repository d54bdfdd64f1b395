// Models on the GPU: ours against ourselves on the processor and against onnxruntime-web's two providers, with what each
// computes beside its time. In a browser of its own, which has the computer's GPU or a software adapter.
import { described, webgpuArgs } from "../../tools/webgpu.mjs";
import { AGREEMENT, bestBatch, MODELS, RERANKER, startOnnx, TOLERANCE } from "../inference.mjs";
import { Lab } from "../lab.mjs";
import { version } from "../peers.mjs";
import { interleaved, largestDifference, lowestCosine } from "../statistics.mjs";
import { ofTokens, ofWords } from "../texts.mjs";

/** Shortest time to measure, in milliseconds, on a real GPU. */
const AT_LEAST = 300;
/** Minutes after which a call counts as failed. */
const PATIENCE = 10;

const QUERY_WORDS = 8;
const PAIR_TOKENS = 128;

/** What contenders are called in the report; the first is the one that is compared. */
const OURS = "nearfield";
const REFERENCE = "nearfield, processor";

const embedding = (count, tokens) => ({ name: `${count} x ${tokens} tokens`, texts: ofTokens(count, tokens), tokens });

/** `count` passages, which together with the query are pairs of the same length. */
const pairs = (count) => ({
  name: `${count} pairs of ${PAIR_TOKENS} tokens`,
  query: ofWords(1, QUERY_WORDS, 2)[0],
  texts: ofWords(count, PAIR_TOKENS - QUERY_WORDS - 3, 3),
  tokens: PAIR_TOKENS,
});

export async function webgpu(bench) {
  const lab = await Lab.open({ args: await webgpuArgs() });
  try {
    const adapter = await lab.adapter();
    if (!adapter) throw new Error("Chromium has no WebGPU adapter here, not even a software one");
    bench.heading(`WebGPU on ${described(adapter)}`);
    if (adapter.software) bench.say("this adapter is software: look at who FAILED and at the cosines; its times mean nothing, and large batches are left out");
    const run = { bench, lab, adapter };
    // A software adapter does some ten tokens a second in the peer's kernels.
    const [texts, passages] = adapter.software ? [4, 4] : [32, 50];
    for (const model of MODELS) await compared(run, model, [embedding(1, 16), embedding(1, 128), embedding(texts, 128)]);
    await compared(run, RERANKER, [pairs(passages)]);
  } finally {
    await lab.close();
  }
}

/** All shapes with one model. A contender that cannot load it fails in each. */
async function compared({ bench, lab, adapter }, model, shapes) {
  const peer = `onnxruntime-web@${await version("onnxruntime-web")}`;
  bench.heading(`${model.name} on WebGPU; the peer's file is for arithmetic in ${model.arithmetic}`);
  const scripts = ["nearfield-package", "nearfield-package", "onnxruntime-webgpu", "onnxruntime"];
  await lab.with(scripts, async (gpu, cpu, peerGpu, peerCpu) => {
    const contenders = [
      { name: OURS, contender: gpu, job: { model: model.name, workers: 0, device: "webgpu" } },
      { name: REFERENCE, contender: cpu, job: { model: model.name, workers: 0, device: "wasm" } },
      { name: `${peer}, webgpu`, contender: peerGpu, job: { max: model.max, together: 8 }, onnx: true },
      { name: `${peer}, wasm, 1 thread`, contender: peerCpu, job: { max: model.max, together: 8 }, onnx: true },
    ];
    for (const one of contenders) {
      if (one.onnx) await guarded(one, () => startOnnx(one.contender, model, 1));
    }
    for (const shape of shapes) await compareShape({ bench, adapter }, model, shape, contenders.map((one) => ({ ...one })));
  });
}

/** Notes the error of a contender that fails, which then takes no further part. */
async function guarded(one, work) {
  if (one.error !== undefined) return undefined;
  try {
    return await work();
  } catch (error) {
    one.error = error.message;
    return undefined;
  }
}

async function compareShape({ bench, adapter }, model, { name, texts, query, tokens }, contenders) {
  const call = ({ contender }, method, args) => contender.call(method, args, { minutes: PATIENCE });
  for (const one of contenders) {
    const prepared = await guarded(one, () => call(one, "prepare", { texts, query, ...one.job }));
    one.rows = prepared?.rows;
    if (prepared?.tokens !== undefined && prepared.tokens !== texts.length * tokens) {
      one.error = `it reads ${prepared.tokens} tokens, meant were ${texts.length * tokens}`;
    }
    if (one.onnx && one.error === undefined) one.batch = adapter.software ? texts.length : await bestBatch(one.contender, texts.length);
  }
  const turn = (one) => () => guarded(one, () => call(one, "run", { batch: one.batch, atLeast: adapter.software ? 0 : AT_LEAST }));
  const rounds = adapter.software ? bench.slowRounds : bench.rounds;
  const times = await interleaved(rounds, Object.fromEntries(contenders.map((one) => [one.name, turn(one)])));

  const able = contenders.filter(({ error }) => error === undefined);
  const failed = Object.fromEntries(contenders.filter(({ error }) => error !== undefined).map(({ name, error }) => [name, error]));
  const reference = able.find((one) => one.name === REFERENCE)?.rows;
  const agreement = reference ? Object.fromEntries(able.map((one) => [one.name, agreed(query, one.rows, reference)])) : {};
  const what = `${query === undefined ? "embedding" : "reranking"} on WebGPU, ${model.name}, ${name}`;
  const { [OURS]: ours, ...peers } = Object.fromEntries(able.map((one) => [one.name, times[one.name]]));
  if (!ours) {
    for (const [who, values] of Object.entries(peers)) bench.say(`${what}: ${who}, ${Math.round(values[0])} ms, ${agreement[who]}`);
    throw new Error(`${what}: ${failed[OURS]}`);
  }
  await bench.record({
    name: what,
    unit: "ms",
    better: "lower",
    ours,
    peers,
    agreement,
    failed,
    adapter,
    note:
      `${texts.length * tokens} tokens; ours and the processor through ${query === undefined ? "embed()" : "rerank()"}, one worker; the peer without tokenising` +
      `${adapter.software ? "; a software adapter: times mean nothing" : ""}`,
  });
  if (agreement[OURS]?.endsWith(WRONG)) throw new Error(`${what}: ours computes something else than the processor: ${agreement[OURS]}`);
}

const WRONG = ": WRONG";

/** How well vectors, or scores where there is a query, are those of the reference, in words. */
function agreed(query, rows, reference) {
  if (query === undefined) {
    const cosine = lowestCosine(rows, reference);
    return `cosine ${cosine.toFixed(4)}${cosine >= AGREEMENT ? "" : WRONG}`;
  }
  const difference = largestDifference(rows, reference);
  return `scores within ${difference.toFixed(3)}${difference <= TOLERANCE ? "" : WRONG}`;
}
