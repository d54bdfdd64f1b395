// transformers.js: its pipeline from texts to vectors, with models from this server and nothing from elsewhere.
import { env, pipeline } from "@huggingface/transformers";
import { answer, batches, timed } from "./answer.mjs";

let extract;
let pooling;
let texts;

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.useBrowserCache = false;
env.localModelPath = "/onnx/";

const run = async (size) => {
  for (const batch of batches(texts, size)) await extract(batch, { pooling, normalize: true });
};

answer({
  async load({ model, threads, pooling: kind }) {
    pooling = kind;
    const runtime = new URL("/peers/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify", location.href).href;
    env.backends.onnx.wasm.wasmPaths = { mjs: `${runtime}.mjs`, wasm: `${runtime}.wasm` };
    env.backends.onnx.wasm.numThreads = threads;
    extract = await pipeline("feature-extraction", model, { dtype: "q8", device: "wasm" });
  },

  /** Texts of similar length go together, so that little is padding. */
  async prepare(job) {
    texts = job.texts.toSorted((a, b) => b.length - a.length);
    const rows = [];
    for (const text of job.texts.slice(0, 8)) rows.push([...(await extract([text], { pooling, normalize: true })).data]);
    return { rows };
  },

  run: ({ batch, atLeast }) => timed(() => run(batch), atLeast),
});
