// Our engine with vectors from outside and nothing else to find: no model, texts of one word, kept in memory. It runs
// in this worker, as the peers' indexes do, and not behind the messages of the package.
import init, { Engine, buildGraph } from "/bindgen/nearfield.js";
import { answer } from "./answer.mjs";
import { DIMS, row, vectorMethods } from "./vectors.mjs";

let engine;
let made;

/** A document's text is its number, and a query's too. */
function embed(_, texts, role) {
  const source = role === "query" ? made.queries : made.rows;
  const out = new Float32Array(texts.length * DIMS);
  texts.forEach((text, i) => out.set(row(source, Number(text)), i * DIMS));
  return Promise.resolve(out);
}

const hooks = {
  embed,
  score: () => Promise.reject(new Error("there is no reranker")),
  buildGraph: (_, job) => Promise.resolve(buildGraph(job)),
  release: () => {},
  regain: () => Promise.resolve(),
  pause: () => undefined,
  progress: () => {},
  now: () => performance.now(),
};

const index = {
  async prepare(vectors) {
    made = vectors;
    await init({ module_or_path: "/pkg/nearfield-relaxed.wasm" });
    const embedder = { name: "given", digest: "given", dims: DIMS, max_tokens: 512, maxTokens: 512 };
    const options = { store: "memory", embedder, chunk: { strategy: "none", size: 256, overlap: 0 }, language: "none" };
    engine = await Engine.open("vectors", options, hooks);
  },

  async build(_, count) {
    await engine.add(1, Array.from({ length: count }, (_, i) => ({ id: String(i), text: String(i) })));
    await engine.compact(2);
  },

  async find(_query, k, ef, i) {
    const { hits } = await engine.search(3, String(i), { mode: "dense", k, depth: k, text: false, ...(ef && { ef }) });
    return hits.map(({ id }) => Number(id));
  },
};

answer({ ...vectorMethods(index), stats: () => engine.stats(4) });
