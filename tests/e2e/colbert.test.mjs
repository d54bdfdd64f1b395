// Late interaction through the public interface: token vectors as a mode of its own, and to rerank.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const COLBERT = "answerai-colbert-small-v1";

const NOTES = [
  { id: "bike", text: "The bicycle chain came off twice on the way home, so I cleaned and oiled it." },
  { id: "ferry", text: "The ferry to the island leaves the harbour at six in the morning." },
  { id: "bread", text: "Knead the dough, let it rise overnight and bake it in a hot oven." },
  { id: "stars", text: "The pole star stands still while the other stars turn around it." },
];

const { page } = await openForFile();

test("a question finds what answers it, and reranks what words find", async () => {
  const found = await page.evaluate(async ([lateEncoder, notes]) => {
    const db = await t.open("tokens", { lateEncoder });
    await db.add(notes);
    const first = await db.search("how do I make a loaf?", { mode: "colbert", explain: true });
    const { encoders, broken, segments } = await db.stats();
    await db.close();
    const again = await t.open("tokens", { lateEncoder });
    const ids = async (query, options) => (await again.search(query, options)).hits.map(({ id }) => id);
    const words = await ids("the oven, the home and the morning", { mode: "sparse" });
    const rerank = { with: "colbert", top: 10 };
    const reranked = await ids("the oven, the home and the morning", { mode: "sparse", rerank });
    const stages = [];
    for await (const { stage, final } of again.searchStages("oven", { mode: "sparse", rerank: { ...rerank, top: 50 } })) {
      stages.push(`${stage} ${final}`);
    }
    const report = await t.api.evaluate(again, {
      queries: { a: "baking bread", b: "night sky" },
      qrels: { a: { bread: 1 }, b: { stars: 1 } },
      pipelines: ["colbert", "bm25+colbert"],
    });
    const verified = (await again.verify()).ok;
    await again.close();
    return { first, encoders, broken, segments, words, reranked, stages, report, verified };
  }, [COLBERT, NOTES]);
  assert.equal(found.first.hits[0].id, "bread");
  assert.equal(found.first.mode, "colbert");
  const [best] = found.first.hits;
  assert.equal(best.explanation.tokens.score, best.score);
  assert.ok(best.score > 5 && best.score <= 33, String(best.score));
  assert.equal(found.encoders.colbert.name, COLBERT);
  assert.deepEqual(found.broken, []);
  assert.ok(found.segments[0].tokens > 40 && found.segments[0].tokenBytes > 0);
  assert.deepEqual(found.reranked.toSorted(), found.words.toSorted());
  assert.deepEqual(found.stages, ["sparse false", "reranked true"]);
  assert.equal(found.report.colbert["ndcg@10"], 1);
  assert.ok(found.report["bm25+colbert"].queries === 2);
  assert.equal(found.verified, true);
});

test("large additions go through the pool, and are those of one worker", async () => {
  const same = await page.evaluate(async (lateEncoder) => {
    const documents = t.documents(70, 60);
    const scores = async (workers) => {
      const db = await t.open(`tokens-${workers}`, { lateEncoder, workers, storage: "memory" });
      await db.add(documents);
      const { hits } = await db.search("cat and moon", { mode: "colbert", k: 80 });
      const { running } = (await db.stats()).workers;
      await db.close();
      return { hits: hits.map(({ id, score }) => `${id} ${score}`).sort(), running };
    };
    return { pool: await scores(2), alone: await scores(0) };
  }, COLBERT);
  assert.ok(same.pool.running > 0 && same.alone.running === 0);
  assert.deepEqual(same.pool.hits, same.alone.hits);
});

test("what is asked for without a model is refused, as is another kind of model", async () => {
  const refused = await page.evaluate(async () => {
    const plain = await t.open("plain", { storage: "memory" });
    await plain.add([{ id: "a", text: "a note" }]);
    const mode = await t.failure(plain.search("x", { mode: "colbert" }));
    const rerank = await t.failure(plain.search("x", { rerank: { with: "colbert" } }));
    const word = await t.failure(plain.search("x", { rerank: { with: "guessing" } }));
    await plain.close();
    const kind = await t.failure(t.open("wrong", { lateEncoder: "splade-tiny" }));
    const bits = await t.failure(t.open("wrong", { vectors: { tokens: 4 } }));
    return [mode, rerank, word, kind, bits].map(({ code, message }) => `${code} ${message}`);
  });
  assert.ok(refused.every((failure) => failure.startsWith("InvalidInput")), refused.join("\n"));
  assert.match(refused[0], /lateEncoder/);
  assert.match(refused[3], /late-interaction/);
});
