import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { load } from "./support.mjs";

const { builtInGenerator, chatGenerator } = await load("generators.ts");

/** Answers in the order given; keeps what it was asked. */
const answers = [];
const requests = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  requests.push({ headers: request.headers, body: JSON.parse(body) });
  const { status = 200, headers = {}, json, text } = answers.shift();
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(text ?? JSON.stringify(json));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
after(() => server.close());
const url = `http://127.0.0.1:${server.address().port}/v1/chat/completions`;

const said = (content, tokens = [7, 3]) => ({
  json: {
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
    usage: { prompt_tokens: tokens[0], completion_tokens: tokens[1], total_tokens: tokens[0] + tokens[1] },
  },
});

test("the wire format, the key, and what it cost", async () => {
  const generate = chatGenerator({ url, model: "small", key: "secret", maxTokens: 50, price: { input: 2, output: 10 } });
  answers.push(said("because of the light"), said("again", [13, 7]));
  assert.equal(await generate("why?"), "because of the light");
  assert.equal(await generate("why?"), "again");
  const [{ headers, body }] = requests.splice(0);
  assert.equal(headers.authorization, "Bearer secret");
  assert.deepEqual(body, { model: "small", temperature: 0, max_tokens: 50, messages: [{ role: "user", content: "why?" }] });
  assert.deepEqual(generate.usage, { requests: 2, inputTokens: 20, outputTokens: 10, cost: (20 * 2 + 10 * 10) / 1e6 });
});

test("a busy server is asked again, when it says", async () => {
  const generate = chatGenerator({ url, model: "small" });
  answers.push({ status: 429, headers: { "retry-after": "0" }, json: {} }, { status: 503, headers: { "retry-after": "0" }, json: {} }, said("ok"));
  assert.equal(await generate("x"), "ok");
  assert.equal(requests.splice(0).length, 3);
});

test("a refusal is final and says why", async () => {
  const generate = chatGenerator({ url, model: "small" });
  answers.push({ status: 401, json: { error: { message: "bad key" } } });
  await assert.rejects(generate("x"), { code: "InvalidInput", message: /401.*bad key/ });
  answers.push({ json: { choices: [] } });
  await assert.rejects(generate("x"), { code: "Network", message: /choices/ });
  answers.push({ text: "<html>" });
  await assert.rejects(generate("x"), { code: "Network", message: /not JSON/ });
  assert.equal(requests.splice(0).length, 3);
});

test("patience ends with the retries, and with the signal", async () => {
  const busy = { status: 500, headers: { "retry-after": "0" }, json: {} };
  answers.push(busy, busy);
  await assert.rejects(chatGenerator({ url, model: "small", retries: 1 })("x"), { code: "Network", message: /500/ });
  const control = new AbortController();
  answers.push({ status: 503, headers: { "retry-after": "60" }, json: {} });
  const waiting = chatGenerator({ url, model: "small" })("x", { signal: control.signal });
  setTimeout(() => control.abort(), 50);
  await assert.rejects(waiting, { code: "Aborted" });
});

test("nobody there", async () => {
  const generate = chatGenerator({ url: "http://127.0.0.1:1/", model: "small", retries: 0 });
  await assert.rejects(generate("x"), { code: "Network", message: /no connection/ });
});

test("the browser's own model: there or not, and a session for each prompt", async () => {
  await assert.rejects(builtInGenerator(), { code: "Unsupported", message: /no built-in/ });
  let open = 0;
  const create = async () => (open++, { prompt: async (text) => text.toUpperCase(), destroy: () => open-- });
  try {
    globalThis.LanguageModel = { availability: async () => "downloadable", create };
    await assert.rejects(builtInGenerator(), { code: "Unsupported", message: /downloadable/ });
    const generate = await builtInGenerator({ download: true });
    assert.deepEqual([await generate("hello"), open], ["HELLO", 0]);
  } finally {
    delete globalThis.LanguageModel;
  }
});
