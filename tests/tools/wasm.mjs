// Rust -> wasm modules. The full engine is made twice: for every browser with simd128, and with relaxed SIMD. Both must
// have the same interface, so that one JavaScript glue file serves both and the worker only chooses which bytes to load.
// The lite engine, the reference of the self-check and the encoder on the GPU are other selections of features from the
// same crate.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonical } from "./glue.mjs";
import { bindgen, pkg, root, target } from "./paths.mjs";
import { capture, must } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";

export const TARGET = "wasm32-unknown-unknown";
/** The environment in which our own packages are compiled with relaxed SIMD. */
export const RELAXED = { RUSTC_WORKSPACE_WRAPPER: join(root, "tests", "tools", "relaxed-rustc") };
const features = (...names) => ["--no-default-features", "--features", names.join(",")];
/** What tests need of the crate. */
export const FEATURES = features("neural", "reference", "gpu");

/**
 * Of each glue its features, how large a function may be that is inlined, the level of optimisation where that is not
 * the profile's, and the modules that it serves: file name in pkg/, flags for our own packages.
 *
 * The compiler's own 275 for inlining makes modules larger and nothing faster: what the kernels want inlined
 * says so. Candle's code is generic and so compiled as part of ours; it wants both.
 */
const products = [
  {
    glue: "nearfield",
    features: features("neural"),
    inline: 10,
    modules: [
      { file: "nearfield.wasm" },
      { file: "nearfield-relaxed.wasm", env: RELAXED, opt: ["--enable-relaxed-simd"] },
    ],
  },
  { glue: "lite", features: features("engine"), inline: 10, modules: [{ file: "lite/nearfield.wasm" }] },
  { glue: "reference", features: features("reference"), inline: 10, level: "3", modules: [{ file: "reference.wasm" }] },
  { glue: "generator", features: features("generator"), inline: 130, level: "3", modules: [{ file: "generator.wasm" }] },
  { glue: "gpu", features: features("gpu"), inline: 10, modules: [{ file: "gpu.wasm" }] },
];
/**
 * Products that are built one after the other, by their glue. Linking uses one core, so there are two lanes at a time, in
 * a target folder each, since cargo locks it; what both compile is little beside what they link.
 */
const LANES = [["nearfield"], ["lite", "gpu", "reference", "generator"]];
const inlining = (threshold) => ["-C", `llvm-args=-inline-threshold=${threshold}`];

const wasmOpt = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
const OPTIMISE = [
  "-O3",
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-multivalue",
  "--enable-reference-types",
];

/**
 * Builds all modules into pkg/ and their glue into target/bindgen/ (`#wasm`, `#reference` and `#gpu` of the TypeScript sources).
 * Cargo gives all modules one name, so it would link them anew each time: a stamp over everything that goes in says when
 * not to.
 */
export async function buildWasm({ quick } = {}) {
  if (quick) return buildQuickly(quick);
  const out = join(target, "modules");
  const stamp = await stampOf();
  if ((await readFile(join(out, "stamp"), "utf8").catch(() => "")) !== stamp) {
    await rm(out, { recursive: true, force: true });
    await Promise.all(LANES.map((glues) => buildLane(glues, out)));
    await writeFile(join(out, "stamp"), stamp);
  }
  await mkdir(join(pkg, "lite"), { recursive: true });
  await mkdir(bindgen, { recursive: true });
  for (const { glue, modules } of products) {
    for (const { file } of modules) await copyFile(join(out, file, "module.wasm"), join(pkg, file));
    for (const end of ["js", "d.ts"]) await copyFile(join(out, modules[0].file, `${glue}.${end}`), join(bindgen, `${glue}.${end}`));
  }
}

/**
 * For trying a change in a browser: only some products, of the full engine that with relaxed SIMD under both names, not
 * linked as a whole and not optimised again. The other modules stay as the last build left them.
 */
async function buildQuickly(glues) {
  await mkdir(pkg, { recursive: true });
  for (const product of products.filter(({ glue }) => glues.includes(glue))) await buildOneQuickly(product);
}

async function buildOneQuickly({ glue, features, modules }) {
  const out = join(target, "quick");
  const settings = { LTO: "false", CODEGEN_UNITS: "16", INCREMENTAL: "true" };
  const profile = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARGO_PROFILE_RELEASE_${name}`, value]));
  const { file, env } = modules.at(-1);
  await compile({ file }, glue, features, out, { CARGO_TARGET_DIR: out, ...env, ...profile });
  await unify(out, glue);
  await mkdir(bindgen, { recursive: true });
  for (const { file } of modules) await copyFile(join(out, "module.wasm"), join(pkg, file));
  for (const end of ["js", "d.ts"]) await copyFile(join(out, `${glue}.${end}`), join(bindgen, `${glue}.${end}`));
}

async function buildLane(names, out) {
  const folder = join(target, "lanes", names[0]);
  for (const name of names) await buildProduct(products.find(({ glue }) => glue === name), out, { CARGO_TARGET_DIR: folder });
}

async function buildProduct({ glue, features, inline, level, modules }, out, settings) {
  const glues = [];
  const profile = level && { CARGO_PROFILE_RELEASE_OPT_LEVEL: level };
  for (const { file, env, opt = [] } of modules) {
    const folder = join(out, file);
    await compile({ file, rustc: inlining(inline), opt }, glue, features, folder, { ...settings, ...profile, ...env });
    glues.push(await unify(folder, glue));
  }
  if (glues.some((text) => text !== glues[0])) {
    throw new Error("wasm-bindgen made different glue for the modules: one glue file cannot serve both");
  }
  checkGlue(glues[0]);
}

/** Gives a module and its glue names that all builds of the product share; returns the glue. */
async function unify(folder, name) {
  const paths = { glue: join(folder, `${name}.js`), module: join(folder, "module.wasm") };
  const { glue, module } = canonical({ glue: await readFile(paths.glue, "utf8"), module: await readFile(paths.module) });
  await writeFile(paths.glue, glue);
  await writeFile(paths.module, module);
  return glue;
}

/** cargo, wasm-bindgen and, with options for it, wasm-opt, into the folder `out`. */
async function compile({ file, rustc = [], opt }, glue, features, out, extra = {}) {
  console.log(`  ${file}`);
  const env = { ...wasmEnv(), ...extra };
  const profile = ["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET];
  await must("cargo", [...profile, ...features, "--", ...rustc], { env });
  const bindings = ["--target", "web", "--omit-default-module-path", "--out-name", glue, "--out-dir", out];
  const built = join(env.CARGO_TARGET_DIR ?? target, TARGET, "release", "nearfield.wasm");
  await must("wasm-bindgen", [...bindings, built], { env });
  const [bound, module] = [join(out, `${glue}_bg.wasm`), join(out, "module.wasm")];
  if (!opt) return copyFile(bound, module);
  await must(process.execPath, [wasmOpt, ...OPTIMISE, ...opt, bound, "-o", module]);
}

/** Hash of sources, settings and tools. */
async function stampOf() {
  const hash = createHash("sha256");
  const all = await readdir(join(root, "src"), { recursive: true });
  const sources = all.filter((name) => /\.\w+$/.test(name) && !/^js\b/.test(name)).sort();
  const settings = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml", "package-lock.json", ...["glue.mjs", "relaxed-rustc", "wasm.mjs"].map((name) => join("tests", "tools", name))];
  for (const name of [...sources.map((name) => join("src", name)), ...settings]) {
    hash.update(`${name}\0`).update(await readFile(join(root, name)));
  }
  const { RUSTC = "rustc", ...env } = wasmEnv();
  return hash.update(capture(RUSTC, ["-vV"], { env }) ?? "").digest("hex");
}

/** The glue must run under a policy without 'unsafe-eval', so it may hold nothing that compiles text. */
function checkGlue(glue) {
  // After a backtick it is text: how the glue shows a function in an error message.
  const found = /\bnew\s+Function\b|(?<!`)\bFunction\s*\(|\beval\s*\(/.exec(glue);
  if (found) throw new Error(`the glue of wasm-bindgen holds \`${found[0]}\`, which a strict content security policy forbids`);
}
