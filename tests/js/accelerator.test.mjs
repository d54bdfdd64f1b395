import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { Accelerator } = await load("accelerator.ts");

const pause = () => undefined;

/** A model whose vectors are the lengths of its texts on the CPU, and the same negated on the GPU. */
function model({ readout = {} } = {}) {
  const calls = { cpu: 0 };
  const fake = {
    calls,
    readout: () => readout,
    config: () => ({}),
    info: () => ({ name: "fake" }),
    embed: async (texts) => {
      calls.cpu++;
      return Float32Array.from(texts, ({ length }) => length);
    },
    tokenIds: (text) => new Uint32Array(text.length),
    unpooled: () => 0,
    lookUp: (_ids, _types, lengths) => Float32Array.from(lengths),
  };
  return fake;
}

/** Devices that are opened one after the other; `fail` says of each batch whether it fails. */
function devices({ software = false, fail = () => false, refuse = () => undefined } = {}) {
  const log = { opened: 0, closed: 0, batches: [] };
  const open = async (options) => {
    const reason = refuse(log.opened) ?? (software && !options.software ? "no GPU but software" : undefined);
    if (reason) throw new Error(reason);
    log.opened++;
    return {
      description: () => ({ vendor: "test", software }),
      close: () => log.closed++,
      load: async () => ({
        mostTokens: () => 10_000,
        run: async (sums) => {
          if (fail(log.batches.length)) throw new Error("device lost");
          log.batches.push([...sums]);
          return sums.map((length) => -length);
        },
      }),
    };
  };
  return { log, open };
}

const texts = (count, length = 600) => Array.from({ length: count }, () => "x".repeat(length));
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

test('"wasm" never opens a device', async () => {
  const { log, open } = devices();
  const accelerator = new Accelerator("wasm", open);
  await accelerator.start();
  assert.deepEqual([...(await accelerator.embed(model(), texts(50), { role: "passage" }, pause))], Array(50).fill(600));
  assert.equal(log.opened, 0);
  assert.deepEqual(accelerator.report, { runs: "wasm" });
});

test('"webgpu" fails loudly where there is no device', async () => {
  const { open } = devices({ refuse: () => "no adapter here" });
  const accelerator = new Accelerator("webgpu", open);
  await assert.rejects(accelerator.start(), { code: "Unsupported", message: 'device "webgpu": no adapter here' });
});

test('"webgpu" runs everything there, in batches, in the order of the texts', async () => {
  const { log, open } = devices();
  const accelerator = new Accelerator("webgpu", open);
  const lengths = Array.from({ length: 40 }, (_, i) => 1 + ((i * 37) % 900));
  const fake = model();
  const rows = await accelerator.embed(fake, lengths.map((length) => "x".repeat(length)), { role: "query" }, pause);
  assert.deepEqual([...rows], lengths.map((length) => -length));
  assert.equal(fake.calls.cpu, 0);
  assert.ok(log.batches.length > 1);
  assert.equal(accelerator.tokens, lengths.reduce((sum, length) => sum + length));
  assert.equal(accelerator.report.runs, "webgpu");
});

test("what there are no kernels for runs on the processor", async () => {
  const { log, open } = devices();
  const accelerator = new Accelerator("webgpu", open);
  const rows = await accelerator.embed(model({ readout: null }), texts(3), { role: "passage" }, pause);
  assert.deepEqual([...rows], [600, 600, 600]);
  assert.equal(log.batches.length, 0);
});

test('"auto" measures both and takes the faster; small jobs never ask', async () => {
  const { log, open } = devices();
  const cost = { cpu: 8, gpu: 2 };
  let now = 0;
  const accelerator = new Accelerator("auto", open, () => now);
  const fake = model();
  const embed = fake.embed;
  fake.embed = (some) => ((now += cost.cpu * some.length), embed(some));
  const lookUp = fake.lookUp;
  fake.lookUp = (ids, types, lengths) => ((now += cost.gpu * lengths.length), lookUp(ids, types, lengths));
  await accelerator.embed(fake, ["a question"], { role: "query" }, pause);
  await settle();
  assert.equal(log.opened, 0);
  // The first job does not wait for the device.
  const first = await accelerator.embed(fake, texts(6), { role: "passage" }, pause);
  assert.ok(first.every((x) => x === 600));
  await settle();
  assert.equal(log.opened, 1);
  for (let i = 0; i < 20; i++) await accelerator.embed(fake, texts(6), { role: "passage" }, pause);
  assert.ok(log.batches.length >= 15, `${log.batches.length} batches on the GPU`);
  assert.equal(accelerator.report.runs, "webgpu");
  assert.equal(accelerator.report.adapter.vendor, "test");
});

test('"auto" keeps to the processor where it is faster', async () => {
  const { log, open } = devices();
  let now = 0;
  const accelerator = new Accelerator("auto", open, () => now);
  const fake = model();
  const lookUp = fake.lookUp;
  fake.lookUp = (ids, types, lengths) => ((now += 50), lookUp(ids, types, lengths));
  for (let i = 0; i < 20; i++) {
    await accelerator.embed(fake, texts(6), { role: "passage" }, pause);
    await settle();
  }
  assert.equal(log.batches.length, 2);
  assert.equal(accelerator.report.runs, "wasm");
});

test('"auto" takes no processor in disguise', async () => {
  const { log, open } = devices({ software: true });
  const accelerator = new Accelerator("auto", open);
  for (let i = 0; i < 5; i++) {
    await accelerator.embed(model(), texts(6), { role: "passage" }, pause);
    await settle();
  }
  assert.deepEqual([log.opened, log.batches.length], [0, 0]);
  assert.match(accelerator.report.reason, /no GPU but software/);
  const forced = new Accelerator("webgpu", open);
  await forced.start();
  assert.equal(forced.report.adapter.software, true);
});

test("a batch that fails is done on the processor, and the device is asked for again after a while", async () => {
  const { log, open } = devices({ fail: (done) => done === 3 && log.opened === 1 });
  let now = 0;
  const accelerator = new Accelerator("auto", open, () => now);
  const fake = model();
  const embed = fake.embed;
  fake.embed = (some) => ((now += 100), embed(some));
  const job = async () => {
    const rows = await accelerator.embed(fake, texts(6), { role: "passage" }, pause);
    await settle();
    assert.equal(rows.length, 6);
    assert.ok(rows.every((x) => Math.abs(x) === 600));
  };
  while (log.closed === 0) await job();
  assert.equal(log.batches.length, 3);
  assert.equal(accelerator.report.reason, "device lost");
  assert.equal(accelerator.report.runs, "wasm");
  for (let i = 0; i < 5; i++) await job();
  assert.equal(log.opened, 1);
  now += 60_000;
  for (let i = 0; i < 5; i++) await job();
  assert.equal(log.opened, 2);
  assert.ok(log.batches.length > 3);
  assert.equal(accelerator.report.reason, undefined);
});

test('"webgpu" tries a failed batch once more on a new device, then says what is wrong', async () => {
  const once = devices({ fail: () => once.log.opened === 1 });
  const accelerator = new Accelerator("webgpu", once.open);
  const rows = await accelerator.embed(model(), texts(2), { role: "passage" }, pause);
  assert.deepEqual([...rows], [-600, -600]);
  assert.deepEqual([once.log.opened, once.log.closed], [2, 1]);
  const always = devices({ fail: () => true });
  const failing = new Accelerator("webgpu", always.open).embed(model(), texts(2), { role: "passage" }, pause);
  await assert.rejects(failing, { message: "device lost" });
});

test("an abort ends the job between batches; closing gives the device back", async () => {
  const { log, open } = devices();
  const accelerator = new Accelerator("webgpu", open);
  const aborted = () => {
    if (log.batches.length > 0) throw new Error("enough");
  };
  await assert.rejects(accelerator.embed(model(), texts(50), { role: "passage" }, aborted), { message: "enough" });
  assert.equal(log.batches.length, 1);
  accelerator.close();
  assert.equal(log.closed, 1);
  assert.equal((await accelerator.embed(model(), texts(2), { role: "passage" }, pause))[0], 600);
});
