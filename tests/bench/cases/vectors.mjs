// Nearest vectors: how long an index takes to build, how long a query takes, and how many of the true neighbours it
// finds. Where a search can be tuned, the least effort that finds enough counts.
import { version } from "../peers.mjs";
import { interleaved, recall } from "../statistics.mjs";

const SIZES = [10_000, 50_000, 100_000];
const QUERIES = 200;
const K = 10;
/** Enough: this share of the true ten. */
const ENOUGH = 0.99;
/** Candidates that a graph search keeps. */
const EFFORTS = [10, 20, 40, 80, 160, 320, 640];
/** A query is short, so many are timed together. */
const CALLS = 1000;
/** Milliseconds; slow ones are known well enough from fewer. */
const LIMIT = 3000;
const BUILD_MINUTES = 12;

const PEERS = [
  { script: "hnswlib", name: "hnswlib-wasm", tunable: true },
  { script: "edgevec", name: "edgevec", tunable: false },
  { script: "voy", name: "voy-search", tunable: false },
];

export async function vectors(bench) {
  for (const count of bench.sizes ?? SIZES) {
    bench.heading(`${count.toLocaleString("en")} vectors of 384 dimensions, ${K} nearest`);
    const truth = await bench.lab.with(["exhaustive"], (all) => all.call("find", { count, queries: QUERIES, k: K }));
    await bench.lab.with(["nearfield-vectors", ...PEERS.map(({ script }) => script)], async (ours, ...theirs) => {
      const mine = await measureBuild(bench, ours, count, "nearfield");
      const { segments } = await ours.call("stats");
      // Below the size at which a graph pays, ours compares with every vector, and there is nothing to tune.
      const graph = segments.some(({ graphBytes }) => graphBytes > 0);
      const entrants = [{ ...mine, name: "nearfield", contender: ours, tunable: graph }];
      for (const [i, { name, tunable }] of PEERS.entries()) {
        const label = `${name}@${await version(name)}`;
        const built = await bench.admit(label, () => measureBuild(bench, theirs[i], count, label));
        if (built) entrants.push({ ...built, name: label, contender: theirs[i], tunable });
      }
      await compare(bench, count, graph ? "graph" : "exact scan of int8", entrants, truth);
    });
  }
}

async function measureBuild(bench, contender, count, name) {
  const build = await contender.call("build", { count, queries: QUERIES }, { minutes: BUILD_MINUTES });
  bench.say(`${name} is built`);
  return { build };
}

async function compare(bench, count, method, entrants, truth) {
  const admitted = [];
  for (const entrant of entrants) {
    const tuned = await bench.admit(entrant.name, () => tune(entrant, truth));
    if (tuned) admitted.push({ ...entrant, ...tuned });
  }
  const times = await interleaved(
    bench.rounds,
    Object.fromEntries(
      admitted.map(({ name, contender, ef }) => [name, () => contender.call("time", { k: K, ef, calls: CALLS, limit: LIMIT })]),
    ),
  );
  const [ours, ...peers] = admitted;
  const of = (value) => ({
    ours: value(ours),
    peers: Object.fromEntries(peers.map((peer) => [peer.name, value(peer)])),
  });
  const name = `${count.toLocaleString("en")} vectors`;
  const efforts = admitted.filter(({ ef }) => ef).map(({ name, ef }) => `${name.split("@")[0]} ${ef}`);
  await bench.record({ name: `${name}, build`, unit: "s", better: "lower", ...of(({ build }) => [build / 1000]), note: `ours: ${method}` });
  await bench.record({ name: `${name}, recall@${K}`, unit: "of 1", better: "higher", ...of(({ share }) => [share]) });
  await bench.record({
    name: `${name}, query`,
    unit: "ms",
    better: "lower",
    ...of(({ name }) => times[name]),
    note: `at the recall above${efforts.length > 0 ? `; candidates kept: ${efforts.join(", ")}` : ""}`,
  });
}

/** The least effort with enough recall; the greatest, if none has. */
async function tune({ contender, tunable }, truth) {
  let best;
  for (const ef of tunable ? EFFORTS : [undefined]) {
    best = { ef, share: recall(await contender.call("find", { k: K, ef }), truth) };
    if (best.share >= ENOUGH) break;
  }
  return best;
}
