// The published package, used as a page uses it: its own worker, its pool, its messages.
import { embed, rerank } from "/pkg/nearfield.js";
import { answer, timed } from "./answer.mjs";

let work;
let warm;

answer({
  async prepare({ texts, query, model, workers, device }) {
    const runtime = { workers, device, models: { base: "/models/", cache: false } };
    const over = (some) => (query === undefined ? embed(some, { ...runtime, embedder: model }) : rerank(query, some, { ...runtime, reranker: model }));
    work = () => over(texts);
    warm = () => over(["warm"]);
    const out = await work();
    const rows = query === undefined ? out : out.toSorted((a, b) => a.index - b.index).map(({ score }) => [score]);
    return { rows: rows.slice(0, 8).map((row) => [...row]) };
  },

  /** A worker that had nothing to do for half a minute has ended: starting it again does not count. */
  async run({ atLeast }) {
    await warm();
    return timed(work, atLeast);
  },
});
