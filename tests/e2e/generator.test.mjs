// A language model in the tab: loaded with progress, checked, cached; answers that stream, stop and are counted; what it
// writes as a hypothetical answer.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { models } from "../tools/paths.mjs";
import { openForFile } from "./support/api.mjs";

const MODEL = "SmolLM2-135M-Instruct";

/** Answers for paths under /models/, set by a test. */
let answer = () => undefined;

const browser = await openForFile({
  async intercept(request, response) {
    const reply = answer(new URL(request.url, "http://localhost").pathname);
    if (!reply) return false;
    response.writeHead(reply.status ?? 200, { "Content-Type": "application/octet-stream" });
    response.end(reply.body ?? "");
    return true;
  },
});
const { page } = browser;

test("it answers in pieces, the same each time, and is downloaded once", async () => {
  const first = await page.evaluate(async () => {
    const events = [];
    const generate = await t.localGenerator({ maxTokens: 12, onProgress: (event) => events.push(event) });
    const pieces = [];
    const text = await generate("What is the capital of France?", { onText: (piece) => pieces.push(piece) });
    const again = await generate("What is the capital of France?");
    generate.close();
    const after = await generate("Still there?").catch(({ code }) => code);
    return { text, pieces, again, after, usage: generate.usage, last: events.at(-1) };
  });
  assert.match(first.text, /Paris/);
  assert.equal(first.pieces.join("").trim(), first.text);
  assert.equal(first.again, first.text);
  assert.equal(first.after, "Aborted");
  assert.equal(first.usage.requests, 2);
  assert.ok(first.usage.outputTokens > 2 && first.usage.outputTokens <= 24);
  assert.ok(first.usage.tokensPerSecond > 0 && first.usage.readTokensPerSecond > 0);
  const { size } = await stat(join(models, MODEL, "model.gguf"));
  assert.deepEqual([first.last.phase, first.last.model, first.last.done, first.last.total], ["download", MODEL, size, size]);
  const { tokensPerSecond, readTokensPerSecond } = first.usage;
  console.log(`harness: ${MODEL}: reads ${readTokensPerSecond.toFixed(0)} and writes ${tokensPerSecond.toFixed(1)} tokens/s`);

  answer = (path) => (path.startsWith("/models/") ? { status: 500 } : undefined);
  const cached = await page.evaluate(async () => {
    const generate = await t.localGenerator({ maxTokens: 12 });
    const text = await generate("What is the capital of France?");
    const controller = new AbortController();
    const stopped = generate("Count to a thousand.", { signal: controller.signal, onText: () => controller.abort() });
    const code = await stopped.catch(({ code }) => code);
    const next = await generate("What is the capital of France?");
    generate.close();
    return { text, code, next };
  });
  answer = () => undefined;
  assert.deepEqual(cached, { text: first.text, code: "Aborted", next: first.text });
});

test("what it writes widens a search", async () => {
  const { queries, timings } = await page.evaluate(async () => {
    const db = await t.open("generated", { embedder: "all-MiniLM-L6-v2", storage: "memory" });
    await db.add([{ id: "a", text: "Leaves fall when trees prepare for the cold." }]);
    const local = await t.localGenerator({ maxTokens: 24 });
    const queries = [];
    const hyde = async (prompt, options) => {
      const text = await local(prompt, options);
      queries.push(text);
      return text;
    };
    const { timings } = await db.search("why do leaves fall?", { mode: "dense", expand: { hyde } });
    local.close();
    await db.close();
    return { queries, timings };
  });
  assert.equal(queries.length, 1);
  assert.ok(queries[0].length > 20);
  assert.ok(timings);
});

test("files that are not what was promised are refused", async () => {
  const load = (model) => page.evaluate((model) => t.localGenerator({ model, models: { cache: false } }).then(() => "loaded", ({ code, message }) => [code, message]), model);
  answer = (path) => (path.endsWith("/model.gguf") ? { body: "GGUF and nothing else" } : undefined);
  assert.equal((await load(MODEL))[0], "Integrity");
  const [code, message] = await load(`/models/${MODEL}/`);
  assert.equal(code, "Unsupported");
  assert.match(message, /GGUF version/);
  answer = (path) => (path.endsWith("/model.gguf") ? { status: 404 } : undefined);
  assert.equal((await load(MODEL))[0], "Network");
  answer = () => undefined;
  const [unknown, why] = await load("no-such-model");
  assert.equal(unknown, "InvalidInput");
  assert.match(why, /SmolLM2-135M-Instruct/);
});
