// Set-up as a list of steps. Each knows what it is needed for, whether it is done already, how it is done, how long that
// may take, and what a person can do by hand when it fails. Nothing outside the cache, node_modules and target is changed,
// except by rustup and, as root in continuous integration or after asking, by apt.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { find, findMiniBrowser, PACKAGES } from "./browsers.mjs";
import { cache, models, root } from "./paths.mjs";
import { capture, duration, must, which } from "./process.mjs";
import { addRustupTarget, buildStd, installTools, missingStdPackages, toolReady, wasmReady } from "./rust.mjs";

/** What set-up can provide; callers name what they need. */
export const PARTS = ["build", "models", "reference", "wasm-test", "chromium", "firefox", "webkit"];
const MODELS = [
  "all-MiniLM-L6-v2",
  "ms-marco-MiniLM-L-12-v2",
  "bge-small-en-v1.5",
  "multilingual-e5-small",
  "potion-base-2M",
  "splade-tiny",
  "answerai-colbert-small-v1",
];
/** Its projection is in no package: it is had where the environment says which file has that. */
const PROJECTED = "answerai-colbert-small-v1-96";
const modelNames = () => (process.env.NEARFIELD_COLBERT_LINEAR ? [...MODELS, PROJECTED] : MODELS);
/** Its files have other names than those of encoders. */
const GENERATOR = "SmolLM2-135M-Instruct";
/** Packaged at 4 bits: there is nothing better to compare with. */
const WITHOUT_REFERENCE = ["multilingual-e5-small"];

/** With `reference` the models are also wanted in full precision, which tests compare with. */
function modelsReady(needs) {
  const names = modelNames();
  const full = names.filter((name) => !WITHOUT_REFERENCE.includes(name)).map((name) => join("raw", `${name}-fp32`));
  const folders = needs.includes("reference") ? [...names, ...full] : names;
  const encoders = folders.every((folder) => existsSync(join(models, folder, "model.safetensors")));
  return encoders && existsSync(join(models, GENERATOR, "model.gguf"));
}

function getModels(needs) {
  const reference = needs.includes("reference") ? ["--with-reference"] : [];
  const places = ["--dir", models, "--downloads", join(cache, "downloads")];
  return must("cargo", ["run", "--bin", "nearfield", "--", "models", "get", ...places, ...reference, ...modelNames(), GENERATOR]);
}

const browserParts = {
  chromium: ["chromium", "chromedriver"],
  firefox: ["firefox"],
  webkit: ["webkitdriver", "xvfb"],
};
const toolParts = { build: ["wasm-bindgen"], "wasm-test": ["wasm-pack"], firefox: ["geckodriver"] };

const missingTools = async (needs) => {
  const names = needs.flatMap((part) => toolParts[part] ?? []);
  const ready = await Promise.all(names.map(toolReady));
  return names.filter((_, i) => !ready[i]);
};

const missingPrograms = (needs) => needs.flatMap((part) => browserParts[part] ?? []).filter((name) => !find(name));

function missingPackages(needs) {
  const packages = missingPrograms(needs).flatMap((name) => PACKAGES[name]);
  if (needs.includes("webkit") && !findMiniBrowser()) packages.push(...PACKAGES.webkitdriver);
  if (needs.includes("build") && !wasmReady()) packages.push(...missingStdPackages());
  return [...new Set(packages)];
}

const lockStamp = join(root, "node_modules", ".nearfield-lock");
const lockHash = async () => createHash("sha256").update(await readFile(join(root, "package-lock.json"))).digest("hex");

const steps = [
  {
    name: "node packages",
    takes: "half a minute",
    done: async () => existsSync(lockStamp) && (await readFile(lockStamp, "utf8")) === (await lockHash()),
    async way() {
      await must("npm", ["ci", "--ignore-scripts", "--loglevel=error"]);
      await writeFile(lockStamp, await lockHash());
    },
    byHand: "`npm ci` in this folder",
  },
  {
    name: "Rust's standard library for WebAssembly, from rustup",
    takes: "a minute",
    for: ["build"],
    done: wasmReady,
    way: addRustupTarget,
    // Without rustup, or without its server, the steps below compile the library from the distribution's sources.
    optional: true,
  },
  {
    name: "system packages",
    takes: "5 minutes",
    done: (needs) => missingPackages(needs).length === 0,
    way: (needs, options) => aptInstall(missingPackages(needs), options),
    byHand: (needs) =>
      `the programs ${missingPrograms(needs).join(", ") || "of Debian's packages"}` +
      (which("apt-get") ? `: \`apt-get install ${missingPackages(needs).join(" ")}\`` : " in your system's own way"),
  },
  {
    name: "Rust's standard library for WebAssembly, compiled from the distribution's sources",
    takes: "3 minutes",
    for: ["build"],
    done: wasmReady,
    way: buildStd,
    byHand: "`rustup target add wasm32-unknown-unknown`",
  },
  {
    name: "tools for WebAssembly and WebDriver",
    takes: "10 minutes",
    done: async (needs) => (await missingTools(needs)).length === 0,
    way: async (needs) => installTools(await missingTools(needs)),
    byHand: async (needs) =>
      `on PATH: ${(await missingTools(needs)).join(", ")} (wasm-bindgen in the version that Cargo.lock names)`,
  },
  {
    name: "models",
    takes: "5 minutes, most of it compiling the tool that fetches them",
    for: ["models", "reference"],
    done: modelsReady,
    way: getModels,
    byHand: "`npm run nearfield -- models get --help`",
  },
];

async function aptInstall(packages, { yes }) {
  if (process.platform !== "linux" || !which("apt-get")) throw new Error("there is no apt-get here");
  console.log(`  needs these packages of the system: ${packages.join(" ")}`);
  const isRoot = process.getuid() === 0;
  const command = [...(isRoot ? [] : ["sudo"]), "apt-get"];
  if (!(yes || (isRoot && process.env.CI)) && !(await agreed(`  install them with \`${command.join(" ")} install\`? [y/N] `))) {
    throw new Error("not installed (`--yes` agrees beforehand)");
  }
  const apt = (...args) => must(command[0], [...command.slice(1), ...args], { env: { DEBIAN_FRONTEND: "noninteractive" } });
  await apt("update", "-q");
  await apt("install", "-q", "-y", "--no-install-recommends", ...packages);
}

async function agreed(question) {
  if (!process.stdin.isTTY) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question(question);
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Does what is missing for `needs` (names of PARTS), step by step. Throws with advice when a step fails. */
export async function setup(needs, options = {}) {
  if (!capture("cargo", ["--version"])) throw new Error("Rust is missing: install it first (its own installer is rustup)");
  for (const step of steps) {
    if (step.for && !step.for.some((part) => needs.includes(part))) continue;
    if (await step.done(needs)) continue;
    console.log(`[set-up] ${step.name}: may take ${step.takes}; goes to ${cache} unless it says otherwise`);
    const start = Date.now();
    let reason;
    try {
      await step.way(needs, options);
    } catch (error) {
      reason = error.message;
    }
    if (await step.done(needs)) {
      console.log(`[set-up] ${step.name}: done in ${duration(Date.now() - start)}`);
    } else if (step.optional) {
      console.log(`[set-up] ${step.name}: not this way${reason ? ` (${reason})` : ""}`);
    } else {
      const advice = typeof step.byHand === "function" ? await step.byHand(needs) : step.byHand;
      throw new Error(`set-up of ${step.name} failed: ${reason ?? "it is still missing"}.\nBy hand: ${advice}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2).filter((word) => PARTS.includes(word));
  try {
    await setup(asked.length > 0 ? asked : PARTS, { yes: process.argv.includes("--yes") });
    console.log("[set-up] everything is there");
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
