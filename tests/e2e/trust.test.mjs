// What keeps a collection whole: verify and repair, export and import, another model, room that is checked before.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile, scripts } from "./support/api.mjs";

/** A worker of the package in a browser that says how little room there is: 3 MB, until the page says otherwise. */
const SMALL_DISK = `
let quota = 5e6;
const channel = new BroadcastChannel("disk");
channel.onmessage = ({ data }) => { quota = 2e6 + data; channel.postMessage("set"); };
Object.defineProperty(StorageManager.prototype, "estimate", { value: async () => ({ usage: 2e6, quota }) });`;
const SCRIPTS = {
  "/small-disk.js": SMALL_DISK,
  "/small-disk-worker.js": `import "/small-disk.js"; import "/pkg/worker.js";`,
};

const browser = await openForFile({ intercept: scripts(SCRIPTS) });
const { page } = browser;

test("a damaged collection is verified, repaired, and says what was lost", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("damaged", { embedder: t.embedder });
    await db.add(t.documents(50));
    const good = await db.verify();
    await db.close();
    // A blob is cut short behind our back.
    const database = await new Promise((resolve) => {
      const request = indexedDB.open("nearfield:damaged");
      request.onsuccess = () => resolve(request.result);
    });
    await new Promise((resolve) => {
      const store = database.transaction("blobs", "readwrite").objectStore("blobs");
      const keys = store.getAllKeys();
      keys.onsuccess = () => {
        const name = keys.result.find((key) => /^seg-\d+-t0-/.test(key));
        const blob = store.get(name);
        blob.onsuccess = () => (store.put(blob.result.slice(0, 100), name).onsuccess = resolve);
      };
    });
    database.close();
    const again = await t.open("damaged", { embedder: t.embedder });
    const bad = await again.verify();
    const { hits } = await again.search("n42");
    const { broken } = await again.stats();
    const repair = await again.repair();
    const after = await again.verify();
    const { added } = await again.add(t.documents(50));
    const nothing = await again.repair();
    const found = (await again.search("n42")).hits[0].id;
    await again.close();
    await t.destroy("damaged", { worker: t.worker });
    return { good, bad, hits: hits.length, broken: broken.length, repair, after, added, nothing, found };
  });
  assert.ok(outcome.good.ok && outcome.good.documents === 50, JSON.stringify(outcome.good));
  assert.ok(!outcome.bad.ok && outcome.bad.problems.length === 1, JSON.stringify(outcome.bad));
  assert.ok(outcome.broken > 0, "the search said that it could not read a text");
  assert.ok(outcome.repair.lost > 0 && outcome.repair.lostIds.length === outcome.repair.lost, JSON.stringify(outcome.repair));
  assert.ok(outcome.after.ok && outcome.after.documents === 50 - outcome.repair.lost);
  assert.deepEqual([outcome.added, outcome.nothing.actions, outcome.found], [50, [], "d42"]);
});

test("a collection goes out as one file and comes in again", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("original", { embedder: t.embedder });
    await db.add(t.documents(300));
    const file = await db.export();
    const events = [];
    const { documents } = await t.importCollection("copy", file, { worker: t.worker, onProgress: (event) => events.push(event) });
    const twice = await t.failure(t.importCollection("copy", file, { worker: t.worker }));
    const cut = await t.failure(t.importCollection("cut", file.slice(0, file.size - 50), { worker: t.worker }));
    const junk = await t.failure(t.importCollection("junk", new Uint8Array(1000), { worker: t.worker }));
    const names = await t.listCollections({ worker: t.worker });
    const copy = await t.open("copy", { embedder: t.embedder });
    const same = JSON.stringify((await copy.search("cat moon")).hits) === JSON.stringify((await db.search("cat moon")).hits);
    const { ok } = await copy.verify();
    await Promise.all([db.close(), copy.close()]);
    for (const name of ["original", "copy"]) await t.destroy(name, { worker: t.worker });
    return { size: file.size, documents, last: events.at(-1), twice: twice.code, cut: cut.code, junk: junk.code, names, same, ok };
  });
  assert.equal(outcome.documents, 300);
  assert.deepEqual(outcome.last, { phase: "copy", unit: "bytes", done: outcome.size, total: outcome.size });
  assert.deepEqual([outcome.twice, outcome.cut, outcome.junk], ["InvalidInput", "Corrupt", "Corrupt"]);
  assert.ok(!outcome.names.includes("cut") && !outcome.names.includes("junk"), outcome.names.join());
  assert.ok(outcome.same && outcome.ok);
});

test("another model: the old one answers until the new one is all there, whatever stops the change", async () => {
  const outcome = await page.evaluate(async () => {
    const other = (delay) => ({
      ...t.embedder,
      name: "others",
      dims: 3,
      embed: async (texts) => {
        await new Promise((resolve) => setTimeout(resolve, delay));
        return texts.map((text) => [text.length % 7, text.length % 5, 1]);
      },
    });
    const db = await t.open("changing", { embedder: t.embedder });
    await db.add(t.documents(1200));
    const before = (await db.search("cat moon", { mode: "dense" })).hits.map(({ id }) => id).join();
    const controller = new AbortController();
    const changing = t.failure(db.reembed(other(50), { signal: controller.signal }));
    for (;;) {
      const { pending } = await db.stats();
      if (pending && pending.done >= 500) break;
    }
    const during = (await db.search("cat moon", { mode: "dense" })).hits.map(({ id }) => id).join();
    controller.abort();
    const { code } = await changing;
    await db.close();

    // After a reload, opened with the new model: words go on, vectors of two models never meet.
    const again = await t.open("changing", { embedder: other(0) });
    const half = (await again.stats()).pending;
    const mixed = await t.failure(again.search("cat", { mode: "dense" }));
    const words = (await again.search("n42", { mode: "sparse" })).hits[0].id;
    const refused = await t.failure(again.add(t.documents(1)));
    let steps = 0;
    await again.reembed(undefined, { onProgress: () => steps++ });
    const dense = (await again.search("cat", { mode: "dense" })).hits.length;
    const { pending, embedder } = await again.stats();
    const { added } = await again.add([{ id: "late", text: "late cat" }]);
    const { ok } = await again.verify();
    await again.close();
    await t.destroy("changing", { worker: t.worker });
    return { same: before === during, code, half, mixed: mixed.code, words, refused: refused.code, steps, dense, pending, embedder, added, ok };
  });
  assert.ok(outcome.same, "the old vectors answer");
  assert.equal(outcome.code, "Aborted");
  assert.ok(outcome.half.done >= 500 && outcome.half.done < outcome.half.total, JSON.stringify(outcome.half));
  assert.deepEqual([outcome.mixed, outcome.words, outcome.refused], ["ModelMismatch", "d42", "ModelMismatch"]);
  assert.ok(outcome.steps > 0 && outcome.steps < 8, `${outcome.steps} parts after the reload`);
  assert.equal(outcome.dense, 10);
  assert.deepEqual([outcome.pending, outcome.embedder.name, outcome.added, outcome.ok], [undefined, "others", 1, true]);
});

test("an eviction under an open collection is noticed", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("evicted");
    await db.add(t.documents(20));
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase("nearfield:evicted");
      request.onsuccess = resolve;
      request.onerror = reject;
    });
    const write = await t.failure(db.add(t.documents(1)));
    const { ok, problems } = await db.verify().catch((error) => ({ ok: false, problems: [error.code] }));
    await db.close();
    const anew = await t.open("evicted");
    const { documents } = await anew.stats();
    await anew.close();
    await t.destroy("evicted", { worker: t.worker });
    return { write, ok, problems: problems.length, documents };
  });
  assert.equal(outcome.write.code, "NotFound");
  assert.match(outcome.write.message, /evicted/);
  assert.ok(!outcome.ok && outcome.problems > 0);
  assert.equal(outcome.documents, 0);
});

test("storage that the browser clears under an open collection is noticed, and begun anew", async () => {
  const before = await page.evaluate(async () => {
    window.cleared = await t.open("cleared");
    await window.cleared.add(t.documents(20));
    return (await window.cleared.stats()).documents;
  });
  const protocol = await browser.context.newCDPSession(page);
  // As when a person clears the site's data: connections are closed by force, whoever holds them.
  await protocol.send("Storage.clearDataForOrigin", { origin: new URL(page.url()).origin, storageTypes: "indexeddb" });
  await protocol.detach();
  const { code, message, documents, added } = await page.evaluate(async () => {
    const { code, message } = await t.failure(window.cleared.add(t.documents(1)));
    await window.cleared.close();
    const anew = await t.open("cleared");
    const { documents } = await anew.stats();
    const { added } = await anew.add(t.documents(3));
    await anew.close();
    await t.destroy("cleared", { worker: t.worker });
    return { code, message, documents, added };
  });
  assert.equal(before, 20);
  assert.equal(code, "NotFound", message);
  assert.match(message, /evicted/);
  assert.deepEqual([documents, added], [0, 3]);
});

test("the browser is asked once not to evict what is stored, with the first documents", async () => {
  const tab = await browser.newTab();
  const outcome = await tab.evaluate(async () => {
    let asked = 0;
    StorageManager.prototype.persist = async () => (asked++, true);
    StorageManager.prototype.persisted = async () => asked > 0;
    const db = await t.open("kept");
    const seen = [[asked, (await db.stats()).persisted]];
    for (let round = 0; round < 2; round++) {
      await db.add(t.documents(2));
      seen.push([asked, (await db.stats()).persisted]);
    }
    await db.close();
    await t.destroy("kept", { worker: t.worker });
    return seen;
  });
  await tab.close();
  assert.deepEqual(outcome, [[0, false], [1, true], [1, true]]);
});

test("a worker that is killed while it rewrites the collection costs nothing that was committed", async () => {
  const outcome = await page.evaluate(async () => {
    const db = await t.open("rewritten", { embedder: t.embedder, workers: 1 });
    // Large enough to be rewritten by another worker than the engine's.
    for (let round = 0; round < 3; round++) await db.add(t.documents(1000, 30).map((one) => ({ ...one, id: `${round}-${one.id}` })));
    await db.delete(["0-d1", "1-d2"]);
    const engine = t.workers.at(-1);
    const killed = new Set();
    const onProgress = ({ phase }) => {
      const helper = t.workers.at(-1);
      if (phase !== "merge" || helper === engine || killed.size > 0) return;
      killed.add(helper);
      helper.terminate();
    };
    const { code } = await t.failure(db.compact({ onProgress }));
    const { documents, broken, deleted } = await db.stats();
    const found = [(await db.search("n42", { mode: "sparse" })).hits.length, await db.get("0-d1"), (await db.get("2-d999")).id];
    const { ok, problems } = await db.verify();
    await db.compact();
    const after = await db.stats();
    await db.close();
    await t.destroy("rewritten", { worker: t.worker });
    return { code, killed: killed.size, documents, broken, deleted, found, ok, problems, segments: after.segments.length, left: after.deleted };
  });
  assert.equal(outcome.killed, 1, "it was another worker's work");
  assert.deepEqual([outcome.documents, outcome.broken, outcome.ok, outcome.problems], [2998, [], true, []]);
  assert.deepEqual(outcome.found, [3, undefined, "2-d999"]);
  assert.deepEqual([outcome.segments, outcome.left], [1, 0]);
});

test("what cannot fit is refused before it is begun", async () => {
  const { code, message, calls, added, rewritten, changed, taken, pending, dense, ok } = await page.evaluate(async () => {
    let calls = 0;
    const embed = (texts) => (calls++, t.embedder.embed(texts));
    const db = await t.open("room", { embedder: { ...t.embedder, embed }, worker: t.factory("/small-disk-worker.js") });
    const { code, message } = await t.failure(db.add(t.documents(2000, 400)));
    const before = calls;
    const { added } = await db.add(t.documents(5));
    const channel = new BroadcastChannel("disk");
    const leave = (bytes) => new Promise((set) => ((channel.onmessage = set), channel.postMessage(bytes)));
    await leave(10);
    const rewritten = await t.failure(db.compact());
    const changed = await t.failure(db.reembed({ ...t.embedder, name: "others", digest: "others" }));
    const { pending } = await db.stats();
    const dense = (await db.search("cat", { mode: "dense" })).hits.length;
    await leave(1e6);
    await db.compact();
    const { ok } = await db.verify();
    await db.close();
    await t.destroy("room", { worker: t.worker });
    const taken = await t.failure(t.importCollection("large", new Uint8Array(4e6), { worker: t.factory("/small-disk-worker.js") }));
    return { code, message, calls: before, added, rewritten, changed, taken, pending, dense, ok };
  });
  assert.equal(code, "QuotaExceeded");
  assert.match(message, /3\.0 MB of 5\.0 MB are left/);
  assert.equal(added, 5, "what fits is taken");
  assert.equal(calls, 0, "nothing was embedded in vain");
  for (const refused of [rewritten, changed, taken]) assert.equal(refused.code, "QuotaExceeded", refused.message);
  assert.match(rewritten.message, /the rewritten collection takes/);
  assert.match(taken.message, /this collection takes about 4\.0 MB, and 3\.0 MB/);
  assert.deepEqual([pending, dense, ok], [undefined, 5, true]);
});
