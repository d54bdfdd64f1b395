// Weighted terms of a learned sparse model, and what combines words and vectors, through the public interface.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const SPLADE = "splade-tiny";

const NOTES = [
  { id: "bike", text: "The bicycle chain came off twice on the way home, so I cleaned and oiled it." },
  { id: "ferry", text: "The ferry to the island leaves the harbour at six in the morning." },
  { id: "bread", text: "Knead the dough, let it rise overnight and bake it in a hot oven." },
  { id: "stars", text: "The pole star stands still while the other stars turn around it." },
];

const { page } = await openForFile();

test("a query finds what shares none of its words, and explains by which terms", async () => {
  const found = await page.evaluate(async ([sparseEncoder, notes]) => {
    const db = await t.open("weighted", { sparseEncoder });
    await db.add(notes);
    const search = async (query, options) => (await db.search(query, { mode: "splade", explain: true, ...options })).hits;
    const cycling = await search("motorcycle");
    const words = (await db.search("motorcycle", { mode: "sparse" })).hits.length;
    const { encoders, broken } = await db.stats();
    await db.close();
    const again = await t.open("weighted", { sparseEncoder, sparseQuery: "tokens" });
    const plain = (await again.search("motorcycle", { mode: "splade" })).hits.length;
    // A search may say otherwise.
    const expanded = (await again.search("motorcycle", { mode: "splade", sparseQuery: "model" })).hits.map(({ id, score }) => [id, score]);
    const own = (await again.search("bicycle", { mode: "splade", explain: true })).hits[0];
    const verified = (await again.verify()).ok;
    await again.close();
    return { cycling, words, encoders, broken, plain, expanded, own, verified };
  }, [SPLADE, NOTES]);
  assert.equal(found.cycling[0].id, "bike");
  assert.equal(found.words, 0);
  const { terms } = found.cycling[0].explanation.sparse;
  assert.ok(terms.length > 0 && terms.every(({ term, tf, idf, score }) => term && Math.abs(tf * idf - score) < 1e-3));
  assert.equal(found.encoders.splade.name, SPLADE);
  assert.deepEqual(found.broken, []);
  // A query that is not expanded weighs its own tokens, 1 each.
  assert.ok(found.plain < found.cycling.length);
  assert.deepEqual(found.expanded, found.cycling.map(({ id, score }) => [id, score]));
  assert.deepEqual(found.own.explanation.sparse.terms.map(({ term, idf }) => [term, idf]), [["bicycle", 1]]);
  assert.equal(found.verified, true);
});

test("large additions go through the pool, and are those of one worker", async () => {
  const same = await page.evaluate(async (sparseEncoder) => {
    const documents = t.documents(80, 60);
    const scores = async (workers) => {
      const db = await t.open(`pool-${workers}`, { sparseEncoder, workers, storage: "memory" });
      await db.add(documents);
      const { hits } = await db.search("cat and moon", { mode: "splade", k: 80 });
      const { running } = (await db.stats()).workers;
      await db.close();
      return { hits: hits.map(({ id, score }) => `${id} ${score}`).sort(), running };
    };
    return { pool: await scores(2), alone: await scores(0) };
  }, SPLADE);
  assert.ok(same.pool.running > 0 && same.alone.running === 0);
  assert.deepEqual(same.pool.hits, same.alone.hits);
});

test("two stages, joint scores and learnt weights", async () => {
  const found = await page.evaluate(async ([sparseEncoder, notes]) => {
    const { embedder } = t;
    const db = await t.open("both", { sparseEncoder, embedder, storage: "memory" });
    await db.add([...t.documents(30), ...notes]);
    const ids = async (options) => (await db.search("cat tea harbour", options)).hits.map(({ id }) => id);
    const sparse = await ids({ mode: "sparse", depth: 20, k: 20 });
    const staged = await ids({ mode: "two-stage", depth: 20, k: 20 });
    const joint = await db.search("cat tea harbour", { mode: "joint", k: 40, explain: true });
    const learned = await ids({ mode: "joint", sparse: "splade" });
    const queries = { a: "ferry to the island", b: "bake dough in the oven" };
    const qrels = { a: { ferry: 1 }, b: { bread: 1 } };
    const learnt = await t.api.learnWeights(db, { queries, qrels });
    const pipelines = await t.api.evaluate(db, { queries, qrels, pipelines: ["splade", "two-stage", "joint"] });
    const late = await t.open("late", { embedder, storage: "memory" });
    await late.add(notes);
    const refused = await t.failure(late.search("x", { mode: "splade" }));
    await late.close();
    await db.close();
    return { sparse, staged, joint, learned, learnt, pipelines, refused };
  }, [SPLADE, NOTES]);
  assert.deepEqual(found.staged.toSorted(), found.sparse.toSorted());
  assert.equal(found.joint.hits.length, 34);
  assert.equal(found.joint.mode, "joint");
  assert.ok(found.joint.hits.every(({ score }, at, all) => at === 0 || score <= all[at - 1].score));
  assert.ok(found.joint.hits[0].explanation.dense.score > 0);
  assert.equal(found.learned.length, 10);
  assert.ok(found.learnt["ndcg@10"] >= found.learnt["equal_ndcg@10"]);
  assert.equal(found.learnt.queries, 2);
  assert.equal(found.pipelines.splade["ndcg@10"], 1);
  assert.equal(found.refused.code, "InvalidInput");
});

test("what is no learned sparse model is refused", async () => {
  const failures = await page.evaluate(async () => {
    const reranker = await t.failure(t.open("wrong", { sparseEncoder: "all-MiniLM-L6-v2" }));
    const unknown = await t.failure(t.open("wrong", { sparseEncoder: "no-such-model" }));
    const option = await t.failure(t.open("wrong", { sparseQuery: "guess" }));
    return [reranker.code, unknown.code, option.code];
  });
  assert.deepEqual(failures, ["InvalidInput", "InvalidInput", "InvalidInput"]);
});
