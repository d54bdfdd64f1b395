import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { parsePipeline } = await load("pipelines.ts");

const check = (name, expected) => test(name, () => assert.deepEqual(parsePipeline(name), expected));

check("bm25", { mode: "sparse", sparse: "bm25" });
check("tfidf", { mode: "sparse", sparse: "tfidf" });
check("dense", { mode: "dense" });
check("dense-binary", { mode: "dense", binary: true });
check("dense@256", { mode: "dense", dims: 256 });
check("splade", { mode: "splade" });
check("splade-doc", { mode: "splade", sparseQuery: "tokens" });
check("hybrid-splade@64", { mode: "hybrid", sparse: "splade", fusion: { method: "rrf" }, dims: 64 });
check("two-stage+rerank", { mode: "two-stage", rerank: { top: 50 } });
check("joint@128", { mode: "joint", dims: 128 });
check("colbert", { mode: "colbert" });
check("hybrid-rrf+colbert", { mode: "hybrid", fusion: { method: "rrf" }, rerank: { with: "colbert", top: 50 } });
check("hybrid-rrf", { mode: "hybrid", fusion: { method: "rrf" } });
check("hybrid-rrf@128", { mode: "hybrid", fusion: { method: "rrf" }, dims: 128 });
check("hybrid-weighted+rerank", { mode: "hybrid", fusion: { method: "weighted" }, rerank: { top: 50 } });
check("bm25+prf", { mode: "sparse", sparse: "bm25", expand: { prf: true } });
check("dense:sentence", { mode: "dense", level: "sentence" });
check("hybrid-rrf:document@128+prf+parents+rerank", {
  mode: "hybrid",
  fusion: { method: "rrf" },
  level: "document",
  dims: 128,
  expand: { prf: true },
  parents: true,
  rerank: { top: 50 },
});
check("dense@64+rerank", { mode: "dense", dims: 64, rerank: { top: 50 } });
check("dense:sentence@64+rescore", { mode: "dense", level: "sentence", dims: 64, rescore: true });
check("hybrid-zscore", { mode: "hybrid", fusion: { method: "weighted", normalize: "zscore" } });
check("gold-standard", { preset: "gold-standard", group: true });
check("gold-standard+colbert", { preset: "gold-standard", group: true, rerank: { with: "colbert", top: 50 } });

test("text is written by the generator that is given, and not without one", () => {
  const generate = () => "";
  assert.deepEqual(parsePipeline("dense+prf+hyde", { generate }), { mode: "dense", expand: { prf: true, hyde: generate } });
  assert.deepEqual(parsePipeline("bm25+rewrite+decompose", { generate }).expand, { rewrite: generate, decompose: generate });
  assert.deepEqual(parsePipeline("bm25+queries", { generate }).expand, { queries: generate });
  // What the preset does besides stays.
  assert.deepEqual(parsePipeline("gold-standard+hyde", { generate }).expand, { prf: true, hyde: generate });
  assert.throws(() => parsePipeline("dense+hyde"), { code: "InvalidInput", message: /generate/ });
});

test("a translator is the caller's", () => {
  const translate = () => "";
  assert.deepEqual(parsePipeline("bm25+translate", { translate }), { mode: "sparse", sparse: "bm25", translate });
  assert.throws(() => parsePipeline("bm25+translate"), { code: "InvalidInput", message: /translate/ });
});

test("the depth of reranking is the caller's", () => {
  assert.deepEqual(parsePipeline("bm25+rerank", { rerankTop: 20 }).rerank, { top: 20 });
  assert.deepEqual(parsePipeline("gold-standard", { rerankTop: 20 }).rerank, { top: 20 });
  assert.equal(parsePipeline("gold-standard").rerank, undefined);
});

const UNKNOWN = ["", "bm26", "+rerank", "bm25+rerank+rerank", "bm25+rerank+colbert", "bm25+hyde+queries", "bm25+rerank+prf", "dense:word", "dense@64:chunk", "dense@0", "dense@", "toString", "DENSE"];
for (const name of UNKNOWN) {
  test(`unknown: "${name}"`, () => assert.throws(() => parsePipeline(name), { code: "InvalidInput", message: /unknown pipeline/ }));
}

const SENSELESS = ["bm25@64", "splade@64", "colbert@64", "colbert:sentence", "bm25:sentence", "joint:chunk", "two-stage:document", "dense-binary:document", "dense+rescore", "dense:document@64+rescore", "joint@64+rescore", "colbert+prf", "bm25+hyde", "splade+hyde"];
for (const name of SENSELESS) {
  test(`without sense: "${name}"`, () => {
    const refused = () => parsePipeline(name, { generate: () => "" });
    assert.throws(refused, ({ code, message }) => code === "InvalidInput" && message.startsWith(`pipeline "${name}": `));
  });
}
