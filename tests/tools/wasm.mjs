// Rust -> wasm modules. Two are made: one for every browser with simd128, one that also uses relaxed SIMD. Both must have
// the same interface, so that one JavaScript glue file serves both and the worker only chooses which bytes to load.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bindgen, pkg, root, target } from "./paths.mjs";
import { must } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";

export const TARGET = "wasm32-unknown-unknown";
export const FEATURES = ["--no-default-features", "--features", "neural"];

/** Shipped modules: file name in pkg/, flags for this crate alone (its dependencies are compiled once for both). */
const variants = [
  { file: "nearfield.wasm", rustc: [], opt: [] },
  { file: "nearfield-relaxed.wasm", rustc: ["-C", "target-feature=+relaxed-simd"], opt: ["--enable-relaxed-simd"] },
];

const wasmOpt = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
const enabled = [
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-multivalue",
  "--enable-reference-types",
];

/** Builds both modules into pkg/ and the glue into target/bindgen/ (`#wasm` of the TypeScript sources). */
export async function buildWasm() {
  await mkdir(pkg, { recursive: true });
  const glues = [];
  for (const { file, rustc, opt } of variants) {
    await must(
      "cargo",
      ["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET, ...FEATURES, "--", ...rustc],
      { env: wasmEnv() },
    );
    const out = join(target, "bindgen-out", file);
    await rm(out, { recursive: true, force: true });
    const module = join(target, TARGET, "release", "nearfield.wasm");
    await must("wasm-bindgen", ["--target", "web", "--omit-default-module-path", "--out-name", "nearfield", "--out-dir", out, module], { env: wasmEnv() });
    await must(process.execPath, [wasmOpt, "-O3", ...enabled, ...opt, join(out, "nearfield_bg.wasm"), "-o", join(pkg, file)]);
    glues.push(await readFile(join(out, "nearfield.js"), "utf8"));
    await mkdir(bindgen, { recursive: true });
    await copyFile(join(out, "nearfield.d.ts"), join(bindgen, "nearfield.d.ts"));
  }
  if (glues.some((glue) => glue !== glues[0])) {
    throw new Error("wasm-bindgen made different glue for the modules: one glue file cannot serve both");
  }
  await writeFile(join(bindgen, "nearfield.js"), checkedGlue(glues[0]));
}

/** The glue must run under a policy without 'unsafe-eval', so it may hold nothing that compiles text. */
function checkedGlue(glue) {
  const found = /\bnew\s+Function\b|\bFunction\s*\(|\beval\s*\(/.exec(glue);
  if (found) throw new Error(`the glue of wasm-bindgen holds \`${found[0]}\`, which a strict content security policy forbids`);
  return glue;
}
