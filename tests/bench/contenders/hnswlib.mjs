// hnswlib-wasm, with the parameters that it names as its defaults.
import { defaultParams, loadHnswlib } from "hnswlib-wasm";
import { answer } from "./answer.mjs";
import { DIMS, row, vectorMethods } from "./vectors.mjs";

let index;
/** It gives its own labels; they follow the order of the vectors. */
let labels;

answer(
  vectorMethods({
    async prepare() {
      const library = await loadHnswlib();
      index = new library.HierarchicalNSW("cosine", DIMS, "");
    },
    build(rows, count) {
      const [m, efConstruction, seed] = defaultParams.initIndex;
      index.initIndex(count, m, efConstruction, seed);
      labels = new Map();
      // In slices: all vectors as lists of numbers at once would not fit.
      for (let at = 0; at < count; at += 1000) {
        const slice = Array.from({ length: Math.min(1000, count - at) }, (_, i) => row(rows, at + i));
        index.addItems(slice, false).forEach((label, i) => labels.set(label, at + i));
      }
    },
    setEf: (ef) => index.setEfSearch(ef),
    find: (query, k) => Array.from(index.searchKnn(query, k, undefined).neighbors, (label) => labels.get(label)),
  }),
);
