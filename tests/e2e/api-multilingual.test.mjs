// Models that are not English encoders, through the public interface: across languages, and without an encoder.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const { page } = await openForFile();

/** The first hit of each query, by vectors alone. */
const first = (embedder, documents, queries) =>
  page.evaluate(
    async ([embedder, documents, queries]) => {
      const db = await t.open(embedder, { embedder, language: "none" });
      await db.add(documents);
      const ids = [];
      for (const query of queries) ids.push((await db.search(query, { mode: "dense" })).hits[0].id);
      const { embedder: used } = await db.stats();
      await db.close();
      return { ids, dims: used.dims, maxTokens: used.maxTokens };
    },
    [embedder, documents, queries],
  );

test("a question finds its answer in another language", async () => {
  const documents = [
    { id: "ferry", text: "The ferry leaves the northern pier at half past six and reaches the island before noon." },
    { id: "Brot", text: "Das Mehl langsam zugeben, glatt rühren und den Teig eine Stunde ruhen lassen." },
    { id: "桥", text: "春天河水上涨,城里的老桥因此关闭了两个星期。" },
  ];
  const queries = ["Wann fährt das Schiff zur Insel?", "How long must the dough rest?", "Why was the bridge closed?"];
  const { ids, dims, maxTokens } = await first("multilingual-e5-small", documents, queries);
  assert.deepEqual(ids, ["ferry", "Brot", "桥"]);
  assert.deepEqual([dims, maxTokens], [384, 512]);
});

test("a table of words is enough for what is plainly about the same thing", async () => {
  const documents = [
    { id: "cats", text: "The small kitten slept on the warm windowsill." },
    { id: "stocks", text: "Share prices fell after the central bank raised interest rates." },
    { id: "recipe", text: "Whisk the eggs, fold in the flour and bake for twenty minutes." },
  ];
  const { ids, dims } = await first("potion-base-2M", documents, ["cat", "economy and finance", "baking a cake"]);
  assert.deepEqual(ids, ["cats", "stocks", "recipe"]);
  assert.equal(dims, 64);
});
