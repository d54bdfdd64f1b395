// What a collection costs as it grows: the time of a hybrid query without the model's share, and the bytes of a chunk
// by what they are for.
import { quantile } from "../statistics.mjs";

const SIZES = [1000, 10_000, 50_000, 100_000];
const QUERIES = 200;

export async function growth(bench) {
  const sizes = bench.sizes ?? SIZES;
  bench.heading("Growth: chunks of 120 words with vectors of 384 dimensions, stored in IndexedDB");
  await bench.lab.with(["nearfield-growth"], async (ours) => {
    await ours.call("open", { most: Math.max(...sizes), queries: QUERIES });
    for (const size of sizes.toSorted((a, b) => a - b)) {
      const ms = await ours.call("grow", [size]);
      bench.say(`${size.toLocaleString("en")} chunks after ${(ms / 1000).toFixed(1)} s more`);
      await measure(bench, ours, size);
    }
    await ours.call("close");
  });
}

async function measure(bench, ours, size) {
  const name = `growth, ${size.toLocaleString("en")} chunks`;
  await ours.call("time");
  const percentiles = [];
  for (let round = 0; round < bench.rounds; round++) percentiles.push(quantile(await ours.call("time"), 0.95));
  await bench.record({ name: `${name}, hybrid query p95`, unit: "ms", better: "lower", ours: percentiles, note: "without the model's share" });

  const { segments, bytes, wasmMemory } = await ours.call("stats");
  const sum = (key) => segments.reduce((total, segment) => total + segment[key], 0);
  const parts = { vectors: sum("vectorBytes"), postings: sum("postingsBytes"), graph: sum("graphBytes") };
  const rest = bytes - parts.vectors - parts.postings - parts.graph;
  const each = { ...parts, "texts and the rest": rest, "in all": bytes };
  for (const [part, value] of Object.entries(each)) {
    await bench.record({ name: `${name}, ${part}`, unit: "B/chunk", better: "lower", ours: [value / size] });
  }
  await bench.record({ name: `${name}, wasm memory`, unit: "MB", better: "lower", ours: [wasmMemory / 1e6] });
}
