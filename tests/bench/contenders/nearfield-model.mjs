// One instance of our module with one model, called as a worker of the pool calls it: one core, texts to vectors,
// tokenisation and pooling included.
import init, { ModelLoader } from "/bindgen/nearfield.js";
import { answer, timed } from "./answer.mjs";

const never = () => undefined;
let model;
let work;

/** The work over texts, or over pairs with a query. */
const doing = ({ query, texts }) => () => (query === undefined ? model.embed(texts, { role: "passage" }, never) : model.score(query, texts, never));

answer({
  async load({ url, name }) {
    await init({ module_or_path: "/pkg/nearfield-relaxed.wasm" });
    const [config, tokenizer, weights] = await Promise.all(
      ["config.json", "tokenizer.json", "model.safetensors"].map(async (file) => (await fetch(url + file)).arrayBuffer()),
    );
    const text = (buffer) => new TextDecoder().decode(buffer);
    const loader = new ModelLoader(name, text(config), text(tokenizer), "{}");
    const bytes = new Uint8Array(weights);
    for (let at = 0; at < bytes.length; at += 1 << 20) loader.push(bytes.subarray(at, at + (1 << 20)));
    model = loader.finish();
    return model.info();
  },

  /** Takes the texts, does the work once, and says how many tokens they have and what comes out for the first ones. */
  async prepare(job) {
    work = doing(job);
    const before = model.tokens();
    const out = await work();
    const width = job.query === undefined ? model.info().dims : 1;
    const rows = Array.from({ length: Math.min(job.texts.length, 8) }, (_, i) => [...out.subarray(i * width, (i + 1) * width)]);
    return { tokens: model.tokens() - before, rows };
  },

  run: ({ atLeast }) => timed(work, atLeast),
});
