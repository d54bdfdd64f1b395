// The public interface without a model: documents of every odd kind, searches of every odd kind, and what is kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const browser = await openForFile();
const { page } = browser;

/** Runs in the page with a fresh collection `db`, which is gone afterwards. */
const withCollection = (name, run, argument) =>
  test(name, async () => {
    const body = `async (argument) => {
      const name = "c" + Math.random();
      const db = await t.open(name);
      try { return await (${run})(db, argument, name); } finally { await db.close(); await t.destroy(name, { worker: t.worker }); }
    }`;
    const result = await page.evaluate(`(${body})(${JSON.stringify(argument)})`);
    for (const [actual, expected, message] of result) assert.deepEqual(actual, expected, message);
  });

withCollection("documents are added, found, read, changed and deleted", async (db) => {
  const documents = [
    { id: "a", title: "Cats", text: "The cat sat on the mat.", url: "https://example.com/a", meta: { lang: "en", year: 2020 } },
    { id: "b", text: "A dog barked at the moon.", meta: { lang: "en", year: 2024 } },
  ];
  const { added } = await db.add(documents);
  const { hits } = await db.search("cats");
  const marked = hits[0].ranges.map(([start, end]) => hits[0].text.slice(start, end));
  const stored = await db.get("a");
  await db.updateMeta("a", { lang: "en", year: 1999 });
  const filtered = await db.search("cat dog", { filter: { year: { lt: 2000 } } });
  const deleted = await db.delete(["a", "nobody"]);
  const after = await db.search("cat");
  return [
    [added, 2],
    [hits.map(({ id }) => id), ["a"]],
    [hits[0].title, "Cats"],
    [marked, ["cat"]],
    [stored, documents[0]],
    [await db.get("nobody"), undefined],
    [filtered.hits.map(({ id, meta }) => [id, meta.year]), [["a", 1999]]],
    [deleted, 1],
    [after.hits, []],
    [await db.get("a"), undefined],
  ];
});

withCollection("an empty text is a document like any other", async (db) => {
  await db.add([{ id: "empty", text: "" }, { id: "titled", text: "", title: "Marigolds" }, { id: "space", text: " \n\t " }]);
  return [
    [(await db.stats()).documents, 3],
    [(await db.get("empty")).text, ""],
    [(await db.search("marigold")).hits.map(({ id }) => id), ["titled"]],
  ];
});

withCollection("binary data as text hurts nothing", async (db) => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 2654435761) >>> (i % 24));
  const binary = new TextDecoder("latin1").decode(bytes);
  const decoded = new TextDecoder().decode(bytes); // Invalid UTF-8 becomes U+FFFD.
  await db.add([{ id: "latin1", text: binary }, { id: "utf8", text: decoded }, { id: "real", text: "A cat among bytes." }]);
  return [
    [(await db.search("cat")).hits.map(({ id }) => id), ["real"]],
    [(await db.get("latin1")).text === binary, true],
    [(await db.get("utf8")).text === decoded, true],
  ];
});

withCollection("ten megabytes are one document", async (db) => {
  const text = `${"All work and no play makes a dull document. ".repeat(239_000)}The needle is here.`;
  let committed = 0;
  const longest = await t.longestBlock(() => db.add([{ id: "big", text }], { onProgress: (e) => (committed = e.committed ?? committed) }));
  const { hits } = await db.search("needle");
  const [hit] = hits;
  const bytes = new TextEncoder().encode(text).subarray(...hit.source);
  return [
    [text.length > 10_000_000, true],
    [hits.map(({ id }) => id), ["big"]],
    [new TextDecoder().decode(bytes).includes("needle"), true, "the span points into the source"],
    [committed, 1],
    [longest < 1000 ? "free" : `blocked for ${longest} ms`, "free", "the page's thread"],
  ];
});

withCollection("half a character becomes U+FFFD", async (db) => {
  await db.add([{ id: "\uD800x", text: "before \uD83D cat \uDE00 after 😀 cat" }]);
  const { hits } = await db.search("cat \uD83D");
  return [
    [hits[0].id, "\uFFFDx"],
    [hits[0].text, "before \uFFFD cat \uFFFD after 😀 cat"],
    [hits[0].ranges.map(([start, end]) => hits[0].text.slice(start, end)), ["cat", "cat"]],
    [(await db.get("\uDFFFx"))?.id, "\uFFFDx"],
  ];
});

withCollection("of documents with one id the last stays", async (db) => {
  const { added } = await db.add([{ id: "a", text: "cat" }, { id: "b", text: "sun" }, { id: "a", text: "dog" }]);
  await db.add([{ id: "b", text: "moon" }]);
  return [
    [added, 2],
    [(await db.stats()).documents, 2],
    [(await db.search("cat sun")).hits, []],
    [(await db.search("dog moon")).hits.map(({ id }) => id).sort(), ["a", "b"]],
  ];
});

withCollection("queries of every size", async (db) => {
  await db.add(t.documents(50));
  const long = `${"zebra ".repeat(9_990)} n7 cat dog sun moon tea rust wasm index`;
  const { hits } = await db.search(long);
  return [
    [(await db.search("")).hits, []],
    [(await db.search(" \n ")).hits, []],
    [(await db.search("?!")).hits, []],
    [hits[0].id, "d7", "the rarest word counts most"],
    [(await t.failure(db.search("x ".repeat(1_000_000)))).code, "LimitExceeded"],
  ];
});

withCollection("k of nothing and of everything", async (db) => {
  await db.add(t.documents(30));
  return [
    [(await db.search("cat", { k: 0 })).hits, []],
    [(await db.search("number", { k: 1_000_000 })).hits.length, 30],
    [(await db.search("number")).hits.length, 10],
  ];
});

withCollection("filters", async (db) => {
  await db.add(t.documents(20));
  const ids = async (filter) => (await db.search("number", { k: 100, filter })).hits.map(({ meta }) => meta.i).sort((a, b) => a - b);
  const unknown = await t.failure(db.search("number", { filter: { colour: "red" } }));
  return [
    [await ids({ i: { gte: 17 } }), [17, 18, 19]],
    [await ids({ i: { in: [3, 5, 99] } }), [3, 5]],
    [await ids({ even: true, i: { lt: 5 } }), [0, 2, 4]],
    [await ids({ or: [{ i: 1 }, { not: { i: { lt: 19 } } }] }), [1, 19]],
    [unknown.code, "InvalidInput"],
    [unknown.message.includes("colour"), true, unknown.message],
  ];
});

withCollection("mistakes are named", async (db) => {
  const code = async (promise) => (await t.failure(promise)).code;
  const limit = await t.failure(db.search("cat", { limit: 3 }));
  return [
    [limit.message.includes('"limit"'), true, limit.message],
    [await code(db.add({ id: "a", text: "not in a list" })), "InvalidInput"],
    [await code(db.add([{ id: "a", text: "fine" }, { id: 7, text: "not" }])), "InvalidInput"],
    [(await db.stats()).documents, 0, "nothing of a refused call is added"],
    [await code(db.search(7)), "InvalidInput"],
    [await code(db.search("cat", { mode: "dense" })), "InvalidInput"],
    [await code(db.search("cat", { rerank: true })), "InvalidInput"],
    [await code(db.delete([1])), "InvalidInput"],
    [await code(db.updateMeta("nobody", {})), "NotFound"],
    [await code(t.open("")), "InvalidInput"],
    [await code(t.open("x", { embeder: "y" })), "InvalidInput"],
    [await code(t.open("x", { language: "klingon" })), "InvalidInput"],
  ];
});

withCollection("a search in stages ends with the same hits", async (db) => {
  await db.add(t.documents(20));
  const stages = [];
  for await (const { stage, final, hits } of db.searchStages("cat n3")) stages.push([stage, final, hits[0].id]);
  return [[stages, [["sparse", true, "d3"]]]];
});

withCollection("statistics and verification", async (db) => {
  await db.add(t.documents(10));
  const stats = await db.stats();
  const report = await db.verify();
  await db.compact();
  return [
    [[stats.documents, stats.chunks >= 10, stats.bytes > 0, stats.generation > 0], [10, true, true, true]],
    [stats.storage, "indexeddb"],
    [["relaxed-simd", "simd128"].includes(stats.build), true],
    [stats.wasmMemory > 0, true],
    [stats.embedder, undefined],
    [report.ok, true],
    [report.problems, []],
    [(await db.stats()).documents, 10],
  ];
});

withCollection("a closed collection says so", async (db) => {
  await db.close();
  await db.close();
  return [[(await t.failure(db.search("cat"))).code, "InvalidInput"]];
});

withCollection("evaluation", async (db) => {
  await db.add(t.documents(60));
  const options = { queries: { q1: "n5", q2: "n6", q3: "unjudged" }, qrels: { q1: { d5: 1 }, q2: { d1: 1 } }, pipelines: ["bm25", "tfidf"] };
  const report = await t.evaluate(db, options);
  const { bm25 } = report;
  return [
    [Object.keys(report), ["bm25", "tfidf"]],
    [[bm25["ndcg@10"], bm25["mrr@10"], bm25.queries], [0.5, 0.5, 2]],
    [[bm25.ci95.length, bm25.page_p50_ms > 0, bm25.p95_ms >= bm25.p50_ms], [2, true, true]],
    [(await t.failure(t.evaluate(db, { ...options, pipelines: ["bm26"] }))).code, "InvalidInput"],
    [(await t.failure(t.evaluate(db, { ...options, qrels: {} }))).code, "InvalidInput"],
  ];
});

withCollection("vectors of the caller's own embedder", async (_, __, name) => {
  const options = { embedder: t.embedder };
  const db = await t.open(`${name}-own`, options);
  const bad = (embed) => t.open(`${name}-bad`, { embedder: { ...t.embedder, embed }, storage: "memory" });
  try {
    await db.add([{ id: "c", text: "cat cat" }, { id: "d", text: "dog sun" }, { id: "e", text: "tea" }]);
    const dense = await db.search("dog", { mode: "dense" });
    const hybrid = await db.search("cat");
    const [short, many, nan, thrown] = await Promise.all([
      bad((texts) => texts.map(() => [1, 2])),
      bad(() => new Float32Array(3)),
      bad((texts) => texts.map(() => Array(8).fill(NaN))),
      bad(() => Promise.reject(new Error("the API is down"))),
    ]);
    const add = (db) => t.failure(db.add([{ id: "x", text: "x" }]));
    const failures = [await add(short), await add(many), await add(nan), await add(thrown)];
    await Promise.all([short, many, nan, thrown].map((each) => each.close()));
    return [
      [dense.hits[0].id, "d"],
      [hybrid.hits[0].id, "c"],
      [hybrid.mode, "hybrid"],
      [(await db.stats()).embedder, { name: "words", digest: "words", dims: 8, maxTokens: 512, matryoshka: false, verified: false }],
      [failures.map(({ code }) => code), ["InvalidInput", "InvalidInput", "InvalidInput", "Internal"]],
      [failures[3].message, "the API is down"],
    ];
  } finally {
    await db.close();
    await t.destroy(`${name}-own`, { worker: t.worker });
  }
});

test("what was added is there after a reload", async () => {
  await page.evaluate(async () => {
    const db = await t.open("kept");
    await db.add(t.documents(25));
  });
  await browser.reload();
  const outcome = await page.evaluate(async () => {
    const db = await t.open("kept");
    const { hits } = await db.search("n17");
    const names = await t.listCollections({ worker: t.worker });
    await db.close();
    await t.destroy("kept", { worker: t.worker });
    return [hits[0].id, names.includes("kept"), (await t.listCollections({ worker: t.worker })).includes("kept")];
  });
  assert.deepEqual(outcome, ["d17", true, false]);
});

test("a collection in memory keeps nothing", async () => {
  const outcome = await page.evaluate(async () => {
    const one = await t.open("fleeting", { storage: "memory" });
    await one.add(t.documents(3));
    const { storage, documents } = await one.stats();
    await one.close();
    return [storage, documents, (await t.listCollections({ worker: t.worker })).includes("fleeting")];
  });
  assert.deepEqual(outcome, ["memory", 3, false]);
});

test("chunking alone", async () => {
  const chunks = await page.evaluate(() => t.chunk("# Cats\n\nOne cat.\n\n# Dogs\n\nOne dog.", { strategy: "markdown", size: 8, overlap: 0, worker: t.worker }));
  assert.deepEqual(chunks.map(({ context }) => context), ["Cats", "Dogs"]);
  assert.match(chunks[0].text, /One cat\./);
});

test("nothing went wrong on the page itself", () => assert.deepEqual(browser.problems, []));

test("documents are listed by id, a page at a time", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("listed", { storage: "memory" });
    await db.add(t.documents(250).map((document, i) => ({ ...document, title: `Title ${i}` })));
    await db.add([{ id: "d7", text: "Replaced.", url: "/seven" }]);
    await db.delete("d8");
    const ids = [];
    const sizes = [];
    let next;
    do {
      const { documents, next: more } = await db.list({ after: next });
      sizes.push(documents.length);
      ids.push(...documents.map(({ id }) => id));
      next = more;
    } while (next !== undefined);
    const seven = (await db.list({ after: "d69", limit: 1 })).documents[0];
    const even = await db.list({ filter: { even: true }, limit: 200 });
    const unknown = await t.failure(db.list({ filter: { evne: true } }));
    const wrong = await t.failure(db.list({ filtre: {} }));
    const known = Array.from({ length: 250 }, (_, i) => `d${i}`).filter((id) => id !== "d8").sort();
    await db.close();
    return { same: ids.join() === known.join(), sizes, seven, even: even.documents.length, next: even.next, codes: [unknown.code, wrong.code] };
  });
  assert.ok(outcome.same);
  assert.deepEqual(outcome.sizes, [100, 100, 49]);
  assert.deepEqual(outcome.seven, { id: "d7", url: "/seven", meta: {}, chunks: 1 });
  assert.deepEqual([outcome.even, outcome.next, outcome.codes], [124, undefined, ["InvalidInput", "InvalidInput"]]);
});

test("progress tells how far one large document is", async () => {
  const { events, added, back } = await page.evaluate(async () => {
    const db = await t.open("long", { embedder: t.embedder, storage: "memory" });
    const text = "The cat sat in the sun and drank tea.\n\n".repeat(40_000);
    const events = [];
    const { added } = await db.add([{ id: "long", text }], { onProgress: ({ chunks }) => chunks && events.push(chunks) });
    const back = (await db.get("long")).text.length === text.length;
    await db.close();
    return { events, added, back };
  });
  assert.ok(added === 1 && back);
  assert.ok(events.length > 3 && events.every(({ done, total }, i) => total === events[0].total && done > (events[i - 1]?.done ?? 0)), JSON.stringify(events));
  assert.equal(events.at(-1).done, events.at(-1).total);
});
