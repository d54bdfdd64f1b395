// EdgeVec with its default parameters, Euclidean distance among them: between vectors of length 1 that is the order of
// the cosine, and with its "cosine" or "dot" version 0.9.0 answers with the farthest. How many candidates a search
// keeps is fixed when the index is made.
import init, { EdgeVec, EdgeVecConfig } from "edgevec/edgevec.js";
import { answer } from "./answer.mjs";
import { DIMS, row, vectorMethods } from "./vectors.mjs";

let index;
let ids;

answer(
  vectorMethods({
    async prepare() {
      await init({ module_or_path: "/peers/edgevec/edgevec_bg.wasm" });
      index = new EdgeVec(new EdgeVecConfig(DIMS));
    },
    build(rows, count) {
      ids = new Map();
      for (let i = 0; i < count; i++) ids.set(index.insert(row(rows, i)), i);
    },
    find: (query, k) => index.search(query, k).map(({ id }) => ids.get(id)),
  }),
);
