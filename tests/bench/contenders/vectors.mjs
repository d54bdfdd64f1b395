// The vectors of the vector case, the same for everybody: clusters of unequal size in a space of few dimensions, spread
// over 384 by a random map, with a little noise, of length 1. Embeddings look like this: near duplicates, loose topics,
// and far fewer directions than dimensions.
import { random } from "../random.mjs";

export const DIMS = 384;
const INNER = 32;
const CLUSTERS = 500;
const SPREAD = 0.45;
const NOISE = 0.02;

function gaussian(next) {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** `{ rows, queries }`, each joined rows of {@link DIMS} numbers. */
export function makeVectors(count, queries) {
  const next = random(20);
  const map = Float32Array.from({ length: DIMS * INNER }, () => gaussian(next) / Math.sqrt(INNER));
  const centres = Float32Array.from({ length: CLUSTERS * INNER }, () => gaussian(next));
  const inner = new Float32Array(INNER);
  const fill = (all, at) => {
    const cluster = Math.floor(next() ** 2 * CLUSTERS) * INNER;
    for (let j = 0; j < INNER; j++) inner[j] = centres[cluster + j] + SPREAD * gaussian(next);
    let square = 0;
    for (let i = 0; i < DIMS; i++) {
      let sum = NOISE * (next() - 0.5);
      for (let j = 0; j < INNER; j++) sum += map[i * INNER + j] * inner[j];
      all[at + i] = sum;
      square += sum * sum;
    }
    const scale = 1 / Math.sqrt(square);
    for (let i = 0; i < DIMS; i++) all[at + i] *= scale;
  };
  const make = (number) => {
    const all = new Float32Array(number * DIMS);
    for (let at = 0; at < all.length; at += DIMS) fill(all, at);
    return all;
  };
  const asked = make(queries);
  return { rows: make(count), queries: asked };
}

export const row = (all, i) => all.subarray(i * DIMS, (i + 1) * DIMS);

/** What each contender of the vector case answers. `index` has `build(rows, count)` and `find(query, k, ef)`. */
export function vectorMethods(index) {
  let made;
  return {
    /** Milliseconds that building the index takes; making the vectors does not count. */
    async build({ count, queries }) {
      made = { ...makeVectors(count, queries), asked: queries };
      await index.prepare?.(made);
      const start = performance.now();
      await index.build(made.rows, count);
      return performance.now() - start;
    },

    /** The ids of the `k` nearest of each query. */
    async find({ k, ef }) {
      await index.setEf?.(ef);
      const found = [];
      for (let i = 0; i < made.asked; i++) found.push(await index.find(row(made.queries, i), k, ef, i));
      return found;
    },

    /** Milliseconds of a query, on average over `calls` of them, or fewer where those would take more than `limit`. */
    async time({ k, ef, calls, limit }) {
      await index.setEf?.(ef);
      const start = performance.now();
      let done = 0;
      while (done < calls && performance.now() - start < limit) {
        const i = done++ % made.asked;
        await index.find(row(made.queries, i), k, ef, i);
      }
      return (performance.now() - start) / done;
    },
  };
}
