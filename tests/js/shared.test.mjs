import assert from "node:assert/strict";
import { test } from "node:test";
import { load, settle } from "./support.mjs";

const { Shared } = await load("shared.ts");

/** Work that the test ends, and a count of how often it was begun. */
function bench() {
  const runs = [];
  const shared = new Shared(
    (signal, report) => new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("given up")));
      runs.push({ resolve, reject, report, signal });
    }),
  );
  return { shared, runs };
}

test("several callers, one piece of work", async () => {
  const { shared, runs } = bench();
  const calls = [shared.get(), shared.get()];
  runs[0].resolve(7);
  assert.deepEqual(await Promise.all(calls), [7, 7]);
  assert.equal(await shared.get(), 7);
  assert.equal(runs.length, 1);
});

test("one caller gives up, the other gets the result", async () => {
  const { shared, runs } = bench();
  const controller = new AbortController();
  const [impatient, patient] = [shared.get(controller.signal), shared.get()];
  controller.abort();
  await assert.rejects(impatient, { code: "Aborted" });
  assert.ok(!runs[0].signal.aborted);
  runs[0].resolve(1);
  assert.equal(await patient, 1);
});

test("when the last one gives up the work is aborted, and begins anew for the next", async () => {
  const { shared, runs } = bench();
  const controller = new AbortController();
  const call = shared.get(controller.signal);
  controller.abort();
  await assert.rejects(call, { code: "Aborted" });
  assert.ok(runs[0].signal.aborted);
  const next = shared.get();
  runs[1].resolve(2);
  assert.equal(await next, 2);
});

test("a failure is not kept", async () => {
  const { shared, runs } = bench();
  const call = shared.get();
  runs[0].reject(new Error("offline"));
  await assert.rejects(call, /offline/);
  await settle();
  const again = shared.get();
  runs[1].resolve("online");
  assert.equal(await again, "online");
});

test("everyone who waits hears the progress", async () => {
  const { shared, runs } = bench();
  const heard = [];
  const calls = [1, 2].map((n) => shared.get(undefined, (event) => heard.push(`${n}:${event}`)));
  runs[0].report("half");
  runs[0].resolve();
  await Promise.all(calls);
  assert.deepEqual(heard, ["1:half", "2:half"]);
});
