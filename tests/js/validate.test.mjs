import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { documentArgument, wellFormed } = await load("validate.ts");
const { checkOpen, checkSearch } = await load("schema.ts");
const { slices } = await load("slices.ts");

const refused = (name, run, message) =>
  test(name, () => assert.throws(run, (error) => error.code === "InvalidInput" && message.test(error.message)));
const accepted = (name, run) => test(name, run);

const search = (options) => () => checkSearch(options, "options");
refused("a misspelt option is named", search({ limit: 3 }), /no option "limit": known are .*\bk\b/);
refused("also inside", search({ fusion: { weight: {} } }), /options\.fusion has no option "weight"/);
refused("a prototype's property is no option", search({ toString: 1 }), /no option "toString"/);
refused("k must be a number", search({ k: "10" }), /options\.k is "10", expected an integer of at least 0/);
refused("k must not be negative", search({ k: -1 }), /options\.k is -1/);
refused("k must not be NaN", search({ k: NaN }), /options\.k is NaN/);
refused("a mode that is not offered", search({ mode: "telepathy" }), /"telepathy", expected "hybrid" or "sparse"/);
refused("a translator that is none", search({ translate: "de" }), /options\.translate/);
refused("a translator that is not there", search({ translate: { replace: true } }), /options\.translate/);
accepted("translators", () => [() => "", { by: () => "", replace: true }].forEach((translate) => checkSearch({ translate, language: "de" }, "options")));
refused("rerank.top", search({ rerank: { top: 1.5 } }), /options\.rerank/);
refused("options that are no object", search(7), /options is 7, expected an object/);
accepted("k of 0 and of a million", () => [0, 1_000_000].forEach((k) => checkSearch({ k }, "options")));
accepted("undefined is as good as absent", search({ k: undefined, rerank: true, filter: { year: { gte: 2020 } } }));

const open = (options) => () => checkOpen(options, "options");
refused("an embedder without embed", open({ embedder: { name: "x", dims: 3 } }), /options\.embedder\.embed is undefined/);
refused("an embedder without dims", open({ embedder: { name: "x", embed() {} } }), /options\.embedder\.dims/);
refused("a storage that does not exist", open({ vectors: { storage: "f8" } }), /options\.vectors\.storage is "f8"/);
refused("instructions that are none", open({ instructions: { passages: "x" } }), /instructions has no option "passages"/);
refused("workers", open({ workers: "many" }), /options\.workers/);
refused("a device that does not exist", open({ device: "gpu" }), /options\.device is "gpu", expected "auto" or "webgpu" or "wasm"/);
accepted("an embedder of a class of the caller's", () => {
  class Own {
    name = "own";
    dims = 3;
    extra = 1;
    embed() {}
  }
  checkOpen({ embedder: new Own() }, "options");
});
accepted("a URL", open({ embedder: new URL("https://example.com/model/"), models: { base: "/m/", cache: false } }));

const document = (value) => () => documentArgument(value, "documents[3]");
refused("no document", document(null), /documents\[3\] is null/);
refused("id must be a string", document({ id: 1, text: "" }), /documents\[3\]\.id is 1, expected a string/);
refused("id must not be empty", document({ id: "", text: "" }), /documents\[3\]\.id is empty/);
refused("text must be a string", document({ id: "a", text: new Uint8Array(2) }), /documents\[3\]\.text is an object/);
refused("fields of one's own", document({ id: "a", text: "", lang: "en" }), /field "lang": .* meta/);
refused("a language that is no text", document({ id: "a", text: "", language: 7 }), /\.language is 7/);
refused("a way of cutting that does not exist", document({ id: "a", text: "", strategy: "html5" }), /\.strategy is "html5"/);
refused("metadata that is not JSON", document({ id: "a", text: "", meta: { when: new Date(0) } }), /meta\.when/);
refused("numbers that are not finite", document({ id: "a", text: "", meta: { n: [1, Infinity] } }), /meta\.n\[1\] is Infinity/);
refused("metadata that holds itself", () => {
  const meta = {};
  meta.self = meta;
  documentArgument({ id: "a", text: "", meta }, "documents[0]");
}, /nested/);

test("lone surrogates become U+FFFD, pairs stay", () => {
  assert.equal(wellFormed("a\uD800b\uDC00😀"), "a\uFFFDb\uFFFD😀");
  assert.deepEqual(documentArgument({ id: "\uD800", text: "\uDFFF", meta: { k: ["\uD800"] } }, ""), {
    id: "\uFFFD",
    text: "\uFFFD",
    meta: { k: ["\uFFFD"] },
  });
});

test("slices are small, in order, and hold everything", () => {
  const documents = Array.from({ length: 1200 }, (_, i) => ({ id: String(i), text: "x".repeat(i % 100 === 0 ? 200_000 : 10) }));
  const parts = [...slices(documents)];
  assert.deepEqual(parts.flat(), documents);
  assert.ok(parts.every((part) => part.reduce((n, { text }) => n + text.length, 0) <= 1 << 18));
  assert.deepEqual([...slices([])], [[]]);
});

test("a text longer than a slice comes in parts", () => {
  const documents = [{ id: "a", text: "a" }, { id: "long", text: "0123456789".repeat(100_000) }, { id: "b", text: "b" }];
  const back = [];
  for (const part of slices(documents)) {
    if (typeof part === "string") back.at(-1).text += part;
    else back.push(...part);
    assert.ok(typeof part !== "string" || part.length <= 1 << 18);
  }
  assert.deepEqual(back, documents);
});
