// Aborts, deaths, other tabs and full disks: nothing that was committed is lost, and everybody is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openApi, openForFile, scripts } from "./support/api.mjs";

/** Takes IndexedDB away from the worker of the package. */
const WITHOUT_DATABASE = `Object.defineProperty(globalThis, "indexedDB", { get() { throw new DOMException("blocked", "SecurityError"); } });`;
const SCRIPTS = {
  "/no-database.js": WITHOUT_DATABASE,
  "/no-database-worker.js": `import "/no-database.js"; import "/pkg/worker.js";`,
};

const browser = await openForFile({ intercept: scripts(SCRIPTS) });
const { page } = browser;

test("an abort is prompt, and what was committed stays", async (context) => {
  const outcome = await page.evaluate(async () => {
    const slow = { ...t.embedder, embed: (texts, role, signal) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(t.embedder.embed(texts)), role === "query" ? 0 : 150);
      signal.addEventListener("abort", () => (clearTimeout(timer), reject(new Error("stopped"))));
    }) };
    const db = await t.open("aborted", { embedder: slow });
    const controller = new AbortController();
    let committed = 0;
    let raised;
    const onProgress = (event) => {
      committed = event.committed ?? committed;
      if (committed > 0 && event.phase === "embed" && !raised) {
        raised = performance.now();
        controller.abort("the user left");
      }
    };
    const { code, name } = await t.failure(db.add(t.documents(2000), { signal: controller.signal, onProgress }));
    const took = performance.now() - raised;
    const { documents } = await db.stats();
    const { added } = await db.add(t.documents(1));
    await db.close();
    await t.destroy("aborted", { worker: t.worker });
    return { code, name, took, kept: documents === committed && committed > 0, added };
  });
  assert.equal(outcome.code, "Aborted");
  assert.equal(outcome.name, "AbortError");
  context.diagnostic(`aborting took ${outcome.took.toFixed(1)} ms`);
  assert.ok(outcome.took < 1000, `took ${outcome.took} ms`);
  assert.ok(outcome.kept);
  assert.equal(outcome.added, 1, "the collection still takes documents");
});

test("a signal that was raised before does nothing at all", async () => {
  const codes = await page.evaluate(async () => {
    const signal = AbortSignal.abort();
    const db = await t.open("early", { storage: "memory" });
    const calls = [db.add(t.documents(1), { signal }), db.search("cat", { signal }), t.open("never", { signal })];
    const codes = await Promise.all(calls.map(async (call) => (await t.failure(call)).code));
    codes.push((await db.stats()).documents);
    await db.close();
    return codes;
  });
  assert.deepEqual(codes, ["Aborted", "Aborted", "Aborted", 0]);
});

test("when the engine's worker is killed, calls fail, and the next ones find what was committed", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("killed", { embedder: t.embedder });
    await db.add(t.documents(100));
    const hang = { ...t.embedder, embed: () => new Promise(() => {}) };
    const other = await t.open("killed", { embedder: hang });
    const victim = t.workers.at(-1);
    const waiting = t.failure(other.add([{ id: "late", text: "late" }]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    victim.terminate();
    const { code, message } = await waiting;
    const { documents } = await other.stats();
    const { hits } = await db.search("n42");
    await other.close();
    await db.close();
    await t.destroy("killed", { worker: t.worker });
    return { code, message, documents, hit: hits[0].id };
  });
  assert.equal(outcome.code, "Internal");
  assert.match(outcome.message, /worker .* ended/);
  assert.equal(outcome.documents, 100);
  assert.equal(outcome.hit, "d42");
});

test("a collection in memory does not come back empty", async () => {
  const codes = await page.evaluate(async () => {
    const db = await t.open("volatile", { storage: "memory" });
    await db.add(t.documents(3));
    t.workers.at(-1).terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return [await t.failure(db.stats()), await t.failure(db.search("cat"))].map(({ code }) => code);
  });
  assert.deepEqual(codes, ["Internal", "Internal"]);
});

test("a worker script that is not there", async () => {
  const { code, message } = await page.evaluate(() => t.failure(t.open("x", { worker: t.factory("/pkg/nowhere.js") })));
  assert.equal(code, "Internal");
  assert.match(message, /worker/);
});

test("a tab that is closed while it indexes loses nothing that was committed", async () => {
  const tab = await browser.newTab();
  await tab.evaluate(async () => {
    const embed = async (texts) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return t.embedder.embed(texts);
    };
    const db = await t.open("closed", { embedder: { ...t.embedder, embed } });
    window.committed = 0;
    db.add(t.documents(20_000), { onProgress: (event) => (window.committed = event.committed ?? window.committed) });
  });
  await tab.waitForFunction(() => window.committed >= 300);
  const committed = await tab.evaluate("window.committed");
  await tab.close();
  const outcome = await page.evaluate(async () => {
    const db = await t.open("closed", { embedder: t.embedder });
    const { documents } = await db.stats();
    const { ok } = await db.verify();
    const { hits } = await db.search("n299", { mode: "sparse" });
    const { added } = await db.add([{ id: "next", text: "the next writer" }]);
    await db.close();
    await t.destroy("closed", { worker: t.worker });
    return { documents, ok, hit: hits[0].id, added };
  });
  assert.ok(outcome.documents >= committed, `${outcome.documents} of ${committed}`);
  assert.ok(outcome.ok);
  assert.equal(outcome.hit, "d299");
  assert.equal(outcome.added, 1);
});

test("what one tab adds, another finds", async () => {
  const tab = await browser.newTab();
  await page.evaluate(async () => {
    window.db = await t.open("shared");
    await window.db.add([{ id: "one", text: "the first cat" }]);
  });
  await tab.evaluate(async () => {
    window.db = await t.open("shared");
    await window.db.add([{ id: "two", text: "the second cat" }]);
  });
  const ids = (where) => where.evaluate(async () => (await window.db.search("cat")).hits.map(({ id }) => id).sort());
  await page.waitForFunction(async () => (await window.db.search("cat")).hits.length === 2);
  assert.deepEqual(await ids(page), ["one", "two"]);
  assert.deepEqual(await ids(tab), ["one", "two"]);
  await page.evaluate(() => window.db.add([{ id: "three", text: "the third cat" }]));
  await tab.waitForFunction(async () => (await window.db.search("cat")).hits.length === 3);

  await page.evaluate(() => window.db.close());
  await page.evaluate(() => t.destroy("shared", { worker: t.worker }));
  await tab.waitForFunction(async () => (await t.failure(window.db.search("cat"))).code === "NotFound");
  await tab.close();
});

test("while another tab writes, readers go on and writers are told after two seconds", async () => {
  const tab = await browser.newTab();
  await tab.evaluate(() => {
    const held = new Promise((resolve) => navigator.locks.request("nearfield:busy:writer", () => (resolve(), new Promise(() => {}))));
    return held;
  });
  const outcome = await page.evaluate(async () => {
    const db = await t.open("busy");
    const start = performance.now();
    const waiting = t.failure(db.add(t.documents(1)));
    const { hits } = await db.search("cat");
    const read = performance.now() - start;
    const { code } = await waiting;
    const wrote = performance.now() - start;
    await db.close();
    return { hits, read, code, wrote };
  });
  await tab.close();
  assert.deepEqual(outcome.hits, []);
  assert.equal(outcome.code, "Locked");
  assert.ok(outcome.read < 1000 && outcome.wrote > 1900 && outcome.wrote < 4000, JSON.stringify(outcome));
});

test("without IndexedDB a collection lives in memory, and says so", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.api.open("private", { worker: t.factory("/no-database-worker.js") });
    await db.add(t.documents(5));
    const { storage, documents } = await db.stats();
    await db.close();
    return { storage, documents };
  });
  assert.deepEqual(outcome, { storage: "memory", documents: 5 });
});

test("on a full disk the old generation goes on answering", async () => {
  // A browser of its own: Chromium looks at the quota when an origin's database is first used, and remembers.
  const small = await openApi();
  const devtools = await small.context.newCDPSession(small.page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(small.site.url).origin, quotaSize: 2_000_000 });
  const outcome = await small.page.evaluate(async () => {
    const db = await t.open("full");
    await db.add(t.documents(50));
    const text = Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 0).join(" ");
    const { code } = await t.failure(db.add([{ id: "large", text }]));
    const { hits } = await db.search("n42");
    const { documents } = await db.stats();
    const { added } = await db.add([{ id: "small", text: "there is room for this" }]);
    return { code, hit: hits[0].id, documents, added, ok: (await db.verify()).ok };
  });
  await small.close();
  assert.deepEqual(outcome, { code: "QuotaExceeded", hit: "d42", documents: 50, added: 1, ok: true });
});

test("segments are merged when things are quiet", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("quiet");
    for (let i = 0; i < 12; i++) await db.add([{ id: `s${i}`, text: `cat n${i}` }]);
    for (let tries = 0; tries < 100 && (await db.stats()).segments.length > 8; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { segments, documents } = await db.stats();
    const { hits } = await db.search("n7");
    await db.close();
    await t.destroy("quiet", { worker: t.worker });
    return { few: segments.length <= 8, documents, hit: hits[0].id };
  });
  assert.deepEqual(outcome, { few: true, documents: 12, hit: "s7" });
});

test("a graph is built in the pool, and finds what a scan finds", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("graph", { embedder: t.embedder, vectors: { index: "hnsw", storage: "f32" }, workers: 1 });
    const before = t.workers.length;
    await db.add(t.documents(300));
    // A write in the middle: the graph is built without keeping others out.
    const [, { added }] = await Promise.all([db.compact(), db.add([{ id: "late", text: "a late cat" }])]);
    await db.compact();
    const { segments, documents } = await db.stats();
    const ids = async (vectors) => (await db.search("cat moon", { mode: "dense", k: 5, vectors })).hits.map(({ score }) => score.toFixed(4));
    const [graph, scan] = [await ids("hnsw"), await ids("flat")];
    const { ok } = await db.verify();
    await db.close();
    await t.destroy("graph", { worker: t.worker });
    return { added, graphs: segments.every(({ graphBytes }) => graphBytes > 0), documents, same: graph.join() === scan.join(), ok, pooled: t.workers.length > before };
  });
  assert.deepEqual(outcome, { added: 1, graphs: true, documents: 301, same: true, ok: true, pooled: true });
});
