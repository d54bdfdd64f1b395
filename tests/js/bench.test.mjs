// The arithmetic and the form of what `npm run bench` writes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { operations } from "../bench/cases/roofline.mjs";
import { random } from "../bench/random.mjs";
import { lines, losses } from "../bench/report.mjs";
import { entry, figure, interleaved, largestDifference, lowestCosine, median, quantile, ratio, recall } from "../bench/statistics.mjs";
import { ofTokens, real } from "../bench/texts.mjs";

test("medians and quantiles", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([7]), 7);
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(hundred, 0.95), 95);
  assert.equal(quantile(hundred, 0), 1);
  assert.equal(quantile(hundred, 1), 100);
  assert.throws(() => median([]), /no values/);
  assert.throws(() => quantile([], 0.5), /no values/);
});

test("a ratio above 1 means that ours is better, whichever way the figure points", () => {
  assert.equal(ratio(300, 100, "higher"), 3);
  assert.equal(ratio(5, 10, "lower"), 2);
  assert.equal(ratio(10, 5, "lower"), 0.5);
});

test("every contender has its turn in every round, and each round begins with another", async () => {
  const order = [];
  const turn = (name) => async () => order.push(name);
  const values = await interleaved(3, { a: turn("a"), b: turn("b"), c: turn("c") });
  assert.equal(order.join(""), "abcbcacab");
  assert.deepEqual(values, { a: [1, 6, 8], b: [2, 4, 9], c: [3, 5, 7] });
});

test("an entry has the documented form", () => {
  const made = entry({
    name: "embedding",
    unit: "tokens/s",
    better: "higher",
    ours: [10, 40, 30],
    peers: { "peer@1.0.0": [10, 20, 15], "other@2.0.0": [60] },
    machine: "m",
    calibration: 100,
  });
  assert.deepEqual(made, {
    name: "embedding",
    unit: "tokens/s",
    better: "higher",
    ours: 30,
    peers: { "peer@1.0.0": 15, "other@2.0.0": 60 },
    ratio: { "peer@1.0.0": 2, "other@2.0.0": 0.5 },
    runs: 3,
    machine: "m",
    calibration: 100,
  });
  assert.deepEqual(entry({ name: "alone", unit: "ms", better: "lower", ours: [1], note: "n" }).peers, {});
});

test("what a peer does better is listed, worst first, and said in its line", () => {
  const made = (name, ours, peer) => entry({ name, unit: "ms", better: "lower", ours: [ours], peers: { peer: [peer] } });
  const entries = [made("a", 2, 1), made("b", 1, 2), made("c", 5, 1)];
  entries.push(entry({ name: "own", unit: "ms", better: "lower", ours: [2], peers: { "nearfield, otherwise": [1] } }));
  assert.deepEqual(losses(entries).map(({ name }) => name), ["c", "a"]);
  assert.match(lines(entries[0]).join("\n"), /WORSE: ours is 2\.00 times worse/);
  assert.match(lines(entries[1]).join("\n"), /ours is 2\.00 times better/);
});

test("who failed is said, agreement stands beside the times, and times of software GPUs are no losses", () => {
  const figures = { name: "a", unit: "ms", better: "lower", ours: [2], peers: { fast: [1] } };
  const agreement = { nearfield: "cosine 0.9990", fast: "cosine 0.4000: WRONG" };
  const made = entry({ ...figures, agreement, failed: { broken: "no such kernel" }, adapter: { software: true } });
  const text = lines(made).join("\n");
  assert.match(text, /nearfield .*cosine 0\.9990/);
  assert.match(text, /fast .*2\.00 times worse; cosine 0\.4000: WRONG/);
  assert.match(text, /broken FAILED: no such kernel/);
  assert.deepEqual(losses([made]), []);
  assert.equal(losses([entry({ ...figures, adapter: { software: false } })]).length, 1);
});

test("the work of a forward pass is what the shape of the model says", () => {
  // 21.2 Mop a token in the matrices of MiniLM-L6, and the attention.
  const [matrices, attention] = [6 * 2 * 12 * 384 * 384, 6 * 4 * 128 * 384];
  assert.equal(operations({ layers: 6, dims: 384 }, 2, 128), (matrices + attention) * 256);
  assert.equal(Math.round(matrices / 1e5), 212);
});

test("recall counts true neighbours over all queries", () => {
  assert.equal(recall([[1, 2], [3, 9]], [[1, 2], [3, 4]]), 0.75);
  assert.equal(recall([[], []], [[1], [2]]), 0);
});

test("the lowest cosine is that of the rows that agree least", () => {
  assert.equal(lowestCosine([[1, 0], [0, 2]], [[3, 0], [0, 1]]), 1);
  assert.equal(lowestCosine([[1, 0], [0, 1]], [[1, 0], [1, 0]]), 0);
  assert.equal(largestDifference([[1, 5], [0, 2]], [[2, 5], [0, -1]]), 3);
});

test("figures keep the digits that count", () => {
  assert.deepEqual([12345.6, 123.4, 12.34, 1.234, 0.01234].map(figure), ["12,346", "123", "12.3", "1.23", "0.012"]);
});

test("texts have the asked length and are the same in every run", async () => {
  const texts = ofTokens(3, 16);
  assert.deepEqual(texts.map((text) => text.split(" ").length), [14, 14, 14]);
  assert.deepEqual(texts, ofTokens(3, 16));
  assert.equal(new Set(texts).size, 3);
  const next = random(1);
  const numbers = Array.from({ length: 1000 }, next);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  assert.ok(Math.abs(numbers.reduce((a, b) => a + b) / 1000 - 0.5) < 0.05);
  assert.equal((await real(5)).length, 5);
  const documents = Array.from({ length: 10 }, (_, i) => ({ text: `t${i}` }));
  assert.deepEqual(await real(3, { documents }), ["t0", "t3", "t6"]);
});
