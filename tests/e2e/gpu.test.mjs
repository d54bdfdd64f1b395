// Models on WebGPU through the public interface: a software adapter computes what a GPU would, slowly.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pkg } from "../tools/paths.mjs";
import { SOFTWARE } from "../tools/webgpu.mjs";
import { openForFile, scripts } from "./support/api.mjs";

const MINILM = "all-MiniLM-L6-v2";
const RERANKER = "ms-marco-MiniLM-L-12-v2";

const TEXTS = [
  "To reset the router, hold the button for ten seconds until the light turns orange.",
  "The harbour froze for the first time in forty years, and the ferries stayed where they were until the end of March.",
  "Copper conducts heat better than iron, which is why good pans have copper bottoms.",
  "Glaciers carve valleys with steep walls and leave lakes behind when they retreat.",
  "Patients who received the lower dose reported fewer headaches than those in the control group, but slept no better.",
];

/** Of the lengths of passages: two to five sentences. */
const PASSAGES = [2, 3, 4, 5].map((count) => TEXTS.slice(5 - count).join(" "));

/** A word that no vocabulary has: one token, and characters enough that a job of a few texts wakes the pool. */
const LONG_WORD = "x".repeat(9000);

/** Before the package's own worker script: what a browser may lack, and a device that goes when the page says so. */
const worker = (before) => `import "/pkg/worker.js"; ${before}`;
const without = worker('Object.defineProperty(navigator, "gpu", { value: undefined });');
const losing = worker(`
  let armed = false;
  const channel = new BroadcastChannel("gpu");
  channel.onmessage = () => { armed = true; channel.postMessage("armed"); };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    const { submit } = device.queue;
    device.queue.submit = (...commands) => {
      submit.apply(device.queue, commands);
      if (!armed) return;
      armed = false;
      device.destroy();
      channel.postMessage("lost");
    };
    return device;
  };
`);

const intercept = scripts({ "/without.js": without, "/losing.js": losing });
const { page, problems } = await openForFile({ intercept, args: SOFTWARE });
const plain = await openForFile({ intercept });

function cosines(a, b, dims) {
  const dot = (x, y, at) => x.slice(at, at + dims).reduce((sum, value, i) => sum + value * y[at + i], 0);
  return Array.from({ length: a.length / dims }, (_, i) => dot(a, b, i * dims));
}

test("hidden states of a real model are those of the f32 reference", async () => {
  const { cosine } = await page.evaluate((model) => t.selfCheck({ model, worker: t.worker, device: "webgpu" }), MINILM);
  console.log(`least cosine of ${MINILM} on WebGPU with f32 on the same weights: ${cosine}`);
  assert.ok(cosine >= 0.9995 && cosine <= 1.000001, `cosine ${cosine}`);
});

test("vectors agree with those of the processor", async () => {
  const [gpu, cpu] = await page.evaluate(async ([embedder, texts]) => {
    const flat = (rows) => rows.flatMap((row) => [...row]);
    const embed = async (device) => flat(await t.api.embed(texts, { embedder, worker: t.worker, workers: 0, device }));
    return [await embed("webgpu"), await embed("wasm")];
  }, [MINILM, [...TEXTS, ...PASSAGES]]);
  const all = cosines(gpu, cpu, 384);
  assert.equal(all.length, TEXTS.length + PASSAGES.length);
  const mean = all.reduce((sum, x) => sum + x) / all.length;
  console.log(`cosine with int8 on the processor: mean ${mean}, least ${Math.min(...all)}`);
  assert.ok(mean >= 0.995 && Math.min(...all) >= 0.98, `mean ${mean}, least ${Math.min(...all)}`);
});

test("a cross-encoder scores as on the processor", async () => {
  const [gpu, cpu] = await page.evaluate(async ([reranker, texts]) => {
    const query = "How do glaciers shape the land?";
    const score = async (device) => {
      const ranked = await t.api.rerank(query, texts, { reranker, worker: t.worker, workers: 0, device });
      return ranked.sort((a, b) => a.index - b.index).map(({ score }) => score);
    };
    return [await score("webgpu"), await score("wasm")];
  }, [RERANKER, TEXTS]);
  const order = (scores) => scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  assert.equal(order(gpu)[0], 3);
  assert.equal(order(cpu)[0], 3);
  gpu.forEach((score, i) => assert.ok(Math.abs(score - cpu[i]) < 0.5, `${score} and ${cpu[i]}`));
});

test("a collection is filled and searched on the GPU, in the pool and in the engine's worker, and opens again", async () => {
  const outcome = await page.evaluate(async ([embedder, texts, word]) => {
    const documents = texts.map((text, i) => ({ id: `d${i}`, text: `${text} ${word}` }));
    const run = async (workers) => {
      const db = await t.open(`gpu${workers}`, { embedder, device: "webgpu", storage: "memory", workers });
      await db.add(documents);
      const added = await db.stats();
      const { hits } = await db.search("pots that warm up evenly", { mode: "dense" });
      const searched = await db.stats();
      await db.close();
      return { added: added.device, pool: added.workers.running, searched: searched.device, first: hits[0].id };
    };
    return [await run(0), await run(1), await run(0)];
  }, [MINILM, TEXTS.slice(0, 3), LONG_WORD]);
  for (const { added, searched, first } of outcome) {
    assert.equal(first, "d2");
    assert.equal(added.runs, "webgpu");
    assert.equal(searched.runs, "webgpu");
    assert.equal(searched.adapter.architecture, "swiftshader");
  }
  assert.equal(outcome[1].pool, 1);
});

test("what was found out about a device is kept, and holds until browser or package change", async () => {
  const outcome = await page.evaluate(async ([embedder, texts]) => {
    const cache = await caches.open("nearfield-gpu-1");
    const [key] = await cache.keys();
    const kept = async () => (await cache.match(key)).json();
    const keep = (finding) => cache.put(key, Response.json(finding));
    const open = (name) => t.open(name, { embedder, device: "webgpu", storage: "memory", workers: 0 });
    const found = await kept();
    const failed = { ...found, passed: undefined, refused: "this GPU computes wrongly: norm gave 1 instead of 2" };

    await keep(failed);
    const refusal = await t.failure(open("failed"));
    const stillKept = await kept();

    await keep({ ...failed, subject: "another browser" });
    const db = await open("anew");
    await db.add([{ id: "d", text: texts[0] }]);
    const { device } = await db.stats();
    await db.close();
    return { found, failed, refusal, stillKept, device, anew: await kept() };
  }, [MINILM, TEXTS]);
  const { found, failed, refusal, stillKept, device, anew } = outcome;
  const languageHas = await page.evaluate(() => [...navigator.gpu.wgslLanguageFeatures]);
  assert.ok(found.passed.every((name) => [...device.adapter.features, ...languageHas].includes(name)), `${found.passed}`);
  assert.equal(refusal.code, "Unsupported");
  assert.match(refusal.message, /computes wrongly: norm gave 1 instead of 2 \(found out on an earlier visit\)/);
  assert.deepEqual(stillKept, JSON.parse(JSON.stringify(failed)));
  assert.deepEqual([device.runs, device.adapter.uses, device.adapter.refused], ["webgpu", found.passed, undefined]);
  assert.deepEqual(anew, found);
});

test("a device that is lost in the middle of a batch costs nothing but time", async () => {
  const outcome = await page.evaluate(async ([embedder, texts]) => {
    const channel = new BroadcastChannel("gpu");
    const heard = (what) => new Promise((resolve) => channel.addEventListener("message", ({ data }) => data === what && resolve()));
    const flat = (rows) => rows.flatMap((row) => [...row]);
    const embed = async () => flat(await t.api.embed(texts, { embedder, worker: t.losing, workers: 0, device: "webgpu" }));
    t.losing ??= t.factory("/losing.js");
    const before = await embed();
    const [armed, lost] = [heard("armed"), heard("lost")];
    channel.postMessage("arm");
    await armed;
    const during = await embed();
    await lost;
    return { before, during };
  }, [MINILM, TEXTS.slice(0, 2)]);
  assert.deepEqual(outcome.during, outcome.before);
});

test('"auto" takes no software for a GPU, and says so', async () => {
  const device = await page.evaluate(async ([embedder, texts]) => {
    const db = await t.open("auto", { embedder, storage: "memory", workers: 0 });
    let report;
    // The device is opened beside the first batches, which do not wait for it.
    for (let i = 0; !report?.reason; i++) {
      await db.add([{ id: "d", text: `${i} ${texts[0].repeat(14)}` }]);
      report = (await db.stats()).device;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await db.close();
    return report;
  }, [MINILM, TEXTS]);
  assert.deepEqual([device.runs, device.adapter], ["wasm", undefined]);
  assert.match(device.reason, /no GPU but software/);
});

for (const [what, script, reason] of [
  ["no adapter", "/pkg/worker.js", /WebGPU has no adapter here/],
  ["no WebGPU", "/without.js", /this browser has no WebGPU/],
]) {
  test(`with ${what}, "webgpu" fails loudly and "auto" runs on the processor`, async () => {
    const outcome = await plain.page.evaluate(async ([embedder, texts, script]) => {
      const options = { embedder, storage: "memory", workers: 0, worker: t.factory(script) };
      const refusal = await t.failure(t.open("forced", { ...options, device: "webgpu" }));
      const db = await t.open("auto", options);
      let report;
      for (let i = 0; !report?.reason; i++) {
        await db.add([{ id: "d", text: `${i} ${texts[0].repeat(14)}` }]);
        report = (await db.stats()).device;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { hits } = await db.search("router", { mode: "dense" });
      await db.close();
      return { refusal, report, found: hits[0].id };
    }, [MINILM, TEXTS, script]);
    assert.equal(outcome.refusal.code, "Unsupported");
    assert.match(outcome.refusal.message, reason);
    assert.deepEqual([outcome.report.runs, outcome.found], ["wasm", "d"]);
    assert.match(outcome.report.reason, reason);
    assert.ok(!plain.site.requests.some((path) => path.includes("gpu.")), "the module was fetched for nothing");
  });
}

test("the lite build runs nothing there, and says so", async () => {
  const refusal = await page.evaluate(async () => {
    const lite = await import("/pkg/lite/nearfield.js");
    return t.failure(lite.open("lite", { storage: "memory", device: "webgpu", worker: t.factory("/pkg/lite/worker.js") }));
  });
  assert.equal(refusal.code, "Unsupported");
  assert.match(refusal.message, /the lite build runs no models/);
  const script = await readFile(join(pkg, "lite", "worker.js"), "utf8");
  assert.ok(!script.includes("mostTokens"), "the lite worker holds what runs batches on the GPU");
});

test("nothing went wrong on the pages", () => {
  assert.deepEqual(problems, []);
  assert.deepEqual(plain.problems, []);
});
