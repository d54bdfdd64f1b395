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

test("text is written by the generator that is given, and not without one", () => {
  const generate = () => "";
  assert.deepEqual(parsePipeline("dense+prf+hyde", 50, generate), { mode: "dense", expand: { prf: true, hyde: generate } });
  assert.deepEqual(parsePipeline("bm25+queries", 50, generate).expand, { queries: generate });
  assert.throws(() => parsePipeline("dense+hyde"), { code: "InvalidInput", message: /generate/ });
});

test("the depth of reranking is the caller's", () => assert.deepEqual(parsePipeline("bm25+rerank", 20).rerank, { top: 20 }));

for (const name of ["", "bm26", "bm25@64", "splade@64", "colbert@64", "colbert:sentence", "bm25+rerank+colbert", "bm25:sentence", "dense:word", "dense@64:chunk", "dense@0", "dense@", "+rerank", "bm25+rerank+rerank", "toString", "DENSE"]) {
  test(`unknown: "${name}"`, () => assert.throws(() => parsePipeline(name), { code: "InvalidInput" }));
}
