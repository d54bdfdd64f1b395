import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

/** Exclusive locks by name, first come first served, as far as the writer uses them. */
const queues = new Map();
const locks = {
  async request(name, { signal }, work) {
    const before = queues.get(name) ?? Promise.resolve();
    let free;
    queues.set(name, before.then(() => new Promise((done) => (free = done))));
    await Promise.race([before, new Promise((_, failed) => signal.addEventListener("abort", () => failed(signal.reason)))]).catch((error) => {
      before.then(() => free());
      throw error;
    });
    await new Promise((done) => setTimeout(done));
    try {
      return await work();
    } finally {
      free();
    }
  },
};
Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });

const { Writer } = await load("writer.ts");
const { signal } = new AbortController();

/** A turn that lasts until it is ended. */
function hold(writer, patience = Infinity) {
  let end;
  const over = new Promise((done) => (end = done));
  let began;
  const started = new Promise((done) => (began = done));
  const done = writer.run(signal, patience, async () => (began(), over));
  return { started, end, done };
}

test("who waits behind one of ours that waits for another tab is told, too", async () => {
  const [here, there] = [new Writer("a"), new Writer("a")];
  const other = hold(there);
  await other.started;
  const maintenance = hold(here);
  await assert.rejects(here.run(signal, 120, async () => {}), { code: "Locked", message: /more than 0\.12 s/ });
  other.end();
  await maintenance.started;
  maintenance.end();
  assert.equal(await here.run(signal, 2000, async () => "written"), "written");
});

test("patience does not run out while one of ours writes", async () => {
  const writer = new Writer("b");
  const first = hold(writer);
  await first.started;
  const second = writer.run(signal, 100, async () => "second");
  setTimeout(first.end, 400);
  assert.equal(await second, "second");
});

test("an abort ends the wait, and the lock stays with the next", async () => {
  const writer = new Writer("c");
  const first = hold(writer);
  await first.started;
  const control = new AbortController();
  const waiting = writer.run(control.signal, 2000, async () => "never");
  setTimeout(() => control.abort(), 20);
  await assert.rejects(waiting, { code: "Aborted" });
  first.end();
  assert.equal(await writer.run(signal, 2000, async () => "next"), "next");
});

test("a turn that is lent is taken back", async () => {
  const writer = new Writer("d");
  const order = [];
  const long = writer.run(signal, Infinity, async (turn) => {
    order.push("prepare");
    turn.release();
    await writer.run(signal, 2000, async () => order.push("other"));
    await turn.regain();
    order.push("commit");
  });
  await long;
  assert.deepEqual(order, ["prepare", "other", "commit"]);
});
