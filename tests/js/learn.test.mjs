import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { learnWeights, summarise } = await load("learn.ts");

/** nDCG of a query that wants this share of the vectors: it falls with the distance. */
const wants = (best) => Array.from({ length: 21 }, (_, share) => 1 - Math.abs(share - best) / 20);

test("the share that all want is found, and holds on the others", () => {
  const learnt = summarise([wants(14), wants(14), wants(14), wants(14), wants(14), wants(14)]);
  assert.deepEqual(learnt.weights, { dense: 0.7, sparse: 0.3 });
  assert.equal(learnt["ndcg@10"], 1);
  assert.equal(learnt["cross_validated_ndcg@10"], 1);
  assert.ok(learnt["equal_ndcg@10"] < 1);
});

test("a gain by chance does not survive cross-validation", () => {
  // Each query wants something of its own; the mean of the others says nothing of it.
  const spike = (best) => Array.from({ length: 21 }, (_, share) => (share === best ? 1 : share === 10 ? 0.6 : 0.1));
  const learnt = summarise([0, 4, 7, 15, 20].map(spike));
  assert.equal(learnt.weights.dense, 0.5);
  assert.ok(learnt["cross_validated_ndcg@10"] <= learnt["equal_ndcg@10"] + 1e-12);
});

test("of equally good weights the nearest to equal ones", () => {
  assert.deepEqual(summarise([Array(21).fill(0.3), Array(21).fill(0.4)]).weights, { dense: 0.5, sparse: 0.5 });
});

test("searches are asked with the weights, and judged by the collection", async () => {
  const asked = [];
  const db = {
    search: async (query, { fusion, mode, k }) => {
      asked.push({ query, ...fusion.weights, mode, k });
      // "good" comes first from a share of 0.6 on.
      return { hits: fusion.weights.dense > 0.55 ? [{ id: "good" }, { id: "bad" }] : [{ id: "bad" }, { id: "good" }] };
    },
    metrics: async (run) => ({ "ndcg@10": Object.values(run)[0][0] === "good" ? 1 : 0.63 }),
  };
  const queries = { a: "one", b: "two", c: "never judged" };
  const qrels = { a: { good: 1 }, b: { good: 2 }, c: { good: 0 } };
  const learnt = await learnWeights(db, { queries, qrels, search: { mode: "joint" } });
  assert.deepEqual(learnt, {
    weights: { dense: 0.6, sparse: 0.4 },
    "ndcg@10": 1,
    "equal_ndcg@10": 0.63,
    "cross_validated_ndcg@10": 1,
    queries: 2,
  });
  assert.equal(asked.length, 42);
  assert.ok(asked.every(({ mode, k, dense, sparse }) => mode === "joint" && k === 10 && Math.abs(dense + sparse - 1) < 1e-12));
  await assert.rejects(learnWeights(db, { queries: { a: "one" }, qrels }), { code: "InvalidInput" });
});
