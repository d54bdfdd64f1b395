// pkg/: the npm package as published. JavaScript is bundled from src/js, declarations come from the TypeScript compiler,
// the wasm modules are already there; this adds package.json, README and licences, and weighs the result.
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { pkg, root, target } from "./paths.mjs";

/** What users import, and the worker that it starts: entry in src/js -> file in pkg/. */
const entries = { nearfield: "src/js/index.ts", worker: "src/js/worker.ts" };
/** The element is built on the public interface, which the page may also use: it imports that file, not a copy. */
const shared = {
  name: "shared",
  setup(build) {
    build.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "./nearfield.js", external: true }));
  },
};
const modules = ["nearfield.wasm", "nearfield-relaxed.wasm"];
/** One module and all JavaScript, gzip -9, in bytes: what a visitor downloads. To be lowered to 650 kB. */
const BUDGET = 1100 * 1024;

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
  await esbuild.build({ ...options, entryPoints: entries });
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
  const files = ["nearfield.js", "worker.js", ...modules, "element.js"];
  const manifest = {
    name: "nearfield",
    version: field("version"),
    description: field("description"),
    license: field("license"),
    type: "module",
    sideEffects: ["./element.js", "./worker.js"],
    main: "./nearfield.js",
    types: "./types/index.d.ts",
    exports: {
      ".": { types: "./types/index.d.ts", default: "./nearfield.js" },
      ...Object.fromEntries(files.slice(1).map((file) => [`./${file}`, `./${file}`])),
      "./element.js": { types: "./types/element.d.ts", default: "./element.js" },
      "./package.json": "./package.json",
    },
    files: [...files, "types", "LICENSE-*"],
    keywords: ["search", "semantic-search", "embeddings", "bm25", "hybrid-search", "reranking", "webassembly", "offline"],
  };
  await writeFile(join(pkg, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Prints the size of each shipped file and throws when a visitor's download is over the budget. */
export async function weigh() {
  const rows = [];
  for (const file of (await readdir(pkg)).filter((name) => /\.(wasm|js)$/.test(name)).sort()) {
    const bytes = await readFile(join(pkg, file));
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    rows.push({ file, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length });
  }
  const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`.padStart(11);
  console.log(`${"file".padEnd(24)}${"raw".padStart(11)}${"gzip -9".padStart(11)}${"brotli".padStart(11)}`);
  for (const { file, raw, gzip, brotli } of rows) console.log(file.padEnd(24) + kb(raw) + kb(gzip) + kb(brotli));
  const js = rows.filter(({ file }) => file.endsWith(".js")).reduce((sum, { gzip }) => sum + gzip, 0);
  const wasm = Math.max(...rows.filter(({ file }) => file.endsWith(".wasm")).map(({ gzip }) => gzip));
  console.log(`a visitor downloads at most ${kb(js + wasm).trim()} (gzip -9; budget ${kb(BUDGET).trim()})`);
  if (js + wasm > BUDGET) throw new Error("the package is over its size budget");
}
