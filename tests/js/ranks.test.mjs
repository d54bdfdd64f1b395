// The measures by which `npm run eval --against` compares two devices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { kendall, overlap, spearman } from "../eval/ranks.mjs";

const near = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-12, `${found}, expected ${expected}`);

test("equal, opposite and slightly different orders", () => {
  const scores = [3, 1, 4, 1.5, 9];
  const opposite = scores.map((score) => -score);
  for (const measure of [spearman, kendall]) {
    near(measure(scores, scores.map((score) => 10 * score - 7)), 1);
    near(measure(scores, opposite), -1);
  }
  // One exchange of neighbours among five: 1 - 6 * 2 / (5 * 24), and 9 of 10 pairs kept.
  near(spearman([1, 2, 3, 4, 5], [2, 1, 3, 4, 5]), 0.9);
  near(kendall([1, 2, 3, 4, 5], [2, 1, 3, 4, 5]), 0.8);
});

test("equal scores share a rank", () => {
  // Ranks 0.5, 0.5, 2 against 0, 1, 2: 1.5 / sqrt(1.5 * 2).
  near(spearman([1, 1, 2], [1, 2, 3]), Math.sqrt(0.75));
  near(kendall([1, 1, 2], [1, 2, 3]), 2 / 3);
});

test("the overlap counts what both have, in any order", () => {
  near(overlap(["a", "b", "c", "d"], ["d", "c", "x", "y"]), 0.5);
  near(overlap([], []), 0);
});
