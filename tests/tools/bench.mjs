// `npm run bench`: Nearfield and its peers on the same work, in one run in one real browser. Contenders take turns, round
// by round; figures are medians, and what is worse than a peer is said as plainly as what is better.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { machine } from "./machine.mjs";
import { root } from "./paths.mjs";
import { duration } from "./process.mjs";
import { setup } from "./setup.mjs";

const HELP = `npm run bench -- [options]

  --only LIST     comma-separated cases: CASES
  --data DIR      a judged collection as for \`npm run eval\`, for real texts and for ranking quality; default
                  ../shared/data/scifact if it is there, else texts come from this project's documentation
  --rounds N      how often each contender has its turn, default 5; for webgpu on a software adapter 1
  --sizes LIST    vectors and growth: numbers of vectors, default 10000,50000,100000 (growth also 1000)
  --built         measure pkg/ as it is, without building
  --json FILE     where the result goes

webgpu compares Nearfield on WebGPU with itself and onnxruntime-web, by the GPU that Chromium finds. Without one a
software adapter stands in for it: it shows who computes rightly, its times mean nothing. The page gpu.html of the demo
measures Nearfield alone on whatever device opens it.`;

const text = { type: "string" };
const { values: options } = parseArgs({
  options: {
    only: text,
    data: text,
    rounds: text,
    sizes: text,
    built: { type: "boolean", default: false },
    json: text,
    yes: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const DATA = join(root, "..", "shared", "data", "scifact");

/** A whole number above 0, or an error that names the option. */
function count(name, value) {
  if (!/^[1-9][0-9]*$/.test(value)) throw new Error(`--${name} ${value}: not a number above 0`);
  return Number(value);
}

function chosen(cases) {
  const names = Object.keys(cases);
  const only = options.only?.split(",") ?? names;
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only: there is no case "${unknown}"; there are ${names.join(", ")}`);
  return names.filter((name) => only.includes(name));
}

async function main() {
  // Nothing of this may need a package before set-up has installed it.
  const { cases } = await import("../bench/cases/index.mjs");
  if (options.help) return console.log(HELP.replace("CASES", Object.keys(cases).join(", ")));
  const names = chosen(cases);
  const rounds = options.rounds === undefined ? undefined : count("rounds", options.rounds);
  const sizes = options.sizes?.split(",").map((size) => count("sizes", size));
  const folder = options.data ?? (existsSync(DATA) ? DATA : undefined);

  await setup(["build", "models", "chromium"], { yes: options.yes });
  const { preparePeers } = await import("../bench/peers.mjs");
  await preparePeers();
  if (!options.built) await build();
  const { Bench } = await import("../bench/bench.mjs");
  const bench = await Bench.open({ rounds: rounds ?? 5, slowRounds: rounds ?? 1, sizes, folder, machine: machine() });
  const start = Date.now();
  try {
    for (const name of names) await bench.run(name, cases[name]);
  } finally {
    await bench.close();
  }
  bench.summarise();
  console.log(`in all ${duration(Date.now() - start)}`);
  if (options.json) await writeFile(resolve(options.json), `${JSON.stringify(bench.entries, null, 2)}\n`);
  if (bench.failures > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
