// The published package, used as a page uses it: its own worker, its pool, its messages.
import { embed, rerank } from "/pkg/nearfield.js";
import { answer, timed } from "./answer.mjs";

let work;

answer({
  async prepare({ texts, query, model, workers }) {
    const runtime = { workers, models: { base: "/models/", cache: false } };
    work = () => (query === undefined ? embed(texts, { ...runtime, embedder: model }) : rerank(query, texts, { ...runtime, reranker: model }));
    const out = await work();
    return { rows: query === undefined ? out.slice(0, 8).map((row) => [...row]) : out.slice(0, 8).map(({ score }) => [score]) };
  },

  run: ({ atLeast }) => timed(work, atLeast),
});
