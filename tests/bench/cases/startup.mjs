// From opening a stored collection to the first hits, on a page that was just loaded, with the model in the cache.
import { median } from "../statistics.mjs";
import { ofWords } from "../texts.mjs";

const CHUNKS = 5000;
const NAME = "bench-startup";
const MODEL = "all-MiniLM-L6-v2";
const OPTIONS = { embedder: MODEL, chunk: { strategy: "none" } };

export async function startup(bench) {
  bench.heading(`Opening a stored collection of ${CHUNKS.toLocaleString("en")} chunks, ${MODEL} in the cache`);
  const documents = ofWords(CHUNKS, 24, 9).map((text, i) => ({ id: String(i), text }));
  await bench.lab.with(["nearfield-collection"], async (ours) => {
    await ours.call("destroy", [NAME]);
    await ours.call("open", [NAME, OPTIONS]);
    await ours.call("add", [documents]);
    await ours.call("compact");
    await ours.call("close");
  });
  const first = async (mode) => {
    await bench.lab.reload();
    return bench.lab.with(["nearfield-collection"], async (ours) => {
      const times = await ours.call("firstHit", [NAME, OPTIONS, "river garden in winter", mode]);
      const { wasmMemory } = await ours.call("stats");
      await ours.call("close");
      return { ...times, memory: wasmMemory };
    });
  };
  const runs = { sparse: [], hybrid: [] };
  for (let round = 0; round < bench.rounds; round++) for (const mode of ["sparse", "hybrid"]) runs[mode].push(await first(mode));

  const figure = { unit: "ms", better: "lower" };
  const note = `of which open() took ${median(runs.sparse.map(({ open }) => open)).toFixed(0)} ms`;
  await bench.record({ ...figure, name: "start-up, open to first lexical hit", ours: runs.sparse.map(({ hit }) => hit), note });
  await bench.record({ ...figure, name: "start-up, open to first hybrid hit", ours: runs.hybrid.map(({ hit }) => hit) });
  await bench.record({
    name: `start-up, wasm memory with ${MODEL} and ${CHUNKS.toLocaleString("en")} chunks`,
    unit: "MB",
    better: "lower",
    ours: runs.hybrid.map(({ memory }) => memory / 1e6),
  });
  await bench.lab.with(["nearfield-collection"], (ours) => ours.call("destroy", [NAME]));
}
