// Parts of the demo that need no browser: which stretch of a passage is shown, and how files are read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { excerpt } from "../../www/lib/excerpt.js";
import { fromFolder, read, typeOf } from "../../www/lib/files.js";

/** Ranges of a word in a text. */
const find = (text, word) => [...text.matchAll(new RegExp(word, "g"))].map(({ index }) => [index, index + word.length]);
const filler = (words) => "lorem ipsum dolor ".repeat(words);

function check(name, text, word, expected, length = 60) {
  test(`excerpt: ${name}`, () => {
    const ranges = find(text, word);
    const found = excerpt(text, ranges, length);
    assert.ok(text.includes(found.text), "a stretch of the text");
    assert.ok(found.text.length <= length * 1.2 + 30, `${found.text.length} characters`);
    for (const [start, end] of found.ranges) assert.equal(found.text.slice(start, end), word);
    assert.deepEqual([found.cutBefore, found.cutAfter, found.ranges.length], expected);
  });
}

check("a short text is shown whole", "one needle here", "needle", [false, false, 1]);
check("a word at the end", `${filler(40)}needle`, "needle", [true, false, 1]);
check("a word at the start", `needle ${filler(40)}`, "needle", [false, true, 1]);
check("where most words stand", `needle ${filler(20)} needle needle needle ${filler(20)} needle`, "needle", [
  true,
  true,
  3,
]);
check("nothing to mark: the beginning", filler(50), "needle", [false, true, 0]);
check("no space to cut at", "x".repeat(5000), "needle", [false, true, 0]);
check("pairs of surrogates stay whole", "😀".repeat(2000), "needle", [false, true, 0]);

test("excerpt: no half characters anywhere", () => {
  for (let shift = 0; shift < 8; shift++) {
    const text = `${"a".repeat(shift)}${"😀".repeat(300)}needle${"😀".repeat(300)}`;
    assert.equal(excerpt(text, find(text, "needle"), 50).text.isWellFormed?.() ?? true, true);
  }
});

const bytes = (...values) => new Blob([Uint8Array.from(values)]);
const reading = (name, blob, expected) =>
  test(`reading: ${name}`, async () => assert.deepEqual(await read(blob), expected));

reading("plain text", new Blob(["Grüße"]), { text: "Grüße" });
reading("a byte order mark is no content", bytes(0xef, 0xbb, 0xbf, 0x61), { text: "a" });
reading("UTF-16, little end first", bytes(0xff, 0xfe, 0x61, 0, 0xe4, 0), { text: "aä" });
reading("UTF-16, big end first", bytes(0xfe, 0xff, 0, 0x61, 0, 0xe4), { text: "aä" });
reading("nothing", new Blob([]), { refused: "it is empty" });
reading("spaces", new Blob([" \n\t"]), { refused: "it holds nothing but spaces" });
reading("a PDF called .txt", new Blob(["%PDF-1.7"]), { refused: "it is a PDF, not text" });
reading("bytes of no kind", bytes(1, 0, 2), { refused: "it is a binary file, not text" });
reading("mostly not UTF-8", bytes(0xe4, 0xf6, 0xfc, 0x61), { refused: "it is not text in UTF-8" });

test("reading: a few bytes that are not UTF-8 are replaced, and said", async () => {
  const text = "It was written by an old editor, whose author sat in a caf";
  const found = await read(new Blob([text, Uint8Array.of(0xe9), "."]));
  assert.equal(found.text, `${text}\ufffd.`);
  assert.match(found.note, /^1 unreadable byte was replaced/);
});

test("reading: a character across two slices stays whole", async () => {
  const text = "a".repeat((1 << 19) - 1) + "ü".repeat(10);
  assert.equal((await read(new Blob([text]))).text, text);
});

test("types by name, then by what the browser says", () => {
  const cases = { "a.MD": "markdown", "b.htm": "html", "c.txt": "text", noname: "text", "x/y.markdown": "markdown" };
  for (const [path, type] of Object.entries(cases)) assert.equal(typeOf(path), type);
  assert.equal(typeOf("page", "text/html; charset=utf-8"), "html");
});

test("hidden files of a folder are left out", () => {
  const file = (webkitRelativePath) => ({ webkitRelativePath, name: "", type: "", lastModified: 0 });
  const found = fromFolder(["notes/a.md", "notes/.git/config", "notes/.hidden"].map(file));
  assert.deepEqual(
    found.map(({ path }) => path),
    ["notes/a.md"],
  );
});
