// voy. Its package is made for a bundler that knows WebAssembly modules; what such a bundler does is done here.
import * as glue from "voy-search/voy_search_bg.js";
import { answer } from "./answer.mjs";
import { row, vectorMethods } from "./vectors.mjs";

let index;

answer(
  vectorMethods({
    async prepare() {
      const file = fetch("/peers/voy-search/voy_search_bg.wasm");
      const { instance } = await WebAssembly.instantiateStreaming(file, { "./voy_search_bg.js": glue });
      glue.__wbg_set_wasm(instance.exports);
    },
    build(rows, count) {
      const resource = (i) => ({ id: String(i), title: "", url: "", embeddings: [...row(rows, i)] });
      index = new glue.Voy({ embeddings: Array.from({ length: count }, (_, i) => resource(i)) });
    },
    find: (query, k) => index.search(query, k).neighbors.map(({ id }) => Number(id)),
  }),
);
