import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { lines, planExpansion } = await load("expand.ts");
const { planStages } = await load("stages.ts");

test("lists as language models write them", () => {
  const text = '1. How do plants drink?\n\n- "Why is sap moving?"\n* roots and water\n3) What is xylem?\n• one\n• two\n';
  assert.deepEqual(lines(text), ["How do plants drink?", "Why is sap moving?", "roots and water", "What is xylem?", "one"]);
  assert.deepEqual(lines("  \n"), []);
});

test("what is given needs no generator", async () => {
  const given = { prf: { documents: 3 }, hyde: ["Roots take it up."], queries: ["b", "query", "b"], decompose: ["c"], rewrite: "better" };
  assert.deepEqual(await planExpansion("query", given), {
    rewrite: "better",
    queries: ["b", "c"],
    passages: ["Roots take it up."],
    feedback: { documents: 3 },
  });
  assert.deepEqual(await planExpansion("query", {}), { rewrite: undefined, queries: [], passages: [], feedback: undefined });
});

test("generators are asked at once, each with the query in its prompt", async () => {
  const asked = [];
  let release;
  const all = new Promise((done) => (release = done));
  const generate = async (prompt) => {
    assert.match(prompt, /why do leaves fall/);
    if (asked.push(prompt) === 4) release();
    await all;
    return `answer ${new Set(asked).size}\nmore`;
  };
  const plan = await planExpansion("why do leaves fall", { hyde: generate, queries: generate, decompose: generate, rewrite: generate });
  assert.equal(new Set(asked).size, 4);
  assert.deepEqual(plan.queries, ["answer 4", "more"]);
  assert.deepEqual(plan.passages, ["answer 4\nmore"]);
});

test("a generator that returns no text is named", async () => {
  await assert.rejects(planExpansion("q", { hyde: () => ({}) }), { code: "InvalidInput", message: /expand\.hyde/ });
});

test("an abort while a generator writes ends the search", async () => {
  const control = new AbortController();
  const generate = async () => (control.abort(), "text");
  await assert.rejects(planExpansion("q", { queries: generate }, control.signal), { code: "Aborted" });
});

test("stages: the first hits wait for no generator, and the context comes last", () => {
  const expand = { prf: true };
  const stages = planStages({ mode: "hybrid", expand, rerank: true, context: true });
  assert.deepEqual(stages.map(({ stage, options }) => [stage, options.expand, options.context]), [
    ["sparse", undefined, undefined],
    ["fused", expand, undefined],
    ["reranked", expand, undefined],
    ["reranked", expand, true],
  ]);
});
