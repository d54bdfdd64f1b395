// pkg/: the npm package as published. JavaScript is bundled from src/js, declarations come from the TypeScript compiler,
// the wasm modules are already there; this adds package.json, README and licences, and weighs the result.
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bindgen, pkg, root, target } from "./paths.mjs";

/** What users import, and the worker that it starts: entry in src/js -> file in pkg/. */
const entries = { nearfield: "src/js/index.ts", worker: "src/js/worker.ts" };
/** Replaces an import by another file of src/js, or by a file of pkg/ that is loaded when it is needed. */
const redirect = (from, to) => ({
  name: "redirect",
  setup(build) {
    build.onResolve({ filter: new RegExp(`^\\./${from}\\.js$`) }, () => to);
  },
});
/** The element is built on the public interface, which the page may also use: it imports that file, not a copy. */
const shared = redirect("index", { path: "./nearfield.js", external: true });
const lazy = ["reference", "gpu"].map((name) => redirect(name, { path: `./${name}.js`, external: true }));
/** The language model serves the lite build too. */
const generator = (path) => redirect("generator", { path, external: true });
const liteParts = ["modules", "accelerator"].map((name) => redirect(name, { path: join(root, "src", "js", `${name}-lite.ts`) }));
/** What visitors download, wasm and JavaScript, gzip -9, in KB. `all` are the files besides the largest of `oneOf`. */
const BUDGETS = [
  { name: "full", oneOf: ["nearfield.wasm", "nearfield-relaxed.wasm"], all: ["nearfield.js", "worker.js", "element.js"], kb: 866 },
  { name: "lite", oneOf: ["lite/nearfield.wasm"], all: ["lite/nearfield.js", "lite/worker.js"], kb: 625 },
  { name: "self-check, on demand", oneOf: ["reference.wasm"], all: ["reference.js"], kb: 200 },
  { name: "language model, on demand", oneOf: ["generator.wasm"], all: ["generator.js"], kb: 470 },
  { name: "WebGPU, on demand", oneOf: ["gpu.wasm"], all: ["gpu.js"], kb: 98 },
];

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");

/** Arguments with which Node checks the types of a folder that has a tsconfig.json. */
export const typeCheck = (folder) => [tsc, "--project", join(root, folder), "--noEmit"];

export async function buildPackage() {
  const options = {
    absWorkingDir: root,
    outdir: pkg,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    logLevel: "warning",
  };
  // Imported here, because this file is loaded before set-up has installed anything.
  const esbuild = await import("esbuild");
  await esbuild.build({ ...options, entryPoints: entries, plugins: [...lazy, generator("./generator.js")] });
  const onDemand = { reference: "src/js/reference.ts", generator: "src/js/generator.ts", gpu: "src/js/gpu.ts" };
  await esbuild.build({ ...options, entryPoints: onDemand });
  const lite = { outdir: join(pkg, "lite"), alias: { "#wasm": join(bindgen, "lite.js") } };
  await esbuild.build({ ...options, ...lite, entryPoints: entries, plugins: [...liteParts, ...lazy, generator("../generator.js")] });
  await esbuild.build({ ...options, entryPoints: { element: "src/js/element.ts" }, plugins: [shared] });
  await writeTypes();
  await writeManifest();
  for (const file of ["README.md", "LICENSE-MIT", "LICENSE-APACHE"]) await copyFile(join(root, file), join(pkg, file));
}

/** Declarations of what the public entries reach, and of nothing else. */
async function writeTypes() {
  const all = join(target, "types");
  await rm(all, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [tsc, "--project", root, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", "src/js", "--outDir", all],
    { cwd: root, stdio: "inherit" },
  );
  const types = join(pkg, "types");
  await rm(types, { recursive: true, force: true });
  const waiting = [join(all, "index.d.ts"), join(all, "element.d.ts")];
  const seen = new Set(waiting);
  for (const file of waiting) {
    const text = await readFile(file, "utf8");
    const place = join(types, relative(all, file));
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, text);
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) {
      if (!specifier.startsWith(".")) throw new Error(`${relative(all, file)} makes the public types depend on "${specifier}"`);
      const next = join(dirname(file), specifier.replace(/\.js$/, ".d.ts"));
      if (!seen.has(next)) waiting.push(next);
      seen.add(next);
    }
  }
}

async function writeManifest() {
  const cargo = await readFile(join(root, "Cargo.toml"), "utf8");
  const field = (name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(cargo)?.[1];
  const files = BUDGETS.flatMap(({ oneOf, all }) => [...all, ...oneOf]);
  const manifest = {
    name: "nearfield",
    version: field("version"),
    description: field("description"),
    license: field("license"),
    type: "module",
    sideEffects: ["./element.js", "./worker.js", "./lite/worker.js"],
    main: "./nearfield.js",
    types: "./types/index.d.ts",
    exports: {
      ".": { types: "./types/index.d.ts", default: "./nearfield.js" },
      "./lite": { types: "./types/index.d.ts", default: "./lite/nearfield.js" },
      ...Object.fromEntries(files.map((file) => [`./${file}`, `./${file}`])),
      "./element.js": { types: "./types/element.d.ts", default: "./element.js" },
      "./package.json": "./package.json",
    },
    files: [...files, "types", "LICENSE-*"],
    keywords: ["search", "semantic-search", "embeddings", "bm25", "hybrid-search", "reranking", "webassembly", "offline"],
  };
  await writeFile(join(pkg, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Prints the size of each shipped file and throws when what a visitor downloads is over its budget. */
export async function weigh() {
  const sizes = new Map();
  const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`.padStart(11);
  console.log(`${"file".padEnd(24)}${"raw".padStart(11)}${"gzip -9".padStart(11)}${"brotli".padStart(11)}`);
  for (const file of BUDGETS.flatMap(({ oneOf, all }) => [...oneOf, ...all])) {
    const bytes = await readFile(join(pkg, file));
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    const gzip = gzipSync(bytes, { level: 9 }).length;
    sizes.set(file, gzip);
    console.log(file.padEnd(24) + kb(bytes.length) + kb(gzip) + kb(brotli.length));
  }
  const over = [];
  for (const { name, oneOf, all, kb: budget } of BUDGETS) {
    const bytes = Math.max(...oneOf.map((file) => sizes.get(file))) + all.reduce((sum, file) => sum + sizes.get(file), 0);
    console.log(`${name}: a visitor downloads at most ${kb(bytes).trim()} (gzip -9; budget ${budget} KB)`);
    if (bytes > budget * 1024) over.push(name);
  }
  if (over.length > 0) throw new Error(`over its size budget: ${over.join(", ")}`);
}
