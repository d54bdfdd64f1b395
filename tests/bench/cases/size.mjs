// What a visitor downloads before anything runs: JavaScript, bundled and minified with what is used of it, and
// WebAssembly, gzip -9. Models do not count, they are the same for everybody.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packages, version } from "../peers.mjs";
import { pkg } from "../../tools/paths.mjs";

/** For each peer what an application imports of it, and the files that it fetches besides. */
const PEERS = [
  {
    name: "onnxruntime-web",
    code: 'export { InferenceSession, Tensor, env } from "onnxruntime-web/wasm"',
    files: ["onnxruntime-web/dist/ort-wasm-simd-threaded.mjs", "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"],
    for: "models",
  },
  {
    name: "@huggingface/transformers",
    code: 'export { pipeline, env } from "@huggingface/transformers"',
    files: ["onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs", "onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm"],
    for: "models",
  },
  { name: "minisearch", code: 'export { default } from "minisearch"', files: [], for: "words" },
  { name: "@orama/orama", code: 'export { create, insertMultiple, search } from "@orama/orama"; export { stopwords } from "@orama/stopwords/english"', files: [], for: "words" },
  { name: "hnswlib-wasm", code: 'export { loadHnswlib } from "hnswlib-wasm"', files: [], for: "vectors" },
  {
    name: "edgevec",
    code: 'export { default, EdgeVec, EdgeVecConfig } from "edgevec/edgevec.js"',
    files: ["edgevec/edgevec_bg.wasm"],
    for: "vectors",
  },
  {
    name: "voy-search",
    code: 'export { Voy, __wbg_set_wasm } from "voy-search/voy_search_bg.js"',
    files: ["voy-search/voy_search_bg.wasm"],
    for: "vectors",
  },
];

/** One of each purpose: what somebody installs who wants what the full build does. */
const TOGETHER = ["@huggingface/transformers", "minisearch", "hnswlib-wasm"];

const OURS = [
  { name: "full", files: ["nearfield.js", "worker.js", "nearfield-relaxed.wasm"], against: ["models", "words", "vectors"] },
  { name: "lite, without models", files: ["lite/nearfield.js", "lite/worker.js", "lite/nearfield.wasm"], against: ["words", "vectors"] },
];

const weight = (bytes) => gzipSync(bytes, { level: 9 }).length / 1024;
const weighFile = async (file) => weight(await readFile(file));
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

async function weighCode(code) {
  const { build } = await import("esbuild");
  const result = await build({
    stdin: { contents: code, resolveDir: join(packages, "..") },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    legalComments: "none",
    write: false,
    logLevel: "error",
  });
  return sum(result.outputFiles.map(({ contents }) => weight(contents)));
}

export async function size(bench) {
  bench.heading("Runtime that a visitor downloads, gzip -9");
  const peers = await Promise.all(
    PEERS.map(async ({ name, code, files, for: purpose }) => {
      const parts = await Promise.all([weighCode(code), ...files.map((file) => weighFile(join(packages, file)))]);
      return { name, label: `${name}@${await version(name)} (${purpose})`, purpose, weight: sum(parts) };
    }),
  );
  const together = peers.filter(({ name }) => TOGETHER.includes(name));
  const all = [together.map(({ name }) => name).join(" + "), [sum(together.map(({ weight }) => weight))]];
  for (const { name, files, against } of OURS) {
    const paths = files.map((file) => join(pkg, file));
    const there = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    if (there.includes(undefined)) {
      bench.say(`there is no build "${name}" yet`);
      continue;
    }
    const rivals = peers.filter(({ purpose }) => against.includes(purpose));
    await bench.record({
      name: `runtime, ${name}`,
      unit: "KB",
      better: "lower",
      ours: [sum(await Promise.all(paths.map(weighFile)))],
      peers: Object.fromEntries([
        ...rivals.map(({ label, weight }) => [label, [weight]]),
        ...(against.includes("models") ? [all] : []),
      ]),
    });
  }
}
