// Expansion, contexts and the preset through the package, in a real browser, with vectors whose nearness can be foretold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const browser = await openForFile();
const { page } = browser;

const LIBRARY = [
  { id: "both", text: "The cat watches the moon." },
  { id: "again", text: "A cat under the moon at night." },
  { id: "moon", text: "Tides follow the moon." },
  { id: "tea", text: "Green tea wants water of eighty degrees." },
  { id: "long", text: "# Tea\n\n## Black\n\nBlack tea wants boiling water and four minutes.\n\n## White\n\nWhite tea wants patience and cooler water.\n", title: "Tea" },
];

/** What `run` returns, with a collection of the library that has vectors. */
const inCollection = (run) =>
  page.evaluate(`(async () => {
    const name = "x" + Math.random();
    const db = await t.open(name, { embedder: t.embedder, chunk: { strategy: "markdown", size: 12, overlap: 0 } });
    try {
      await db.add(${JSON.stringify(LIBRARY)});
      return await (${run})(db);
    } finally { await db.close(); await t.destroy(name, { worker: t.worker }); }
  })()`);

test("feedback brings in what shares no word with the query", async () => {
  const { plain, expanded, terms, timings } = await inCollection(async (db) => {
    const ids = ({ hits }) => hits.map(({ id }) => id);
    const plain = ids(await db.search("cats", { mode: "sparse" }));
    const found = await db.search("cats", { mode: "sparse", explain: true, expand: { prf: { documents: 3, terms: 4 } } });
    return { plain, expanded: ids(found), terms: found.expansion.terms.map(([term]) => term), timings: found.timings };
  });
  assert.deepEqual(plain.toSorted(), ["again", "both"]);
  assert.ok(expanded.includes("moon") && !expanded.includes("tea"), expanded.join());
  assert.equal(terms[0], "cat");
  assert.ok(terms.includes("moon"), terms.join());
  assert.ok(timings.expand >= 0 && timings.generate >= 0, JSON.stringify(timings));
});

test("generators of the caller's: other queries, hypothetical answers, a better wording", async () => {
  const found = await inCollection(async (db) => {
    const prompts = [];
    const write = (text) => async (prompt, { signal }) => (prompts.push([prompt, signal instanceof AbortSignal || signal === undefined]), text);
    const ids = async (query, options) => (await db.search(query, options)).hits.map(({ id }) => id);
    const queries = await ids("hot drinks", { mode: "sparse", expand: { queries: write("1. green tea\n2. boiling") } });
    const hyde = await ids("what pulls at the sea", { mode: "dense", k: 1, expand: { hyde: write("The moon. The moon does.") } });
    const rewrite = await ids("erm, like, cats?", { mode: "sparse", expand: { rewrite: write("tides") } });
    const failed = await t.failure(db.search("x", { expand: { hyde: () => Promise.reject(new Error("no answer")) } }));
    const wrong = await t.failure(db.search("x", { mode: "sparse", expand: { hyde: ["a"] } }));
    return { prompts, queries, hyde, rewrite, failed, wrong };
  });
  assert.deepEqual(found.queries.toSorted(), ["long", "tea"]);
  assert.deepEqual(found.hyde, ["moon"]);
  assert.deepEqual(found.rewrite, ["moon"]);
  assert.equal(found.prompts.length, 3);
  assert.match(found.prompts[0][0], /hot drinks/);
  assert.match(found.failed.message, /no answer/);
  assert.deepEqual([found.wrong.code, /vectors/.test(found.wrong.message)], ["InvalidInput", true]);
});

test("a translator of the caller's: beside the query, or in its place, timed, and called off", async () => {
  const found = await inCollection(async (db) => {
    const words = { Katze: "cat", Gezeiten: "tides" };
    const signals = [];
    const by = async (query, { signal }) => (signals.push(signal instanceof AbortSignal || signal === undefined), words[query] ?? query);
    const ids = ({ hits }) => hits.map(({ id }) => id).toSorted();
    const plain = ids(await db.search("Katze", { mode: "sparse" }));
    const beside = await db.search("Katze", { mode: "sparse", translate: by });
    const instead = await db.search("Gezeiten", { mode: "sparse", translate: { by, replace: true } });
    const hybrid = ids(await db.search("Katze", { translate: by, k: 2 }));
    const stages = [];
    for await (const { stage, hits } of db.searchStages("Katze", { translate: { by, replace: true }, mode: "hybrid" })) stages.push([stage, hits.length > 0]);
    const late = [];
    for await (const { stage, hits } of db.searchStages("Gezeiten", { translate: by, mode: "hybrid" })) late.push([stage, hits.some(({ id }) => id === "moon")]);
    const controller = new AbortController();
    const stuck = db.search("Katze", { translate: () => (setTimeout(() => controller.abort(), 20), new Promise(() => {})), signal: controller.signal });
    const aborted = await t.failure(stuck);
    const failed = await t.failure(db.search("x", { translate: () => Promise.reject(new Error("no translator")) }));
    const wrong = await t.failure(db.search("x", { translate: { replace: true } }));
    return { plain, beside: ids(beside), timings: beside.timings, instead, hybrid, stages, late, aborted, failed, wrong, signals };
  });
  assert.deepEqual([found.plain, found.beside], [[], ["again", "both"]]);
  assert.ok(found.timings.translate >= 0);
  const [hit] = found.instead.hits;
  assert.equal(hit.id, "moon");
  assert.deepEqual(hit.ranges.map(([start, end]) => hit.text.slice(start, end)), ["Tides"]);
  assert.deepEqual(found.hybrid, ["again", "both"]);
  assert.deepEqual(found.stages, [["sparse", true], ["fused", true]]);
  assert.deepEqual(found.late, [["sparse", false], ["fused", true]]);
  assert.equal(found.aborted.code, "Aborted");
  assert.match(found.failed.message, /no translator/);
  assert.deepEqual([found.wrong.code, /translate/.test(found.wrong.message)], ["InvalidInput", true]);
  assert.ok(found.signals.every(Boolean));
});

test("documents in their own languages, stated or recognised", async () => {
  const found = await page.evaluate(async () => {
    const db = await t.open("babel", { language: "auto", storage: "memory" });
    await db.add([
      { id: "de", text: "Die Häuser am Fluss wurden überflutet, und die Besitzer zogen auf die Hügel." },
      { id: "en", text: "The houses by the river were flooded, and the owners moved to the hills." },
      { id: "nl", text: "Boeken", language: "nl" },
    ]);
    const ids = async (query, options) => (await db.search(query, options)).hits.map(({ id }) => id);
    const answers = [await ids("Haus"), await ids("house"), await ids("boek", { language: "nl" })];
    const languages = [];
    for (const id of ["de", "en", "nl"]) languages.push((await db.get(id)).language);
    const unknown = await t.failure(db.add([{ id: "x", text: "x", language: "klingon" }]));
    await db.close();
    return { answers, languages, unknown: unknown.code };
  });
  assert.deepEqual(found, { answers: [["de"], ["en"], ["nl"]], languages: ["de", "en", "nl"], unknown: "InvalidInput" });
});

test("a context: neighbours joined, numbered, within the budget", async () => {
  const { context, tight, hits, none } = await inCollection(async (db) => {
    const found = await db.search("tea water", { mode: "sparse", context: { tokens: 200, order: "edges-first" } });
    const tight = await db.search("tea water", { mode: "sparse", context: { tokens: 12 } });
    const none = await db.search("tea");
    return { context: found.context, hits: found.hits.map(({ id, chunk }) => [id, chunk]), tight: tight.context, none: none.context };
  });
  const joined = context.passages.find(({ id }) => id === "long");
  assert.ok(joined.chunks[1] > joined.chunks[0], JSON.stringify(joined));
  assert.ok(joined.text.includes("boiling") && joined.text.includes("patience"));
  const bytes = new TextEncoder().encode(LIBRARY[4].text);
  assert.equal(new TextDecoder().decode(bytes.slice(...joined.source)), joined.text);
  for (const { number, text } of context.passages) assert.ok(context.text.includes(`[${number}]`) && context.text.includes(text.trim()));
  assert.ok(tight.tokens <= 12 && tight.passages.length === 1);
  assert.ok(hits.filter(([id]) => id === "long").length > 1, "hits are chunks");
  assert.equal(none, undefined);
});

test("the preset: every stage is there and timed, and can be switched off", async () => {
  const { all, off, stages } = await inCollection(async (db) => {
    const all = await db.search("cats", { preset: "gold-standard" });
    const off = await db.search("cats", { preset: "gold-standard", expand: false, context: false, signal: new AbortController().signal });
    const stages = [];
    for await (const { stage, context, final } of db.searchStages("cats", { preset: "gold-standard" })) stages.push([stage, context !== undefined, final]);
    return { all, off, stages };
  });
  for (const stage of ["embed", "expand", "sparse", "dense", "fuse", "rerank", "context", "fetch", "generate", "total"]) {
    assert.ok(all.timings[stage] >= 0, stage);
  }
  assert.ok(all.context.passages.length > 0);
  assert.equal(off.context, undefined);
  const ids = off.hits.map(({ id }) => id);
  assert.deepEqual([new Set(ids).size, off.timings.generate], [ids.length, undefined]);
  // The collection has no reranker: what cannot be done is left out.
  assert.deepEqual(stages, [["sparse", false, false], ["fused", true, true]]);
});

test("what cannot be understood is refused by name", async () => {
  const failures = await inCollection(async (db) => {
    const wrong = [{ expand: { prf: 3 } }, { expand: { hyd: true } }, { context: { order: "best" } }, { context: { diversity: 2 } }, { preset: "silver" }];
    return Promise.all(wrong.map((options) => t.failure(db.search("tea", options))));
  });
  const named = [/expand\.prf/, /"hyd"/, /context\.order/, /context\.diversity/, /preset/];
  failures.forEach(({ code, message }, at) => {
    assert.equal(code, "InvalidInput");
    assert.match(message, named[at]);
  });
});

test("nothing was reported to the console as an error", () => assert.deepEqual(browser.problems, []));
