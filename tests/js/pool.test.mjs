import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { load, settle } from "./support.mjs";

const { Pool } = await load("pool.ts");
const { cutJobs, gatherRows } = await load("schedule.ts");

const pools = [];
afterEach(() => pools.splice(0).forEach((pool) => pool.close(new Error("the test is over"))));

/** A pool whose lanes are numbered, and tasks that end when the test says so. */
function bench({ max = 2, idle = 1e6, failStart = () => false } = {}) {
  const lanes = [];
  const pool = new Pool(
    max,
    async (onDeath) => {
      const lane = { number: lanes.length, ended: false, die: (message = "died") => onDeath(new Error(message)) };
      if (failStart(lane.number)) throw new Error("no more workers");
      lanes.push(lane);
      return { worker: lane, end: () => (lane.ended = true) };
    },
    idle,
  );
  pools.push(pool);
  const log = [];
  const task = (name, { signal = new AbortController().signal, ...options } = {}) => {
    const handle = { lanes: [] };
    handle.result = pool.submit((lane) => {
      log.push(name);
      handle.lanes.push(lane.number);
      return new Promise((resolve, reject) => Object.assign(handle, { resolve, reject }));
    }, { signal, ...options });
    handle.result.catch(() => {});
    return handle;
  };
  return { pool, lanes, log, task };
}

test("as many workers start as there is work for, and no more", async () => {
  const { pool, task, lanes } = bench({ max: 3 });
  assert.equal(pool.running, 0);
  task("a");
  await settle();
  assert.equal(lanes.length, 1);
  for (const name of "bcdefg") task(name);
  await settle();
  assert.equal(lanes.length, 3);
});

test("results belong to their tasks", async () => {
  const { task } = bench();
  const tasks = ["a", "b", "c"].map((name) => task(name));
  await settle();
  tasks[1].resolve(2);
  await settle();
  tasks[2].resolve(3);
  tasks[0].resolve(1);
  assert.deepEqual(await Promise.all(tasks.map(({ result }) => result)), [1, 2, 3]);
});

test("while much is left each worker has one task ahead", async () => {
  const { task, log } = bench({ max: 1 });
  for (const name of "abcd") task(name);
  await settle();
  assert.deepEqual(log, ["a", "b"]);
});

test("an urgent task goes before what waits", async () => {
  const { task, log } = bench({ max: 1 });
  const first = [task("a"), task("b"), task("c"), task("d")];
  await settle();
  task("now", { urgent: true });
  first[0].resolve();
  first[1].resolve();
  await settle();
  assert.equal(log[2], "now");
});

test("what a dead worker was doing is done again by another", async () => {
  const { task, lanes, pool } = bench({ max: 1 });
  const one = task("a");
  await settle();
  lanes[0].die();
  one.reject(new Error("its port is closed"));
  await settle();
  assert.equal(lanes.length, 2);
  one.resolve("done");
  assert.equal(await one.result, "done");
  assert.deepEqual(one.lanes, [0, 1]);
  assert.equal(pool.running, 1);
});

test("a task that kills every worker fails after two retries", async () => {
  const { task, lanes } = bench({ max: 1 });
  const poison = task("a");
  for (let n = 0; n < 3; n++) {
    await settle();
    lanes.at(-1).die("boom");
  }
  await assert.rejects(poison.result, /gave up after 2 retries: boom/);
  assert.equal(lanes.length, 3);
});

test("an error of the task itself is not repeated", async () => {
  const { task, log } = bench();
  const one = task("a");
  await settle();
  one.reject(new Error("wrong"));
  await assert.rejects(one.result, /wrong/);
  assert.deepEqual(log, ["a"]);
});

test("aborting takes a waiting task out, and leaves the others", async () => {
  const { task, log } = bench({ max: 1 });
  const controller = new AbortController();
  const [a, b] = [task("a"), task("b")];
  const c = task("c", { signal: controller.signal });
  controller.abort();
  await assert.rejects(c.result, { code: "Aborted" });
  await settle();
  a.resolve();
  await settle();
  b.resolve();
  await Promise.all([a.result, b.result]);
  await settle();
  assert.deepEqual(log, ["a", "b"]);
});

test("aborting a task that never yields ends its worker", async () => {
  const { task, lanes } = bench();
  const controller = new AbortController();
  const graph = task("graph", { signal: controller.signal, blocking: true });
  await settle();
  controller.abort();
  await assert.rejects(graph.result, { code: "Aborted" });
  assert.ok(lanes[0].ended);
});

test("a worker with a task that never yields is given no other, and another takes its place", async () => {
  const { task, log, pool } = bench({ max: 1 });
  const graph = task("graph", { blocking: true });
  await settle();
  const rest = ["a", "b"].map((name) => task(name));
  await settle();
  assert.deepEqual([log.slice(0, 2), pool.running], [["graph", "a"], 2]);
  for (const each of rest) {
    each.resolve(1);
    await settle();
  }
  assert.deepEqual(log, ["graph", "a", "b"]);
  graph.resolve();
  await settle();
});

test("where the second worker cannot start, the first does it all", async () => {
  const { task, pool } = bench({ max: 2, failStart: (number) => number === 1 });
  const tasks = ["a", "b", "c"].map((name) => task(name));
  for (const each of tasks) {
    await settle();
    each.resolve(1);
  }
  await Promise.all(tasks.map(({ result }) => result));
  assert.equal(pool.max, 1);
});

test("a worker that is lost while it starts is started again", async () => {
  let starts = 0;
  const { task, pool, lanes } = bench({ max: 2, failStart: () => ++starts === 2 });
  const tasks = ["a", "b", "c"].map((name) => task(name));
  await settle();
  assert.equal(lanes.length, 2);
  assert.equal(pool.max, 2);
  for (const each of tasks) {
    await settle();
    each.resolve(1);
  }
  await Promise.all(tasks.map(({ result }) => result));
});

test("where none can start, tasks fail and the pool says so", async () => {
  const { task, pool } = bench({ failStart: () => true });
  await assert.rejects(task("a").result, /no more workers/);
  assert.equal(pool.max, 0);
});

test("workers end when idle, and start again", async () => {
  const { task, lanes, pool } = bench({ max: 1, idle: 10 });
  const one = task("a");
  await settle();
  one.resolve();
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.ok(lanes[0].ended);
  assert.equal(pool.running, 0);
  const two = task("b");
  await settle();
  two.resolve("again");
  assert.equal(await two.result, "again");
});

test("jobs hold every text once, longest first, at similar sizes", () => {
  for (let round = 0; round < 200; round++) {
    const count = Math.floor(Math.random() * 400);
    const workers = 1 + Math.floor(Math.random() * 4);
    const lengths = Array.from({ length: count }, () => Math.floor(Math.random() ** 3 * 4000));
    const jobs = cutJobs(lengths, workers);
    assert.deepEqual(jobs.flat().sort((a, b) => a - b), lengths.map((_, i) => i));
    const order = jobs.flat().map((index) => lengths[index]);
    assert.deepEqual(order, [...order].sort((a, b) => b - a));
    const sizes = jobs.map((job) => job.reduce((sum, index) => sum + lengths[index] + 8, 0));
    assert.ok(sizes.every((size) => size <= 24_000 + 4008));
  }
});

test("much text gives every worker several jobs", () => {
  assert.ok(cutJobs(Array(256).fill(500), 2).length >= 8);
});

test("rows come back in the order of the texts", () => {
  const lengths = [5, 9000, 20, 7000, 1, 3000];
  const jobs = cutJobs(lengths, 2);
  const rows = jobs.map((job) => Float32Array.from(job.flatMap((index) => [index, index + 0.5])));
  assert.deepEqual([...gatherRows(jobs, rows, Array(6).fill(2))], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]);
});
