// Rust -> wasm modules. Two are made: one for every browser with simd128, one that also uses relaxed SIMD. Both must have
// the same interface, so that one JavaScript glue file serves both and the worker only chooses which bytes to load.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonical } from "./glue.mjs";
import { bindgen, pkg, root, target } from "./paths.mjs";
import { capture, must } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";

export const TARGET = "wasm32-unknown-unknown";
export const FEATURES = ["--no-default-features", "--features", "neural"];

/** Shipped modules: file name in pkg/, flags for this crate alone (its dependencies are compiled once for both). */
const variants = [
  { file: "nearfield.wasm", rustc: [], opt: [] },
  { file: "nearfield-relaxed.wasm", rustc: ["-C", "target-feature=+relaxed-simd"], opt: ["--enable-relaxed-simd"] },
];

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
 * Builds both modules into pkg/ and the glue into target/bindgen/ (`#wasm` of the TypeScript sources). Cargo gives both
 * modules one name, so it would link them anew each time: a stamp over everything that goes in says when not to.
 */
export async function buildWasm() {
  const out = join(target, "modules");
  const stamp = await stampOf();
  if ((await readFile(join(out, "stamp"), "utf8").catch(() => "")) !== stamp) {
    await rm(out, { recursive: true, force: true });
    for (const variant of variants) await compile(variant, join(out, variant.file));
    const glues = await Promise.all(variants.map(({ file }) => unify(join(out, file), file)));
    if (glues.some((glue) => glue !== glues[0])) {
      throw new Error("wasm-bindgen made different glue for the modules: one glue file cannot serve both");
    }
    checkGlue(glues[0]);
    await writeFile(join(out, "stamp"), stamp);
  }
  await mkdir(pkg, { recursive: true });
  await mkdir(bindgen, { recursive: true });
  for (const { file } of variants) await copyFile(join(out, file, file), join(pkg, file));
  for (const file of ["nearfield.js", "nearfield.d.ts"]) await copyFile(join(out, variants[0].file, file), join(bindgen, file));
}

/** Gives a module and its glue names that all variants share; returns the glue. */
async function unify(folder, file) {
  const paths = { glue: join(folder, "nearfield.js"), module: join(folder, file) };
  const { glue, module } = canonical({ glue: await readFile(paths.glue, "utf8"), module: await readFile(paths.module) });
  await writeFile(paths.glue, glue);
  await writeFile(paths.module, module);
  return glue;
}

/** cargo, wasm-bindgen and wasm-opt, into the folder `out`. */
async function compile({ file, rustc, opt }, out) {
  const env = wasmEnv();
  const cargo = ["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET, ...FEATURES, "--", ...rustc];
  await must("cargo", cargo, { env });
  const bindings = ["--target", "web", "--omit-default-module-path", "--out-name", "nearfield", "--out-dir", out];
  await must("wasm-bindgen", [...bindings, join(target, TARGET, "release", "nearfield.wasm")], { env });
  await must(process.execPath, [wasmOpt, ...OPTIMISE, ...opt, join(out, "nearfield_bg.wasm"), "-o", join(out, file)]);
}

/** Hash of sources, settings and tools. */
async function stampOf() {
  const hash = createHash("sha256");
  const all = await readdir(join(root, "src"), { recursive: true });
  const sources = all.filter((name) => /\.\w+$/.test(name) && !/^js\b/.test(name)).sort();
  const settings = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "package-lock.json", "tests/tools/wasm.mjs", "tests/tools/glue.mjs"];
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
