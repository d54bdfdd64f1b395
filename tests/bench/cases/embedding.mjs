// Texts to vectors: one core of ours against onnxruntime-web with one thread and with two; two of our workers against
// two threads; and transformers.js's pipeline from text to vector.
import { bestBatch, check, MODELS, startNearfield, startOnnx, tokensPerSecond } from "../inference.mjs";
import { version } from "../peers.mjs";
import { interleaved } from "../statistics.mjs";
import { ofTokens, real } from "../texts.mjs";

/** Shortest time to measure, in milliseconds: clocks are fine here, but the machine is not that even. */
const AT_LEAST = 300;

/** Fixed lengths and real ones, one worker. */
export async function embedding(bench) {
  const texts = await real(32, bench.collection);
  for (const model of MODELS) {
    bench.heading(`Embedding with ${model.name}; the peer computes in ${model.arithmetic}`);
    const shapes = [
      { name: "1 x 16 tokens", texts: ofTokens(1, 16) },
      { name: "1 x 128 tokens", texts: ofTokens(1, 128) },
      { name: "32 x 128 tokens", texts: ofTokens(32, 128) },
      { name: `${texts.length} real texts`, texts },
    ];
    await bench.lab.with(["nearfield-model", "onnxruntime", "onnxruntime"], async (ours, one, two) => {
      await startNearfield(ours, model.name);
      await startOnnx(one, model, 1);
      await startOnnx(two, model, 2);
      for (const shape of shapes) await compare(bench, model, shape, { ours, one, two });
    });
  }
}

async function compare(bench, model, { name, texts }, { ours, one, two }) {
  const job = { texts, max: model.max };
  const mine = await ours.call("prepare", job);
  const theirs = await one.call("prepare", job);
  await two.call("prepare", job);
  check(mine, theirs, `${model.name}, ${name}`);
  const best = { one: await bestBatch(one, texts.length), two: await bestBatch(two, texts.length) };
  const speed = tokensPerSecond(mine.tokens);
  const values = await interleaved(bench.rounds, {
    ours: async () => speed(await ours.call("run", { atLeast: AT_LEAST })),
    one: async () => speed(await one.call("run", { batch: best.one, atLeast: AT_LEAST })),
    two: async () => speed(await two.call("run", { batch: best.two, atLeast: AT_LEAST })),
  });
  const peer = `onnxruntime-web@${await version("onnxruntime-web")}`;
  await bench.record({
    name: `embedding, ${model.name}, ${name}`,
    unit: "tokens/s",
    better: "higher",
    ours: values.ours,
    peers: { [`${peer}, 1 thread`]: values.one, [`${peer}, 2 threads`]: values.two },
    note: `one worker; ${mine.tokens} tokens; the peer in ${model.arithmetic}, without tokenising, batches of ${best.one} and ${best.two}`,
  });
}

/** The whole way from text to vector through the public interfaces, on one core and on two. */
export async function pipeline(bench) {
  const texts = await real(32, bench.collection);
  const peer = `@huggingface/transformers@${await version("@huggingface/transformers")}`;
  for (const model of MODELS) {
    bench.heading(`Text to vector with ${model.name}: embed() against the feature-extraction pipeline in ${model.arithmetic}`);
    for (const cores of [1, 2]) {
      await bench.lab.with(["nearfield-package", "transformers"], async (ours, theirs) => {
        const mine = await ours.call("prepare", { texts, model: model.name, workers: cores });
        await theirs.call("load", { model: model.name, threads: cores, pooling: model.pooling });
        check(mine, await theirs.call("prepare", { texts }), `${model.name}, pipeline`);
        const batch = await bestBatch(theirs, texts.length);
        const speed = (ms) => (texts.length * 1000) / ms;
        const values = await interleaved(bench.rounds, {
          ours: async () => speed(await ours.call("run", { atLeast: AT_LEAST })),
          theirs: async () => speed(await theirs.call("run", { batch, atLeast: AT_LEAST })),
        });
        await bench.record({
          name: `text to vector, ${model.name}, ${texts.length} real texts, ${cores === 1 ? "one core" : "two cores"}`,
          unit: "texts/s",
          better: "higher",
          ours: values.ours,
          peers: { [`${peer}, ${cores === 1 ? "1 thread" : "2 threads"}`]: values.theirs },
          note: `tokenising included; the peer in ${model.arithmetic}, batches of ${batch}`,
        });
      });
    }
  }
}

/** What the second worker of the pool adds. */
export async function pool(bench) {
  const texts = await real(128, bench.collection);
  for (const { name } of MODELS) {
    bench.heading(`Two workers against one with ${name}`);
    await bench.lab.with(["nearfield-package", "nearfield-package"], async (one, two) => {
      await one.call("prepare", { texts, model: name, workers: 1 });
      await two.call("prepare", { texts, model: name, workers: 2 });
      const speed = (ms) => (texts.length * 1000) / ms;
      const values = await interleaved(bench.rounds, {
        one: async () => speed(await one.call("run", { atLeast: AT_LEAST })),
        two: async () => speed(await two.call("run", { atLeast: AT_LEAST })),
      });
      await bench.record({
        name: `pool, ${name}, ${texts.length} real texts, two workers`,
        unit: "texts/s",
        better: "higher",
        ours: values.two,
        peers: { "nearfield, one worker": values.one },
      });
    });
  }
}
