import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { load } from "./support.mjs";

const { openAIEmbedder } = await load("openai-embedder.ts");

/** A server that speaks the wire format; a vector is the length of its text and the number of the request. */
const requests = [];
const troubles = [];
const server = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request) text += piece;
  const body = JSON.parse(text);
  requests.push({ headers: request.headers, body });
  const trouble = troubles.shift();
  if (trouble) {
    response.writeHead(trouble.status ?? 200, { "content-type": "application/json", ...trouble.headers });
    response.end(JSON.stringify(trouble.json ?? {}));
    return;
  }
  const vector = (input) => Float32Array.of(input.length, requests.length, -0.1);
  const encode = (numbers) => (body.encoding_format === "base64" ? Buffer.from(numbers.buffer).toString("base64") : [...numbers]);
  const data = body.input.map((input, index) => ({ object: "embedding", index, embedding: encode(vector(input)) }));
  response.writeHead(200, { "content-type": "application/json" });
  // The order is not promised; the index is.
  const usage = { prompt_tokens: 5 * data.length, total_tokens: 5 * data.length };
  response.end(JSON.stringify({ object: "list", model: body.model, data: data.reverse(), usage }));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
after(() => server.close());
const url = `http://127.0.0.1:${server.address().port}/v1/embeddings`;
const make = (options) => openAIEmbedder({ url, model: "small", dims: 3, ...options });
const signal = new AbortController().signal;

for (const encoding of ["base64", "float"]) {
  test(`batches, the key, prefixes and what it cost, as ${encoding}`, async () => {
    requests.length = 0;
    const prefixes = { query: "q: ", passage: "p: " };
    const embedder = make({ encoding, batch: 2, key: "secret", headers: { "x-team": "a" }, prefixes, price: 20 });
    assert.equal(requests.length, 0);
    const rows = await embedder.embed(["a", "bb", "ccc"], "passage", signal);
    const small = Math.fround(-0.1);
    assert.deepEqual([...rows], [4, 1, small, 5, 1, small, 6, 2, small]);
    await embedder.embed(["why"], "query", signal);
    assert.deepEqual(
      requests.map(({ body }) => body),
      [["p: a", "p: bb"], ["p: ccc"], ["q: why"]].map((input) => ({ model: "small", input, encoding_format: encoding })),
    );
    assert.deepEqual([requests[0].headers.authorization, requests[0].headers["x-team"]], ["Bearer secret", "a"]);
    assert.deepEqual(embedder.usage, { requests: 3, tokens: 20, cost: (20 * 20) / 1e6 });
  });
}

test("a busy server is asked again when it says, and patience ends", async () => {
  requests.length = 0;
  const busy = (status) => ({ status, headers: { "retry-after": "0" } });
  troubles.push(busy(429), busy(503));
  assert.equal((await make().embed(["a"], "query", signal)).length, 3);
  assert.equal(requests.length, 3);
  troubles.push(busy(500), busy(500));
  await assert.rejects(make({ retries: 1 }).embed(["a"], "query", signal), { code: "Network", message: /500/ });
  troubles.push({ status: 401, json: { error: { message: "bad key" } } });
  await assert.rejects(make().embed(["a"], "query", signal), { code: "InvalidInput", message: /401.*bad key/ });
});

test("an abort ends the wait, and no further batch is sent", async () => {
  requests.length = 0;
  const control = new AbortController();
  troubles.push({ status: 503, headers: { "retry-after": "60" } });
  const waiting = make({ batch: 1 }).embed(["a", "b"], "passage", control.signal);
  setTimeout(() => control.abort(), 50);
  await assert.rejects(waiting, { code: "Aborted" });
  assert.equal(requests.length, 1);
});

test("answers that do not fit are refused", async () => {
  const answer = async (data, message) => {
    troubles.push({ json: { data } });
    await assert.rejects(make().embed(["a"], "query", signal), { code: "Network", message });
  };
  await answer(undefined, /no vectors for 1 texts/);
  await answer([], /0 vectors for 1 texts/);
  await answer([{ index: 1, embedding: [1, 2, 3] }], /index 1/);
  await answer([{ index: 0, embedding: [1, 2] }], /2 dimensions, not 3/);
  await answer([{ index: 0, embedding: "?" }], /neither numbers nor base64/);
});

test("shortened vectors are asked for by length; what cannot work is refused at once", async () => {
  requests.length = 0;
  await make({ shorten: true }).embed(["a"], "query", signal);
  assert.equal(requests[0].body.dimensions, 3);
  for (const wrong of [{ url: "" }, { model: "" }, { dims: 0 }, { dims: undefined }, { batch: 0 }]) {
    assert.throws(() => make(wrong), { code: "InvalidInput" });
  }
});

test("vectors of another length or with other prefixes have another digest", () => {
  const digests = [{}, { dims: 2 }, { prefixes: { query: "q: " } }, { prefixes: { passage: "q: " } }].map((o) => make(o).digest);
  assert.equal(new Set(digests).size, digests.length);
});
