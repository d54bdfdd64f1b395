// A collection of fifty thousand chunks with vectors: what it costs to open, to search, to add to and to
// rewrite. Memory and bytes are limits, also of every single transaction, since a query waits for those before it; times
// are printed, not judged, since other work may share the machine.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openApi, scripts } from "./support/api.mjs";

const CHUNKS = 50_000;
/** The graph takes minutes, so it is built in the long run only. */
const LONG = Boolean(process.env.NEARFIELD_LONG);
const MEGABYTE = 2 ** 20;

/**
 * The package's worker, in every role, which tells how much each of its transactions is given to write, and how large its
 * WebAssembly memory is then: that never shrinks, so after the last one it was never larger.
 */
const METER = `
const channel = new BroadcastChannel("written");
const me = Math.random();
const memories = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...args) {
    super(...args);
    if (this.exports.memory) memories.push(this.exports.memory);
  }
};
const memory = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
const { put } = IDBObjectStore.prototype;
const written = new WeakMap();
IDBObjectStore.prototype.put = function (value, ...key) {
  const { transaction } = this;
  if (!written.has(transaction)) {
    written.set(transaction, 0);
    transaction.addEventListener("complete", () => channel.postMessage({ bytes: written.get(transaction), worker: me, memory: memory() }));
  }
  written.set(transaction, written.get(transaction) + (value.byteLength ?? 0));
  return put.call(this, value, ...key);
};`;
const SCRIPTS = {
  "/meter.js": METER,
  "/metered-worker.js": `import "/meter.js"; import "/pkg/worker.js";`,
};

let browser;
let page;

before(async () => {
  browser = await openApi({ intercept: scripts(SCRIPTS) });
  page = browser.page;
  page.setDefaultTimeout(0);
  await page.evaluate(prepare, LONG);
});

after(async () => {
  await browser?.close();
});

/** Runs in the page: documents of one chunk each, words by Zipf's law, and vectors in clusters, all from seeds. */
function prepare(long) {
  const generator = (seed) => () => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0), seed / 2 ** 32);
  const DIMS = 384;
  const centres = Array.from({ length: 200 }, (_, seed) => {
    const next = generator(seed + 1);
    return Float32Array.from({ length: DIMS }, () => next() - 0.5);
  });
  const embed = async (texts) => {
    const rows = new Float32Array(texts.length * DIMS);
    for (const [at, text] of texts.entries()) {
      const number = Number(/\d+/.exec(text)[0]);
      const next = generator(number + 1000);
      const centre = centres[number % centres.length];
      for (let i = 0; i < DIMS; i++) rows[at * DIMS + i] = centre[i] + 0.6 * (next() - 0.5);
      // A page that is busy itself hears of answers late.
      if (at % 64 === 0) await scheduler.yield();
    }
    return rows;
  };
  const next = generator(7);
  const words = (count) => Array.from({ length: count }, () => `w${Math.floor(30_000 ** next()).toString(36)}`).join(" ");
  const documents = (from, count) => Array.from({ length: count }, (_, i) => ({ id: `d${from + i}`, text: `${from + i} ${words(100)}` }));
  const worker = t.factory("/metered-worker.js");
  const open = () => t.open("large", { worker, embedder: { name: "clusters", dims: DIMS, embed }, chunk: { strategy: "none" }, vectors: { index: long ? "auto" : "flat" }, workers: 1 });

  /** Name and bytes of everything that is stored. */
  const stored = async () => {
    const database = await new Promise((resolve) => (indexedDB.open("nearfield:large").onsuccess = ({ target }) => resolve(target.result)));
    const transaction = database.transaction(["sizes", "meta"]);
    const ask = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const sizes = transaction.objectStore("sizes");
    const [names, bytes, manifest] = await Promise.all([ask(sizes.getAllKeys()), ask(sizes.getAll()), ask(transaction.objectStore("meta").get("manifest"))]);
    database.close();
    return { blobs: new Map(names.map((name, at) => [name, bytes[at]])), manifest: manifest.byteLength };
  };

  /**
   * Asks one query after the other while `work` runs: by turns one of common words, which costs something itself, and one
   * of the number that a single document has, which shows how long a query is held. Of each kind how many there were,
   * and how long they took.
   */
  const asking = async (db, work) => {
    let running = true;
    const times = { common: [], single: [] };
    const timed = async (kind, query, k) => {
      const start = performance.now();
      await db.search(query, { mode: "sparse", k });
      times[kind].push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 2));
    };
    const ask = async () => {
      while (running) {
        await timed("common", words(3), 10);
        await timed("single", String(30_000 + times.single.length), 1);
      }
    };
    const asked = ask();
    await work();
    running = false;
    await asked;
    const summary = (times) => {
      times.sort((a, b) => a - b);
      const late = times.filter((time) => time > 20).length;
      return { queries: times.length, median: times[times.length >> 1], late, longest: times.at(-1) };
    };
    return { common: summary(times.common), single: summary(times.single) };
  };

  /**
   * What transactions wrote while `work` ran: their number, all their bytes, and those of the largest; and the bytes of
   * WebAssembly memory of the largest worker that wrote.
   */
  const channel = new BroadcastChannel("written");
  const metering = async (work) => {
    const written = { transactions: 0, bytes: 0, largest: 0, memory: 0 };
    const memories = new Map();
    channel.onmessage = ({ data: { bytes, worker, memory } }) => {
      written.transactions++;
      written.bytes += bytes;
      written.largest = Math.max(written.largest, bytes);
      memories.set(worker, memory);
    };
    const result = await work();
    // Messages of other workers may come after the answer.
    await new Promise((resolve) => setTimeout(resolve, 100));
    written.memory = Math.max(0, ...memories.values());
    return { ...result, written };
  };
  window.large = { documents, open, stored, asking, metering };
}

const ms = (number) => `${number.toFixed(1)} ms`;
/** Prints how long queries took while something else was going on. */
function tell(when, asked) {
  for (const [what, kind] of [["common words", "common"], ["one document", "single"]]) {
    const { queries, median, late, longest } = asked[kind];
    console.log(`harness: lexical queries for ${what}, ${when}: ${queries}, median ${ms(median)}, longest ${ms(longest)}, ${late} above 20 ms`);
  }
}
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

test("fifty thousand chunks within 400 MB, and ten more in less than 1 MB", async () => {
  const grown = await page.evaluate(async (chunks) => {
    const { documents, open, asking, metering } = large;
    const db = await open();
    const start = performance.now();
    let added;
    const { written, ...asked } = await metering(async () => {
      for (let at = 0; at < chunks; at += 5000) await db.add(documents(at, 5000));
      added = performance.now() - start;
      return asking(db, () => db.compact());
    });
    const { segments, chunks: count, wasmMemory } = await db.stats();
    await db.close();
    return { added, compacted: performance.now() - start - added, asked, segments, count, wasmMemory, written };
  }, CHUNKS);
  console.log(`harness: ${grown.count} chunks added in ${ms(grown.added)}, compacted${LONG ? " with a graph" : ""} in ${ms(grown.compacted)}; wasm memory ${mb(grown.wasmMemory)}, of any worker at most ${mb(grown.written.memory)}`);
  assert.equal(grown.count, CHUNKS);
  assert.ok(grown.segments.length === 1 && grown.segments[0].graphBytes > 0 === LONG, JSON.stringify(grown.segments));

  const outcome = await page.evaluate(async () => {
    const { documents, open, stored, asking, metering } = large;
    const start = performance.now();
    window.db = await open();
    const opened = performance.now() - start;
    await db.search("w1 w2", { mode: "sparse" });
    const lexical = performance.now() - start;
    await db.search("5 w1 w2");
    const hybrid = performance.now() - start;
    const memory = [(await db.stats()).wasmMemory];

    const commits = [];
    let written = 0;
    for (let round = 0; round < 5; round++) {
      const before = await stored();
      const begun = performance.now();
      await db.add(documents(100_000 + round * 10, 10));
      commits.push(performance.now() - begun);
      const after = await stored();
      let bytes = after.manifest;
      for (const [name, size] of after.blobs) if (!before.blobs.has(name)) bytes += size;
      written = Math.max(written, bytes);
    }

    const quiet = await asking(db, () => new Promise((resolve) => setTimeout(resolve, 1000)));
    const replacing = performance.now();
    const updating = await metering(() => asking(db, () => db.add(documents(1000, 1000))));
    const replaced = performance.now() - replacing;
    memory.push((await db.stats()).wasmMemory);
    const compacting = performance.now();
    // The graph takes the longest, and was built once already.
    const controller = new AbortController();
    const onProgress = ({ phase }) => phase === "graph" && controller.abort();
    const rewrite = () => db.compact({ onProgress, signal: controller.signal }).catch(() => {});
    const merging = await metering(() => asking(db, rewrite));
    const compacted = performance.now() - compacting;
    const { wasmMemory, documents: count, broken, segments } = await db.stats();
    memory.push(wasmMemory);
    const { hits } = await db.search("1500 w1");
    await db.close();
    return { opened, lexical, hybrid, commits, written, quiet, updating, replaced, merging, compacted, memory, count, broken, segments: segments.length, hits: hits.length };
  });
  const { opened, lexical, hybrid, commits, quiet, updating, replaced, merging, compacted, memory } = outcome;
  console.log(`harness: ${CHUNKS} chunks opened in ${ms(opened)}, first lexical hits after ${ms(lexical)}, first hybrid hits after ${ms(hybrid)}`);
  const [first, ...later] = commits;
  console.log(`harness: 10 documents into ${CHUNKS} chunks: at most ${outcome.written} bytes written, ${ms(first)} the first time, then ${later.map(ms).join(", ")}`);
  console.log(`harness: 1,000 documents replaced in ${ms(replaced)}, all rewritten in ${ms(compacted)}`);
  tell(`while ten segments become one${LONG ? " with a graph" : ""}`, grown.asked);
  tell("quiet", quiet);
  tell("while documents are added", updating);
  tell("while all is rewritten", merging);
  const { written } = merging;
  console.log(`harness: the rewriting wrote ${mb(written.bytes)} in ${written.transactions} transactions, at most ${mb(written.largest)} in one`);
  console.log(`harness: wasm memory opened ${mb(memory[0])}, updated ${mb(memory[1])}, compacted ${mb(memory[2])}, of the worker that rewrote ${mb(written.memory)}`);
  assert.deepEqual([outcome.count, outcome.broken, outcome.segments, outcome.hits], [CHUNKS + 50, [], 1, 10]);
  assert.ok(outcome.written < MEGABYTE, `${outcome.written} bytes`);
  // Beside the blobs, the commit that ends it writes the manifest, which names some hundred pages.
  assert.ok(written.bytes > 20e6 && written.largest < MEGABYTE / 2, JSON.stringify(written));
  assert.ok(updating.written.largest < MEGABYTE / 2, JSON.stringify(updating.written));
  // The engine's worker and the one that rewrites, together.
  const together = [grown.wasmMemory + grown.written.memory, memory[2] + written.memory];
  console.log(`harness: wasm memory of both together at most ${mb(Math.max(...together))}`);
  assert.ok(grown.written.memory > 50e6 && written.memory > 50e6, "the workers that write are measured");
  assert.ok(Math.max(...memory, grown.wasmMemory, ...together) < 400e6, [...memory, ...together].join());
});
