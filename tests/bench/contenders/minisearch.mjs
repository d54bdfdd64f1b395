// MiniSearch, title and body as one field and with BM25's usual parameters: on SciFact that ranks best of what was tried.
import MiniSearch from "minisearch";
import { answer } from "./answer.mjs";
import { wordMethods } from "./words.mjs";

let index;

answer(
  wordMethods({
    build(documents) {
      index = new MiniSearch({ fields: ["text"], searchOptions: { bm25: { k: 1.2, b: 0.75, d: 0 } } });
      index.addAll(documents);
    },
    find: (text, k) => index.search(text).slice(0, k).map(({ id }) => id),
  }),
);
