// Every name of a pipeline is run through the evaluation, with real models: it gives figures, or is refused for a reason
// that is written down here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const MODELS = {
  embedder: "all-MiniLM-L6-v2",
  sparseEncoder: "splade-tiny",
  lateEncoder: "answerai-colbert-small-v1",
  reranker: "ms-marco-MiniLM-L-12-v2",
};

const WORDS = ["bm25", "tfidf", "splade", "splade-doc"];
const LEG = ["dense", "dense-binary", "hybrid-rrf", "hybrid-weighted", "hybrid-zscore", "hybrid-splade", "gold-standard"];
const VECTORS = [...LEG, "two-stage", "joint"];
const ALL = [...WORDS, ...VECTORS, "colbert"];

/** Endings, and what they may follow. */
const ENDINGS = {
  "": ALL,
  ":sentence": LEG,
  ":chunk": LEG,
  ":document": LEG.filter((base) => base !== "dense-binary"),
  "@32": VECTORS,
  "@32+rescore": LEG,
  ":sentence@32+rescore": LEG,
  ":document@32+rescore": [],
  "+rescore": [],
  "+prf": [...WORDS, ...VECTORS],
  "+rewrite": ALL,
  "+hyde": VECTORS,
  "+queries": ALL,
  "+decompose": ALL,
  "+translate": ALL,
  "+parents": ALL,
  "+rerank": ALL,
  "+colbert": ALL,
  "+prf+rewrite+queries+translate+parents+rerank": [...WORDS, ...VECTORS],
};

const NAMES = Object.keys(ENDINGS).flatMap((ending) => ALL.map((base) => base + ending));
const RUN = new Set(Object.entries(ENDINGS).flatMap(([ending, bases]) => bases.map((base) => base + ending)));

const NOTES = [
  { id: "bike", title: "Repairs", text: "The bicycle chain came off twice on the way home. I cleaned and oiled it." },
  { id: "ferry", text: "The ferry to the island leaves the harbour at six in the morning." },
  { id: "bread", text: "Knead the dough. Let it rise overnight. Bake it in a hot oven." },
  { id: "stars", text: "The pole star stands still while the other stars turn around it." },
];
const QUERIES = { a: "when does the ferry leave the harbour", b: "bake dough in the oven" };
const QRELS = { a: { ferry: 1 }, b: { bread: 1 } };

const { page } = await openForFile();

/** Reports by name, and the codes of what failed. */
const evaluated = (models, pipelines) =>
  page.evaluate(async ([models, documents, queries, qrels, pipelines]) => {
    const db = await t.open("pipelines", { ...models, chunk: { sentences: true }, storage: "memory", workers: 0 });
    await db.add(documents);
    const failed = {};
    const asked = [];
    const reports = await t.api.evaluate(db, {
      queries,
      qrels,
      pipelines,
      rerankTop: models.reranker && 4,
      generate: (prompt) => (asked.push(prompt), "dough in an oven"),
      translate: (query) => (asked.push(query), "Fähre"),
      onFailure: ({ pipeline, error }) => (failed[pipeline] = { code: error.code, message: error.message }),
    });
    await db.close();
    return { reports, failed, asked: asked.length };
  }, [models, NOTES, QUERIES, QRELS, pipelines]);

test("all names give figures, and those that stand for nothing say why", { timeout: 300_000 }, async () => {
  const { reports, failed, asked } = await evaluated(MODELS, NAMES);
  const refused = NAMES.filter((name) => !RUN.has(name));
  assert.deepEqual(Object.keys(failed).toSorted(), refused.toSorted(), JSON.stringify(failed, null, 1));
  for (const [name, { code, message }] of Object.entries(failed)) {
    assert.equal(code, "InvalidInput", name);
    assert.ok(message.includes(`"${name}"`), message);
  }
  assert.deepEqual(Object.keys(reports).toSorted(), [...RUN].toSorted());
  for (const [name, report] of Object.entries(reports)) {
    const { queries, p50_ms, p95_ms, stages_ms, ci95 } = report;
    assert.equal(queries, 2, name);
    for (const metric of ["ndcg@10", "recall@100", "mrr@10", "map"]) assert.ok(report[metric] > 0 && report[metric] <= 1, `${name} ${metric}`);
    assert.ok(ci95[0] <= ci95[1] && p50_ms >= 0 && p50_ms <= p95_ms, name);
    assert.ok(stages_ms.fetch >= 0, `${name} ${JSON.stringify(stages_ms)}`);
    if (/rerank|colbert$|gold/.test(name)) assert.ok(stages_ms.rerank >= 0, name);
    if (/rewrite|hyde|queries|decompose/.test(name)) assert.ok(stages_ms.generate >= 0, name);
    assert.equal("translate" in stages_ms, name.includes("translate"), name);
  }
  assert.ok(asked > 0);
  console.log(`pipelines: ${RUN.size} names ran, ${refused.length} were refused`);
});

test("what the preset lacks is left out, and a failure costs no other pipeline its figures", async () => {
  const { reports, failed } = await evaluated({}, ["gold-standard", "dense", "bm25+rerank", "bm25", "bm26"]);
  assert.deepEqual(Object.keys(reports), ["gold-standard", "bm25"]);
  assert.deepEqual(Object.entries(failed).map(([name, { code }]) => [name, code]).toSorted(), [["bm25+rerank", "InvalidInput"], ["bm26", "InvalidInput"], ["dense", "InvalidInput"]]);
  assert.match(failed.dense.message, /embedder/);
  assert.match(failed["bm25+rerank"].message, /reranker/);
});
