// `npm test`: sets up what the chosen runners need, builds once, runs every runner and ends with one line of counts.
//
//   npm test                               everything
//   npm test -- --only native,wasm         some runners, by the names of the table below
//   npm test -- --only e2e --match "demo"  only tests of Node's runner whose name matches
//   npm run test:long                      the same with long settings of fuzzing, damage, random operations and kills
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { audit } from "./audit.mjs";
import { find } from "./browsers.mjs";
import { build } from "./build.mjs";
import { cargoCounts, checkCounts, harnessLines, nodeCounts } from "./counts.mjs";
import { typeCheck } from "./package.mjs";
import { cache, models, root } from "./paths.mjs";
import { duration, run } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";
import { setup } from "./setup.mjs";
import { FEATURES, RELAXED } from "./wasm.mjs";

const { values: options } = parseArgs({
  options: { long: { type: "boolean", default: false }, only: { type: "string" }, match: { type: "string" }, yes: { type: "boolean", default: false } },
});

/** What tests read to know that they have time. */
const LONG = options.long ? { NEARFIELD_LONG: "1" } : {};

const cargo = (...args) => () => run("cargo", args);

/** With what they print, such as how many cases of damage were tried. */
const nativeTests = () =>
  run("cargo", ["test", "--workspace", "--no-fail-fast", "--", "--show-output"], { env: { NEARFIELD_MODELS: models, ...LONG } });

/** Rust tests of a package in a real browser. */
function wasmPack(browser, driver, [folder, ...args], env = {}) {
  return () => {
    const found = find(driver);
    const named = found ? [`--${driver}`, found] : [];
    // Without a driver at hand, wasm-pack fetches one that fits the browser.
    const mode = found ? ["--mode", "no-install"] : [];
    return run("wasm-pack", ["test", "--headless", `--${browser}`, ...named, ...mode, folder, ...args], {
      env: { ...wasmEnv(), WASM_BINDGEN_TEST_TIMEOUT: "900", WASM_BINDGEN_TEST_DRIVER_TIMEOUT: "60", ...env },
    });
  };
}

/** Tests of Node's runner: every *.test.mjs of a folder under tests/, so many files at a time. */
function nodeTests(folder, { env = {}, together = 1 } = {}) {
  return () => {
    const files = readdirSync(join(root, "tests", folder)).filter((name) => name.endsWith(".test.mjs"));
    const match = options.match ? ["--test-name-pattern", options.match] : [];
    const paths = files.map((name) => join("tests", folder, name));
    return run(process.execPath, ["--test", `--test-concurrency=${together}`, "--test-timeout=900000", "--test-reporter=spec", ...match, ...paths], {
      env: { NEARFIELD_CACHE: cache, ...LONG, ...env },
    });
  };
}

/** Where packages are, and which of their tests run in browsers: tests/web_*.rs, and tests/kernel/. */
const ENGINE = [".", ...FEATURES, "--test", "web_*"];
const KERNELS = ["src/kernel"];

/** Runners in the order in which they run: quick ones first. `needs` are parts of set-up; `build` says that pkg/ is used. */
const runners = [
  {
    name: "native",
    needs: ["models", "reference"],
    stages: [
      ["formatting", cargo("fmt", "--all", "--check"), checkCounts],
      ["clippy", cargo("clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"), checkCounts],
      ["native tests", nativeTests, cargoCounts],
      ["dependencies", audit, checkCounts],
    ],
  },
  {
    name: "js",
    needs: ["build"],
    build: true,
    stages: [
      ["types of the package", () => run(process.execPath, typeCheck(".")), checkCounts],
      ["types of the demo", () => run(process.execPath, typeCheck("tests/types")), checkCounts],
      ["JavaScript in Node", nodeTests("js"), nodeCounts],
    ],
  },
  {
    name: "e2e",
    needs: ["build", "models", "reference", "chromium"],
    build: true,
    stages: [["end to end in Chromium", nodeTests("e2e", { together: 2 }), nodeCounts]],
  },
  {
    name: "firefox",
    needs: ["build", "models", "firefox"],
    build: true,
    stages: [["smoke test in Firefox", nodeTests("smoke", { env: { NEARFIELD_BROWSER: "firefox" } }), nodeCounts]],
  },
  {
    name: "webkit",
    // Other systems have no driver for WebKitGTK.
    system: "linux",
    needs: ["build", "models", "webkit"],
    build: true,
    stages: [["smoke test in WebKitGTK", nodeTests("smoke", { env: { NEARFIELD_BROWSER: "webkit" } }), nodeCounts]],
  },
  {
    name: "wasm",
    needs: ["build", "wasm-test", "chromium", "firefox"],
    stages: [
      ["wasm tests in Chromium", wasmPack("chrome", "chromedriver", ENGINE), cargoCounts],
      ["wasm tests in Firefox", wasmPack("firefox", "geckodriver", ENGINE), cargoCounts],
      ["kernels in Chromium", wasmPack("chrome", "chromedriver", KERNELS), cargoCounts],
      ["kernels in Firefox", wasmPack("firefox", "geckodriver", KERNELS), cargoCounts],
      ["kernels with relaxed SIMD in Chromium", wasmPack("chrome", "chromedriver", KERNELS, RELAXED), cargoCounts],
    ],
  },
];

/** Runs one stage and says how it went. */
async function stage(name, job, count) {
  console.log(`\n=== ${name} ===`);
  const start = Date.now();
  let counts;
  let lines = [];
  try {
    const result = await job();
    counts = count(result, { pattern: options.match !== undefined });
    lines = harnessLines(result.output ?? "");
  } catch (error) {
    console.error(error.message);
    counts = { passed: 0, failed: 1 };
  }
  return { name, ...counts, lines, took: Date.now() - start };
}

async function main() {
  const names = runners.map((runner) => runner.name);
  const only = options.only?.split(",");
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no runner is called "${unknown}"; there are ${names.join(", ")}`);
  const possible = runners.filter(({ system }) => system === undefined || system === process.platform);
  const chosen = only ? possible.filter((runner) => only.includes(runner.name)) : possible;

  const start = Date.now();
  await setup([...new Set(chosen.flatMap((runner) => runner.needs))], { yes: options.yes });
  console.log(`[test] set-up took ${duration(Date.now() - start)}`);

  const results = [];
  for (const runner of chosen) {
    if (runner.build && !results.some(({ name }) => name === "build")) {
      results.push(await stage("build", async () => ({ code: await build().then(() => 0) }), checkCounts));
    }
    for (const [name, job, count] of runner.stages) results.push(await stage(name, job, count));
  }

  console.log("\n=== harnesses ===");
  for (const line of results.flatMap(({ lines }) => lines)) console.log(line);
  console.log("\n=== summary ===");
  for (const { name, passed, failed, took } of results) {
    console.log(`${name.padEnd(44)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed  ${duration(took)}`);
  }
  console.log(`in all ${duration(Date.now() - start)}`);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  return { passed: sum("passed"), failed: sum("failed") };
}

let counts;
try {
  counts = await main();
} catch (error) {
  console.error(error.message);
  counts = { passed: 0, failed: 1 };
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
