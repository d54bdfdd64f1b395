import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { highlightFragments } = await load("highlight.ts");

/** Marked pieces in brackets. */
const show = (text, ranges) => highlightFragments(text, ranges).map(({ text, mark }) => (mark ? `[${text}]` : text)).join("");
const check = (name, text, ranges, expected) => test(name, () => assert.equal(show(text, ranges), expected));

check("nothing to mark", "a cat", [], "a cat");
check("in the middle", "a cat sat", [[2, 5]], "a [cat] sat");
check("at both ends", "cat and cat", [[0, 3], [8, 11]], "[cat] and [cat]");
check("next to each other", "catdog", [[0, 3], [3, 6]], "[cat][dog]");
check("UTF-16 offsets", "😀 cat", [[3, 6]], "😀 [cat]");
check("empty text", "", [], "");
check("outside the text", "cat", [[1, 99], [200, 300]], "c[at]");
check("markup stays text", "<b>x</b>", [[3, 4]], "<b>[x]</b>");
