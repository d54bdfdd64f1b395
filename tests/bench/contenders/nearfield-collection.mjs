// A collection of the published package, used as a page uses it.
import { destroy, open } from "/pkg/nearfield.js";
import { answer } from "./answer.mjs";

let db;
const models = { base: "/models/", cache: true };

answer({
  async open(name, options) {
    const start = performance.now();
    db = await open(name, { models, ...options });
    return performance.now() - start;
  },

  /** Milliseconds from nothing to the first hit. */
  async firstHit(name, options, query, mode) {
    const start = performance.now();
    db = await open(name, { models, ...options });
    const opened = performance.now() - start;
    const { hits } = await db.search(query, { k: 10, mode });
    if (hits.length === 0) throw new Error("nothing was found");
    return { open: opened, hit: performance.now() - start };
  },

  /** Milliseconds until all documents are committed. */
  async add(documents) {
    const start = performance.now();
    await db.add(documents);
    return performance.now() - start;
  },

  /** When each stage of a search was there, in milliseconds. */
  async stages(query, options) {
    const start = performance.now();
    const times = [];
    for await (const { stage, hits } of db.searchStages(query, options)) {
      times.push({ stage, hits: hits.length, ms: performance.now() - start });
    }
    return times;
  },

  stats: () => db.stats(),
  compact: () => db.compact(),
  close: () => db.close(),
  destroy: (name) => destroy(name),
});
