import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { load, settle } from "./support.mjs";

const { Peer, Transfer } = await load("rpc.ts");
const { NearfieldError } = await load("errors.ts");

const open = [];
afterEach(() => open.splice(0).forEach((port) => port.close()));

/** Two peers; `handlers` are those of the second. */
function pair(handlers) {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  return [new Peer(port1, {}), new Peer(port2, handlers)];
}

test("results come back to their own calls", async () => {
  const [client] = pair({ wait: (_, ms) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)) });
  assert.deepEqual(await Promise.all([client.call("wait", [20]), client.call("wait", [1])]), [20, 1]);
});

test("errors keep their code", async () => {
  const wasmError = Object.assign(new Error("Locked: another tab"), { code: "Locked" });
  const [client] = pair({ fail: () => { throw wasmError; } });
  await assert.rejects(client.call("fail", []), { code: "Locked", message: "another tab", name: "NearfieldError" });
});

test("an unknown thrown value is Internal", async () => {
  const [client] = pair({ fail: () => { throw "a string"; } });
  await assert.rejects(client.call("fail", []), { code: "Internal", message: "a string" });
});

test("an abort rejects at once and reaches the other side", async () => {
  let seen;
  const [client] = pair({ hang: ({ signal }) => new Promise(() => (seen = signal)) });
  const controller = new AbortController();
  const call = client.call("hang", [], { signal: controller.signal });
  await settle();
  controller.abort("enough");
  await assert.rejects(call, { code: "Aborted", name: "AbortError", cause: "enough" });
  await settle();
  assert.ok(seen.aborted);
});

test("an aborted write waits for what really happened", async () => {
  const [client] = pair({ write: () => new Promise((resolve) => setTimeout(() => resolve("committed"), 20)) });
  const controller = new AbortController();
  const call = client.call("write", [], { signal: controller.signal, settle: true });
  controller.abort();
  assert.equal(await call, "committed");
});

test("a signal raised before the call sends nothing", async () => {
  let called = false;
  const [client] = pair({ f: () => (called = true) });
  await assert.rejects(client.call("f", [], { signal: AbortSignal.abort() }), { code: "Aborted" });
  await settle();
  assert.ok(!called);
});

test("progress arrives before the result, and a broken listener breaks nothing", async () => {
  const [client] = pair({ work: ({ progress }) => [1, 2, 3].forEach(progress) });
  const events = [];
  await client.call("work", [], { onProgress: (event) => events.push(event) });
  assert.deepEqual(events, [1, 2, 3]);
});

test("buffers move", async () => {
  const array = new Float32Array(8);
  const [client] = pair({ get: () => new Transfer(array, [array.buffer]) });
  assert.equal((await client.call("get", [])).length, 8);
  assert.equal(array.length, 0);
});

test("arguments that cannot be sent are the caller's mistake", async () => {
  const [client] = pair({ f: () => 1 });
  await assert.rejects(client.call("f", [() => {}]), { code: "InvalidInput" });
});

test("a method that is not offered", async () => {
  const [client] = pair({});
  await assert.rejects(client.call("toString", []), { code: "Internal" });
});

test("when the other side dies, what waits fails and nothing more is sent", async () => {
  const [client] = pair({ hang: () => new Promise(() => {}) });
  const call = client.call("hang", []);
  client.fail(new NearfieldError("Internal", "a worker ended"));
  await assert.rejects(call, /a worker ended/);
  await assert.rejects(client.call("hang", []), /a worker ended/);
});
