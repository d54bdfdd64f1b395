// BM25 on a judged collection: time to index, time of a query, and how good the ranking is.
import { version } from "../peers.mjs";
import { interleaved, median } from "../statistics.mjs";

const PEERS = [
  { script: "minisearch", name: "minisearch" },
  { script: "orama", name: "@orama/orama" },
];
/** Depth of nDCG, and what a page shows. */
const K = 10;

export async function words(bench) {
  const { collection } = bench;
  bench.heading("Ranking by words");
  if (!collection) return bench.say("left out: it needs a judged collection (--data DIR)");
  const { documents, queries, qrels } = collection;
  const texts = queries.map(({ text }) => text);
  await bench.lab.with(["nearfield-words", ...PEERS.map(({ script }) => script)], async (ours, ...theirs) => {
    const entrants = { nearfield: ours };
    for (const [i, { name }] of PEERS.entries()) {
      const label = `${name}@${await version(name)}`;
      if (await bench.admit(label, () => theirs[i].call("build", [documents]))) entrants[label] = theirs[i];
    }
    const every = (work) => Object.fromEntries(Object.entries(entrants).map(([name, entrant]) => [name, () => work(entrant)]));
    const builds = await interleaved(bench.rounds, every((entrant) => entrant.call("build", [documents])));
    const ranks = await interleaved(1, every(async (entrant) => {
      const found = await entrant.call("find", { queries: texts, k: K });
      const run = Object.fromEntries(queries.map(({ id }, i) => [id, found[i]]));
      return (await ours.call("metrics", [run, qrels]))["ndcg@10"];
    }));
    const times = await interleaved(bench.rounds, every(async (entrant) => median(await entrant.call("time", { queries: texts, k: K }))));

    const name = `words, ${documents.length.toLocaleString("en")} documents`;
    const record = ({ nearfield, ...peers }, more) => bench.record({ ...more, ours: nearfield, peers });
    const perSecond = (all) => Object.fromEntries(Object.entries(all).map(([who, times]) => [who, times.map((ms) => ms / 1000)]));
    await record(perSecond(builds), { name: `${name}, index`, unit: "s", better: "lower", note: "all in memory" });
    await record(times, {
      name: `${name}, median query`,
      unit: "ms",
      better: "lower",
      note: `${texts.length} queries; ours with the message to its worker and back`,
    });
    await record(ranks, { name: `${name}, nDCG@10`, unit: "of 1", better: "higher" });
  });
}
