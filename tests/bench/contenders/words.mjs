// What each contender of the word case answers. `index` has `build(documents)` and `find(text, k)`, which gives ids.
import { timedEach } from "./answer.mjs";

export const wordMethods = (index) => ({
  /** Milliseconds until all documents can be found. */
  async build(documents) {
    const start = performance.now();
    await index.build(documents);
    return performance.now() - start;
  },

  async find({ queries, k }) {
    const found = [];
    for (const text of queries) found.push(await index.find(text, k));
    return found;
  },

  /** Milliseconds of each query. */
  time: ({ queries, k }) => timedEach(queries, (text) => index.find(text, k)),
});
