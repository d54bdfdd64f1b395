// The truth of the vector case: every vector compared with every query, in full precision.
import { answer } from "./answer.mjs";
import { DIMS, makeVectors } from "./vectors.mjs";

function nearest(rows, count, query, k) {
  const scores = new Float64Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < DIMS; j++, at++) sum += rows[at] * query[j];
    scores[i] = sum;
  }
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, k);
}

answer({
  find({ count, queries, k }) {
    const { rows, queries: asked } = makeVectors(count, queries);
    return Array.from({ length: queries }, (_, i) => nearest(rows, count, asked.subarray(i * DIMS, (i + 1) * DIMS), k));
  },
});
