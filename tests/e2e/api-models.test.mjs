// Real models through the public interface: loading, caching and all that a server can do wrong; the pool of workers.
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { models } from "../tools/paths.mjs";
import { openForFile } from "./support/api.mjs";

const MINILM = "all-MiniLM-L6-v2";
const RERANKER = "ms-marco-MiniLM-L-12-v2";

const CATS = [
  { id: "feline", text: "The small feline slept on the warm windowsill all afternoon." },
  { id: "stocks", text: "Share prices fell sharply after the central bank raised interest rates." },
  { id: "recipe", text: "Whisk the eggs, fold in the flour and bake for twenty minutes." },
];

/** Answers for paths under /models/ or /broken/, set by a test. */
let answer = () => undefined;

const browser = await openForFile({
  async intercept(request, response) {
    const reply = await answer(new URL(request.url, "http://localhost").pathname);
    if (!reply) return false;
    response.writeHead(reply.status ?? 200, { "Content-Type": reply.type ?? "application/octet-stream" });
    response.end(reply.body ?? "");
    return true;
  },
});
const { page } = browser;

test("words that differ and mean the same are found; the model is downloaded once", async () => {
  const first = await page.evaluate(async ([embedder, documents]) => {
    const events = [];
    const db = await t.open("meaning", { embedder, onProgress: (event) => events.push(event) });
    await db.add(documents);
    const found = async (query) => (await db.search(query, { mode: "dense" })).hits[0].id;
    const ids = [await found("a sleeping cat"), await found("economy and finance"), await found("how to make a cake")];
    const stats = await db.stats();
    await db.close();
    const last = events.filter(({ phase }) => phase === "download").at(-1);
    return { ids, last, stats };
  }, [MINILM, CATS]);
  assert.deepEqual(first.ids, ["feline", "stocks", "recipe"]);
  const { size } = await stat(join(models, MINILM, "model.safetensors"));
  assert.deepEqual([first.last.unit, first.last.done, first.last.total, first.last.model], ["bytes", size, size, MINILM]);
  assert.equal(first.stats.embedder.name, MINILM);
  assert.ok(first.stats.tokens > 30);

  // From here on the server has no models: everything must come from the cache.
  answer = (path) => (path.startsWith("/models/") ? { status: 500 } : undefined);
  const again = await page.evaluate(async (embedder) => {
    const db = await t.open("meaning", { embedder });
    const { hits } = await db.search("a sleeping cat");
    await db.close();
    return hits[0].id;
  }, MINILM);
  answer = () => undefined;
  assert.equal(again, "feline");
});

test("a damaged copy in the cache is noticed and replaced", async () => {
  const before = browser.site.requests.length;
  const id = await page.evaluate(async (embedder) => {
    const cache = await caches.open("nearfield-models-1");
    const request = (await cache.keys()).find(({ url }) => url.includes("weights"));
    const bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
    bytes[bytes.length >> 1] ^= 1;
    await cache.put(request, new Response(bytes));
    const db = await t.open("meaning", { embedder });
    const { hits } = await db.search("a sleeping cat", { mode: "dense" });
    await db.close();
    return hits[0].id;
  }, MINILM);
  assert.equal(id, "feline");
  assert.ok(browser.site.requests.slice(before).includes(`/models/${MINILM}/model.safetensors`));
});

test("an ordinary directory in full precision is quantised while it streams in, and cached small", async () => {
  const folder = join(models, "raw", `${MINILM}-fp32`);
  answer = async (path) => {
    const name = path.startsWith("/full/") && path.slice("/full/".length);
    return name && readFile(join(folder, name)).then((body) => ({ body }), () => ({ status: 404 }));
  };
  const texts = CATS.map(({ text }) => text);
  const outcome = await page.evaluate(async ([quantised, texts]) => {
    const events = [];
    const options = { embedder: "/full/", worker: t.worker, workers: 0, onProgress: (event) => events.push(event) };
    const rows = await t.embed(texts, options);
    const expected = await t.embed(texts, { embedder: quantised, worker: t.worker, workers: 0 });
    const cache = await caches.open("nearfield-models-1");
    const keys = (await cache.keys()).filter(({ url }) => url.includes("full") && url.includes("weights"));
    const sizes = await Promise.all(keys.map(async (key) => (await (await cache.match(key)).blob()).size));
    const worst = Math.max(...rows.flatMap((row, i) => Array.from(row, (value, j) => Math.abs(value - expected[i][j]))));
    return { worst, last: events.filter(({ phase }) => phase === "download").at(-1), sizes };
  }, [MINILM, texts]);
  const { size } = await stat(join(folder, "model.safetensors"));
  assert.deepEqual([outcome.last.done, outcome.last.total], [size, size]);
  assert.ok(outcome.worst < 1e-6, `differs by ${outcome.worst} from the model that the native tool quantised`);
  assert.equal(outcome.sizes.length, 1);
  assert.ok(outcome.sizes[0] < 24e6, `${outcome.sizes[0]} bytes in the cache`);

  answer = (path) => (path.startsWith("/full/") ? { status: 500 } : undefined);
  const again = await page.evaluate((texts) => t.embed(texts, { embedder: "/full/", worker: t.worker, workers: 0 }), texts);
  answer = () => undefined;
  assert.equal(again.length, texts.length);
});

const refused = (name, embedder, reply, code, message) =>
  test(name, async () => {
    answer = reply;
    const options = { embedder, models: { cache: false }, storage: "memory" };
    const failure = await page.evaluate(async (options) => t.failure(t.open("refused", options)), options);
    answer = () => undefined;
    assert.equal(failure.code, code, failure.message);
    assert.match(failure.message, message);
  });

const file = (name) => readFile(join(models, MINILM, name));
const broken = (replace) => async (path) => {
  const name = path.startsWith("/broken/") && path.slice("/broken/".length);
  if (!name) return undefined;
  return (await replace(name)) || file(name).then((body) => ({ body })).catch(() => ({ status: 404 }));
};

refused("a model that nobody knows", "all-MiniLM-L6-v3", () => undefined, "InvalidInput", /unknown model "all-MiniLM-L6-v3".*all-MiniLM-L6-v2/);
refused("a server that has no such model", "/nowhere/", () => undefined, "Network", /\/nowhere\/config\.json.*404/);
refused("a server that answers with a page", "/broken/", broken((name) => name === "config.json" && { type: "text/html", body: "<!doctype html>" }), "Network", /config\.json.*HTML/);
refused("a page that calls itself JSON", "/broken/", broken((name) => name === "config.json" && { type: "application/json", body: "<!doctype html>" }), "Network", /config\.json.*HTML/);
refused("a page in place of the weights", "/broken/", broken((name) => name === "model.safetensors" && { type: "text/html", body: "<!doctype html>" }), "Network", /model\.safetensors.*HTML/);
refused("weights that are not there", "/broken/", broken((name) => name === "model.safetensors" && { status: 404 }), "Network", /model\.safetensors.*404/);
refused("weights that end too early", "/broken/", broken(async (name) => name === "model.safetensors" && { body: (await file(name)).subarray(0, 5_000_000) }), "Integrity", /\d/);
refused("weights with a flipped bit", "/broken/", broken(async (name) => {
  if (name !== "model.safetensors") return undefined;
  const body = await file(name);
  body[body.length >> 1] ^= 1;
  return { body };
}), "Integrity", /digest/);
refused("an architecture that is not supported", "/broken/", broken((name) => name === "config.json" && { body: '{"architectures":["T5EncoderModel"],"model_type":"t5"}' }), "Unsupported", /t5/i);

test("a download that is aborted", async () => {
  answer = (path) => (path.endsWith("/config.json") ? new Promise((resolve) => setTimeout(() => resolve(undefined), 3000)) : undefined);
  const { code, took } = await page.evaluate(async (embedder) => {
    const start = performance.now();
    const options = { embedder, models: { cache: false }, signal: AbortSignal.timeout(200) };
    const { code } = await t.failure(t.open("impatient", options));
    return { code, took: performance.now() - start };
  }, MINILM);
  answer = () => undefined;
  assert.equal(code, "Aborted");
  assert.ok(took < 1000, `took ${took} ms`);
});

test("the pool embeds what one worker would, in the same order, though workers are killed", async () => {
  const outcome = await page.evaluate(async (embedder) => {
    const texts = t.documents(240, 60).map(({ text }) => text);
    const alone = await t.embed(texts, { embedder, workers: 0, worker: t.worker });
    const before = t.workers.length;
    let done = false;
    const pooled = t.embed(texts, { embedder, workers: 2, worker: t.worker }).finally(() => (done = true));
    // The third worker of this call is the second of its pool; the fourth takes its place.
    for (let killed = before + 2; killed < before + 4; killed++) {
      while (t.workers.length <= killed && !done) await new Promise((resolve) => setTimeout(resolve, 5));
      await t.workers[killed]?.alive;
      t.workers[killed]?.terminate();
    }
    const rows = await pooled;
    const worst = Math.max(...rows.flatMap((row, i) => Array.from(row, (value, j) => Math.abs(value - alone[i][j]))));
    return { count: rows.length, dims: rows[0].length, worst, started: t.workers.length - before };
  }, MINILM);
  assert.deepEqual([outcome.count, outcome.dims], [240, 384]);
  assert.ok(outcome.worst < 1e-5, `differs by ${outcome.worst}`);
  assert.ok(outcome.started >= 4, "the killed worker was replaced");
});

test("indexing does not block the page, a query does not wait behind it, and an abort is prompt", async (context) => {
  const outcome = await page.evaluate(async (embedder) => {
    const db = await t.open("busy-index", { embedder });
    await db.add(t.documents(20));
    await db.search("warm up");
    const controller = new AbortController();
    let speed;
    const latencies = [];
    let failure;
    const longest = await t.longestBlock(async () => {
      let adding;
      await new Promise((begun) => {
        const onProgress = (event) => {
          speed = event.tokensPerSecond ?? speed;
          if (speed > 0 && event.phase === "embed") begun();
        };
        adding = t.failure(db.add(t.documents(5000, 100), { signal: controller.signal, onProgress }));
      });
      for (let i = 0; i < 10; i++) {
        const start = performance.now();
        await db.search("rust and wasm");
        latencies.push(performance.now() - start);
      }
      const start = performance.now();
      controller.abort();
      failure = { ...(await adding), took: performance.now() - start };
    });
    const { workers } = await db.stats();
    await db.close();
    await t.destroy("busy-index", { worker: t.worker });
    latencies.sort((a, b) => a - b);
    return { longest, median: latencies[5], failure, workers, speed };
  }, MINILM);
  assert.equal(outcome.failure.code, "Aborted");
  const { longest, median, failure, speed } = outcome;
  context.diagnostic(`the page was blocked for ${longest.toFixed(0)} ms at most, a query took ${median.toFixed(0)} ms, the abort ${failure.took.toFixed(1)} ms; ${speed} tokens/s`);
  // Without pauses each of these would take many seconds.
  assert.ok(failure.took < 1000, `aborting took ${failure.took} ms`);
  assert.ok(median < 1000, `a query took ${median} ms`);
  assert.ok(outcome.workers.running >= 1 && outcome.speed > 0, JSON.stringify(outcome));
  assert.ok(longest < 1000, `blocked for ${longest} ms`);
});

test("reranking reads query and passage together", async () => {
  const outcome = await page.evaluate(async ([embedder, reranker]) => {
    const passages = ["Berlin is well known for its museums.", "Berlin has 3,520,031 registered inhabitants.", "New York has many museums."];
    const alone = await t.rerank("How many people live in Berlin?", passages, { reranker, worker: t.worker });
    const db = await t.open("rerank", { embedder, reranker });
    await db.add(passages.map((text, i) => ({ id: `p${i}`, text })));
    const stages = [];
    for await (const { stage, final, hits } of db.searchStages("How many people live in Berlin?", { rerank: true })) {
      stages.push([stage, final, hits[0].id]);
    }
    const { timings } = await db.search("How many people live in Berlin?", { rerank: { top: 3 } });
    await db.close();
    await t.destroy("rerank", { worker: t.worker });
    return { order: alone.map(({ index }) => index), scores: alone.map(({ score }) => score), stages, timings };
  }, [MINILM, RERANKER]);
  assert.equal(outcome.order[0], 1);
  assert.ok(outcome.scores[0] > 5 && outcome.scores[1] < 0, `${outcome.scores}`);
  assert.deepEqual(outcome.stages.map(([stage, final]) => [stage, final]), [
    ["sparse", false],
    ["fused", false],
    ["reranked", false],
    ["reranked", true],
  ]);
  assert.equal(outcome.stages.at(-1)[2], "p1");
  assert.ok(outcome.timings.rerank > 0);
});

test("the device is checked against arithmetic that shares nothing with the kernels", async () => {
  const { cosine, build } = await page.evaluate((model) => t.selfCheck({ model, worker: t.worker, workers: 0 }), MINILM);
  assert.ok(cosine > 0.98 && cosine <= 1.000001, `cosine ${cosine}`);
  assert.equal(build, "relaxed-simd");
});

test("the lite build searches by words and by the caller's vectors, and says that it runs no models", async () => {
  const outcome = await page.evaluate(async () => {
    const lite = await import("/pkg/lite/nearfield.js");
    const worker = t.factory("/pkg/lite/worker.js");
    const options = { embedder: t.embedder, worker, storage: "memory" };
    const db = await lite.open("lite", options);
    await db.add(t.documents(300));
    const found = async (mode) => (await db.search("number n7 tea", { mode })).hits.map(({ id }) => id);
    const [sparse, hybrid] = [await found("sparse"), await found("hybrid")];
    const measured = await t.failure(lite.evaluate(db, { queries: { q: "n7" }, qrels: { q: { d7: 1 } }, pipelines: ["bm25"] }));
    await db.close();
    return { sparse, hybrid, measured, refusal: await t.failure(lite.open("models", { worker, embedder: "all-MiniLM-L6-v2" })) };
  });
  assert.equal(outcome.sparse[0], "d7");
  assert.equal(outcome.hybrid.length, 10);
  assert.equal(outcome.refusal.code, "Unsupported");
  assert.match(outcome.refusal.message, /lite build runs no models \(all-MiniLM-L6-v2\)/);
  assert.equal(outcome.measured.code, "Unsupported");
  assert.match(outcome.measured.message, /evaluation: the lite build/);
});
