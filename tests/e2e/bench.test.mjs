// What `npm run bench` does with our own code can be done: the bench calls modules that no type checker sees. Small, and
// by no clock.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startNearfield } from "../bench/inference.mjs";
import { Lab } from "../bench/lab.mjs";

const MODEL = "all-MiniLM-L6-v2";
const RERANKER = "ms-marco-MiniLM-L-12-v2";
const TEXTS = ["A river runs through the garden.", "Stars are far away.", "Bread needs flour, water and salt."];

let lab;

before(async () => {
  lab = await Lab.open({ ours: true });
});

after(async () => {
  await lab?.close();
});

const cosine = (a, b) => {
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

test("the bare kernel is timed", async () => {
  assert.ok((await lab.calibrate()) > 0);
});

test("vectors: nearly all of the nearest are found, by a scan and with less effort", () =>
  lab.with(["nearfield-vectors", "exhaustive"], async (ours, exhaustive) => {
    const size = { count: 1000, queries: 20 };
    const truth = await exhaustive.call("find", { ...size, k: 10 });
    assert.ok((await ours.call("build", size)) > 0);
    const found = await ours.call("find", { k: 10, ef: 40 });
    const shared = found.map((ids, i) => ids.filter((id) => truth[i].includes(id)).length);
    assert.ok(shared.reduce((sum, n) => sum + n, 0) >= 0.95 * 10 * size.queries, shared.join());
    assert.ok((await ours.call("time", { k: 10, calls: 5, limit: 1000 })) > 0);
    assert.equal((await ours.call("stats")).chunks, size.count);
  }));

test("words: documents are built and found", () =>
  lab.with(["nearfield-words"], async (ours) => {
    await ours.call("build", [TEXTS.map((text, at) => ({ id: `t${at}`, text }))]);
    assert.deepEqual(await ours.call("find", { queries: ["garden river", "flour"], k: 3 }), [["t0"], ["t2"]]);
    assert.equal((await ours.call("time", { queries: ["stars"], k: 3 })).length, 1);
    const metrics = await ours.call("metrics", [{ q: ["t1", "t0"] }, { q: { t0: 1 } }]);
    assert.ok(Math.abs(metrics["ndcg@10"] - 1 / Math.log2(3)) < 1e-6, JSON.stringify(metrics));
  }));

test("a model alone, and the package, compute the same", () =>
  lab.with(["nearfield-model", "nearfield-package"], async (alone, whole) => {
    for (const [model, query] of [[MODEL], [RERANKER, "What does bread need?"]]) {
      await startNearfield(alone, model);
      const job = { texts: TEXTS, query };
      const [mine, theirs] = [await alone.call("prepare", job), await whole.call("prepare", { ...job, model, workers: 1 })];
      assert.ok(mine.tokens > 3 * TEXTS.length, `${mine.tokens} tokens`);
      assert.equal(mine.rows.length, TEXTS.length);
      for (const [at, row] of mine.rows.entries()) {
        const other = theirs.rows[at];
        assert.equal(row.length, other.length);
        assert.ok(query === undefined ? cosine(row, other) > 0.99999 : Math.abs(row[0] - other[0]) < 1e-3, `${model}: ${row[0]}, ${other[0]}`);
      }
      assert.ok((await alone.call("run", { atLeast: 0 })) > 0 && (await whole.call("run", { atLeast: 0 })) > 0);
    }
  }));

test("a collection is opened, filled, searched by stages, and opened again until its first hit", () =>
  lab.with(["nearfield-collection"], async (ours) => {
    const options = { embedder: MODEL, reranker: RERANKER, workers: 1, chunk: { strategy: "none" } };
    assert.ok((await ours.call("open", ["bench-test", options])) > 0);
    assert.ok((await ours.call("add", [TEXTS.map((text, at) => ({ id: `t${at}`, text }))])) > 0);
    const stages = await ours.call("stages", ["garden", { k: 3, rerank: { top: 3 } }]);
    assert.deepEqual([stages[0].hits, stages.at(-1).hits], [1, 3]);
    await ours.call("compact");
    await ours.call("close");
    const { open, hit } = await ours.call("firstHit", ["bench-test", options, "garden", "hybrid"]);
    assert.ok(open > 0 && hit > open);
    assert.equal((await ours.call("stats")).documents, TEXTS.length);
    await ours.call("close");
    await ours.call("destroy", "bench-test");
  }));

test("a collection grows", () =>
  lab.with(["nearfield-growth"], async (ours) => {
    await ours.call("open", { most: 300, queries: 4 });
    for (const size of [100, 300]) {
      assert.ok((await ours.call("grow", size)) > 0);
      assert.equal((await ours.call("stats")).chunks, size);
    }
    assert.equal((await ours.call("time")).length, 4);
    await ours.call("close");
  }));

test("nothing went wrong on the page", () => {
  assert.deepEqual(lab.problems, []);
});
