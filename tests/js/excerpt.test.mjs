import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { excerpt } = await load("excerpt.ts");

const show = (text, ranges, length) => excerpt(text, ranges, length).map(({ text, mark }) => (mark ? `[${text}]` : text)).join("");
const words = Array.from({ length: 40 }, (_, i) => `word${i}`).join(" ");
const range = (word) => [[words.indexOf(word), words.indexOf(word) + word.length]];

test("a short text is shown whole", () => assert.equal(show("one cat", [[4, 7]], 100), "one [cat]"));
test("the beginning, where nothing was found", () => assert.equal(show(words, [], 20), "word0 word1 word2 …"));
test("around the first match", () => assert.match(show(words, range("word20"), 40), /^… word\d+ .*\[word20\].* word\d+ …$/));
test("at the end", () => assert.match(show(words, range("word39"), 30), /^… .*\[word39\]$/));
test("never half a character", () => {
  const text = "😀".repeat(200);
  for (let at = 0; at < 60; at++) assert.ok(excerpt(text, [[at * 4, at * 4 + 2]], 31).every(({ text }) => text.isWellFormed?.() ?? true));
});
test("is about as long as asked", () => {
  for (let length = 25; length < 200; length++) assert.ok(show(words, range("word9"), length).length <= length + 6);
});
