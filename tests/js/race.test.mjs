import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { Race } = await load("race.ts");

/** Runs so many batches of a size, each taking what `costs` says of its way; counts the ways. */
function run(race, size, batches, costs) {
  const counts = { wasm: 0, webgpu: 0 };
  for (let i = 0; i < batches; i++) {
    const way = race.next(size);
    counts[way]++;
    race.record(way, size, costs[way]);
  }
  return counts;
}

test("both ways are tried, then the faster one is taken, for each size", () => {
  const race = new Race();
  assert.deepEqual(run(race, 1000, 4, { wasm: 10, webgpu: 30 }), { wasm: 2, webgpu: 2 });
  assert.deepEqual(run(race, 8000, 4, { wasm: 80, webgpu: 40 }), { wasm: 2, webgpu: 2 });
  assert.equal(race.next(1000), "wasm");
  assert.equal(race.next(1020), "wasm");
  assert.equal(race.next(8000), "webgpu");
});

test("one slow try is forgiven", () => {
  const race = new Race();
  race.record("wasm", 1000, 10);
  race.record("wasm", 1000, 10);
  race.record("webgpu", 1000, 500);
  race.record("webgpu", 1000, 5);
  assert.equal(race.next(1000), "webgpu");
});

test("the slower way is tried again now and then, and may win", () => {
  const race = new Race();
  run(race, 1000, 4, { wasm: 10, webgpu: 30 });
  const counts = run(race, 1000, 200, { wasm: 10, webgpu: 30 });
  assert.deepEqual(counts, { wasm: 196, webgpu: 4 });
  assert.ok(run(race, 1000, 200, { wasm: 10, webgpu: 1 }).webgpu > 100);
});

test("of a device that is gone nothing is remembered", () => {
  const race = new Race();
  run(race, 1000, 10, { wasm: 10, webgpu: 1 });
  race.forget();
  assert.equal(race.next(1000), "webgpu");
  assert.deepEqual(run(race, 1000, 20, { wasm: 10, webgpu: 40 }), { wasm: 18, webgpu: 2 });
});
