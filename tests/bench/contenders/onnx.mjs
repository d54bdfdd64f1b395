// What the contenders of onnxruntime-web have in common: one model, on the processor or on the GPU. Texts are tokenised
// beforehand and do not count; what is timed is tensors in, tensors out. Batches hold texts of similar length and are
// padded to the longest.
import { Tokenizer } from "@huggingface/tokenizers";
import { answer, batches, timed } from "./answer.mjs";

let ort;
let session;
let tokenizer;
let pooling;
let inputs;

const json = async (url) => (await fetch(url)).json();

/** Ids and types of one text or pair, cut at `max` as the models' own tokenisers do: the passage gives way. */
function encode(text, query, max) {
  const plain = (words) => tokenizer.encode(words, { add_special_tokens: false }).ids;
  const [cls, sep] = [tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")];
  const first = query === undefined ? [cls] : [cls, ...plain(query), sep];
  const body = plain(text).slice(0, max - first.length - 1);
  const type = query === undefined ? 0 : 1;
  return { ids: [...first, ...body, sep], types: [...first.map(() => 0), ...body.map(() => type), type] };
}

function feeds(batch) {
  const width = Math.max(...batch.map(({ ids }) => ids.length));
  const tensor = (row) => {
    const data = new BigInt64Array(batch.length * width);
    batch.forEach((input, i) => row(input).forEach((value, j) => (data[i * width + j] = BigInt(value))));
    return new ort.Tensor("int64", data, [batch.length, width]);
  };
  const all = {
    input_ids: tensor(({ ids }) => ids),
    attention_mask: tensor(({ ids }) => ids.map(() => 1)),
    token_type_ids: tensor(({ types }) => types),
  };
  return Object.fromEntries(session.inputNames.map((name) => [name, all[name]]));
}

async function run(size) {
  for (const batch of batches(inputs, size)) await session.run(feeds(batch));
}

/** Of each input of a batch: the sentence's vector, or the pair's score. */
async function outputs(batch) {
  const result = await session.run(feeds(batch));
  const { data, dims } = result[session.outputNames[0]];
  const width = dims.at(-1);
  const size = data.length / batch.length;
  return batch.map(({ ids }, at) => {
    const states = data.subarray(at * size, (at + 1) * size);
    if (pooling === undefined || dims.length === 2) return [...states];
    const tokens = pooling === "cls" ? 1 : ids.length;
    const mean = (j) => Array.from({ length: tokens }, (_, i) => states[i * width + j]).reduce((a, b) => a + b) / tokens;
    return Array.from({ length: width }, (_, j) => mean(j));
  });
}

/** Answers with this build of the runtime and this execution provider of it. */
export function contend(runtime, provider) {
  ort = runtime;
  answer({
    async load({ url, weights, threads, pooling: kind }) {
      ort.env.wasm.numThreads = threads;
      ort.env.wasm.wasmPaths = "/peers/onnxruntime-web/dist/";
      pooling = kind;
      tokenizer = new Tokenizer(await json(`${url}tokenizer.json`), await json(`${url}tokenizer_config.json`));
      const bytes = new Uint8Array(await (await fetch(url + weights)).arrayBuffer());
      session = await ort.InferenceSession.create(bytes, { executionProviders: [provider], graphOptimizationLevel: "all" });
    },

    /** `together`: texts of a batch of those whose outputs are given back. */
    async prepare({ texts, query, max, together = 1 }) {
      const encoded = texts.map((text) => encode(text, query, max));
      inputs = encoded.toSorted((a, b) => b.ids.length - a.ids.length);
      const rows = [];
      for (const batch of batches(encoded.slice(0, 8), together)) rows.push(...(await outputs(batch)));
      return { tokens: encoded.reduce((sum, { ids }) => sum + ids.length, 0), rows };
    },

    run: ({ batch, atLeast }) => timed(() => run(batch), atLeast),
  });
}
