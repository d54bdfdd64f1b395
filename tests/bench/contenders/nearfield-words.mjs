// Lexical search through the published package, in memory like the peers; every query crosses to its worker and back.
import { open } from "/pkg/nearfield.js";
import { answer } from "./answer.mjs";
import { wordMethods } from "./words.mjs";

let db;

const index = {
  async build(documents) {
    await db?.close();
    db = await open("bench-words", { storage: "memory", chunk: { strategy: "none" } });
    await db.add(documents.map(({ id, text }) => ({ id, text })));
  },
  find: async (text, k) => (await db.search(text, { mode: "sparse", k, text: false })).hits.map(({ id }) => id),
};

answer({ ...wordMethods(index), metrics: (run, qrels) => db.metrics(run, qrels) });
