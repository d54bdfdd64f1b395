// `npm run eval`: retrieval quality and speed on a judged collection, measured through the public interface in a real
// browser. Indexes the collection whole, closes it, opens it again and runs each pipeline over every judged query.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { launch } from "./launch.mjs";
import { machine } from "./machine.mjs";
import { bindgen, root } from "./paths.mjs";
import { DEMO } from "./serve.mjs";
import { setup } from "./setup.mjs";
import { described, webgpuArgs } from "./webgpu.mjs";

const HELP = `npm run eval -- --data DIR --json FILE [options]

  --data DIR          corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv with a header line
  --corpus FILE       another corpus, --queries FILE other queries: for search across languages
  --pipelines LIST    comma-separated: bm25, tfidf, dense, dense-binary, splade, splade-doc (no model reads the
                      query), two-stage, joint, colbert, hybrid-rrf, hybrid-weighted, hybrid-zscore,
                      hybrid-splade, gold-standard. After them may come, in this order:
                      :sentence, :chunk or :document   vectors of that level alone (dense and hybrid ones)
                      @<dims>      the first dimensions (all that compare vectors); +rescore: the best then in full
                      +prf         feedback (not colbert)
                      +rewrite, and +hyde (with vectors), +queries or +decompose: by a language model in the page,
                                   which takes seconds a query
                      +translate   also asks each query as --translations has it, and fails without
                      +parents     hits are what was found is part of
                      +rerank or +colbert
                      One that fails is reported, and the others are measured
  --embedder NAME     default all-MiniLM-L6-v2; "none" for lexical search only
  --sparse-encoder N  learned sparse model; default splade-tiny where a pipeline needs one
  --sparse-query KIND model or tokens: whether that model encodes queries too, or each of their tokens weighs 1
  --late-encoder N    late-interaction model; default answerai-colbert-small-v1 where a pipeline needs one, with its
                      projection to 96 dimensions where --linear gives it
  --linear FILE       safetensors file with that projection (linear.weight); or NEARFIELD_COLBERT_LINEAR
  --token-bits N      2 (default) or 8 bits for each dimension of token vectors
  --reranker NAME     default ms-marco-MiniLM-L-12-v2; "none" for none
  --rerank-top N      hits that +rerank and +colbert rerank, default 50
  --storage KIND      f32, f16, int8 (default) or binary: one bit a dimension. The pipeline dense-binary compares bits
                      of any of them first, and the best in full
  --rotation KIND     auto (default), none or pca; with @<dims> the collection is compacted, and so fitted, first
  --vectors KIND      auto (default), flat or hnsw, whose recall against an exact scan is then measured too
  --language L        language of the collection, default en
  --chunk SPEC        strategy[:size[:overlap]], as recursive:256:32; default: not chunked, cut at the model's maximum
  --levels LIST       comma-separated: sentences (also get vectors; implied by a pipeline with :sentence), late (vectors
                      of chunks from the states of whole documents), parents:N (of so many tokens)
  --query-instruction T, --passage-instruction T   stand before queries and passages in place of the model's prefixes
  --browser NAME      chromium (default), firefox or webkit
  --device NAME       wasm or webgpu (in Chromium on the computer's GPU, or a software adapter: right, but slow)
  --against NAME      compares --device with this one instead of measuring pipelines: the ten nearest documents that both
                      find, the nDCG@10 of each, and the rank correlation of the reranker's scores for those ten, or for
                      the first --rerank-top of them; slow on a software adapter: --reranker none leaves it out
  --documents N       only the first N documents
  --translations FILE queries.jsonl in another language, for +translate
  --retention         also indexes with exact vectors (f32, not turned) and says how many of their ten nearest documents
                      each dense pipeline keeps: what quantisation and short prefixes cost before anything is judged
  --learn             also learns the weights of hybrid-weighted from the judged queries, cross-validated
  --limit N           only the first N judged queries; with --against 50 by default, and others where too few are judged
  --built             measure pkg/ as it is, without building
  --json FILE         where the result goes

Without --pipelines: bm25, tfidf, dense, hybrid-rrf, hybrid-weighted and hybrid-rrf@256; also hybrid-rrf+rerank with a
--limit of at most 50, since the reranker reads 50 passages a query. A query counts as judged with a judgement above 0.`;

const text = { type: "string" };
const { values: options } = parseArgs({
  options: {
    data: text,
    corpus: text,
    queries: text,
    pipelines: text,
    embedder: { type: "string", default: "all-MiniLM-L6-v2" },
    "sparse-encoder": text,
    "sparse-query": text,
    "late-encoder": text,
    linear: text,
    "token-bits": { type: "string", default: "2" },
    reranker: { type: "string", default: "ms-marco-MiniLM-L-12-v2" },
    "rerank-top": text,
    storage: { type: "string", default: "int8" },
    rotation: { type: "string", default: "auto" },
    vectors: { type: "string", default: "auto" },
    language: { type: "string", default: "en" },
    chunk: { type: "string", default: "none" },
    levels: text,
    "query-instruction": text,
    "passage-instruction": text,
    browser: { type: "string", default: "chromium" },
    device: text,
    against: text,
    documents: text,
    translations: text,
    retention: { type: "boolean", default: false },
    learn: { type: "boolean", default: false },
    limit: text,
    built: { type: "boolean", default: false },
    json: text,
    yes: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** A whole number above 0, or an error that names the option. */
function count(name) {
  const value = options[name];
  if (value !== undefined && !/^[1-9][0-9]*$/.test(value)) throw new Error(`--${name} ${value}: not a number above 0`);
  return value === undefined ? undefined : Number(value);
}

function oneOf(name, ...choices) {
  const value = options[name];
  if (value !== undefined && !choices.includes(value)) throw new Error(`--${name} ${value}: choose ${choices.join(", ")}`);
  return value;
}

/** What is made of documents besides chunks. */
function levels(pipelines) {
  const wanted = options.levels?.split(",").map((level) => level.trim()) ?? [];
  const [parents] = wanted.filter((level) => /^parents:[1-9][0-9]*$/.test(level));
  const unknown = wanted.find((level) => !["sentences", "late", parents].includes(level));
  if (unknown !== undefined) throw new Error(`--levels ${unknown}: known are sentences, late and parents:<tokens>`);
  const sentences = wanted.includes("sentences") || pipelines.some((name) => name.includes(":sentence"));
  return {
    ...(sentences && { sentences }),
    ...(wanted.includes("late") && { late: true }),
    ...(parents && { parents: Number(parents.split(":")[1]) }),
  };
}

/** The three files, where they are. */
function files() {
  if (!options.data) throw new Error(`--data is missing\n\n${HELP}`);
  const found = {
    corpus: options.corpus ?? join(options.data, "corpus.jsonl"),
    queries: options.queries ?? join(options.data, "queries.jsonl"),
    qrels: join(options.data, "qrels.tsv"),
    ...(options.translations && { translations: options.translations }),
  };
  for (const [name, file] of Object.entries(found)) {
    if (!existsSync(file)) throw new Error(`${name}: there is no ${file}`);
  }
  return found;
}

function defaultPipelines(lexical, limit) {
  if (lexical) return ["bm25", "tfidf"];
  const rerank = limit !== undefined && limit <= 50 ? ["hybrid-rrf+rerank"] : [];
  return ["bm25", "tfidf", "dense", "hybrid-rrf", "hybrid-weighted", "hybrid-rrf@256", ...rerank];
}

/** What the page is told to do. */
function job() {
  const lexical = options.embedder === "none";
  const limit = count("limit");
  const [strategy, size, overlap] = options.chunk.split(":");
  const device = oneOf("device", "wasm", "webgpu");
  const against = oneOf("against", "wasm", "webgpu");
  const documents = count("documents");
  if (against && (!device || lexical || options.pipelines)) {
    throw new Error("--against needs --device and an embedder, and takes no --pipelines");
  }
  const pipelines = options.pipelines?.split(",").map((name) => name.trim()) ?? defaultPipelines(lexical, limit);
  const graph = options.vectors === "hnsw";
  const learned = pipelines.some((name) => name.includes("splade")) ? "splade-tiny" : undefined;
  const sparseEncoder = options["sparse-encoder"] ?? learned;
  const sparseQuery = oneOf("sparse-query", "model", "tokens");
  const late = pipelines.some((name) => name.includes("colbert"));
  const projected = process.env.NEARFIELD_COLBERT_LINEAR ? "-96" : "";
  const lateEncoder = options["late-encoder"] ?? (late ? `answerai-colbert-small-v1${projected}` : undefined);
  const { "query-instruction": query, "passage-instruction": passage } = options;
  const instructions = { ...(query !== undefined && { query }), ...(passage !== undefined && { passage }) };
  return {
    open: {
      ...(lexical ? {} : { embedder: options.embedder }),
      ...(lexical || options.reranker === "none" ? {} : { reranker: options.reranker }),
      ...(sparseEncoder && { sparseEncoder }),
      ...(sparseQuery && { sparseQuery }),
      ...(lateEncoder && { lateEncoder }),
      ...(Object.keys(instructions).length > 0 && { instructions }),
      vectors: {
        storage: oneOf("storage", "f32", "f16", "int8", "binary"),
        index: oneOf("vectors", "auto", "flat", "hnsw"),
        rotation: oneOf("rotation", "auto", "none", "pca"),
        tokens: Number(oneOf("token-bits", "2", "8")),
      },
      chunk: {
        strategy,
        ...(size && { size: Number(size) }),
        ...(overlap && { overlap: Number(overlap) }),
        ...levels(pipelines),
      },
      language: options.language,
      ...(device && { device }),
    },
    // A graph that was asked for is built, and vectors of which only a part is compared are fitted for that, before
    // the collection is closed.
    compact: graph || (!lexical && pipelines.some((name) => name.includes("@"))),
    graph,
    pipelines,
    retention: options.retention && !lexical,
    learn: options.learn && !lexical,
    translate: Boolean(options.translations),
    rerankTop: count("rerank-top"),
    ...(limit && { limit }),
    ...(documents && { documents }),
    ...(against && { against }),
  };
}

/** Serves the job and the data, runs the page and resolves to what it measured. */
async function measure(kind, work, data, args) {
  let settle;
  const outcome = new Promise((done, failed) => (settle = { done, failed }));
  const intercept = async (request, response) => {
    if (request.url === "/job") {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(work));
      return true;
    }
    if (request.url !== "/report") return false;
    const parts = [];
    for await (const part of request) parts.push(part);
    const { kind, value } = JSON.parse(Buffer.concat(parts).toString("utf8"));
    response.end();
    if (kind === "progress") console.log(`[eval] ${value}`);
    else if (kind === "result") settle.done(value);
    else settle.failed(new Error(`in the page: ${value}`));
    return true;
  };
  const one = (at, file) => ({ at, folder: dirname(resolve(file)), file: basename(file) });
  const mounts = [
    one("/data/corpus.jsonl", data.corpus),
    one("/data/queries.jsonl", data.queries),
    one("/data/qrels.tsv", data.qrels),
    ...(data.translations ? [one("/data/translations.jsonl", data.translations)] : []),
    { at: "/eval/", folder: join(root, "tests", "eval") },
    { at: "/bindgen/", folder: bindgen },
    ...DEMO,
  ];
  const browser = await launch(kind, { mounts, path: "/eval/", intercept, args });
  browser.closed.then((reason) => settle.failed(new Error(reason)));
  try {
    return await outcome;
  } finally {
    for (const problem of browser.problems) console.error(problem);
    await browser.close();
  }
}

function table(pipelines) {
  const columns = ["ndcg@10", "recall@100", "mrr@10", "map", "ci95", "p50_ms", "p95_ms", "page_p50_ms"];
  const cell = (key, value) => {
    if (key === "ci95") return value.map((end) => end.toFixed(3)).join("-");
    return value.toFixed(key.endsWith("_ms") ? 2 : 4);
  };
  const row = (name, cells) => name.padEnd(26) + cells.map((cell) => cell.padStart(12)).join("");
  const rows = Object.entries(pipelines).map(([name, report]) => row(name, columns.map((key) => cell(key, report[key]))));
  return [row("pipeline", columns), ...rows].join("\n");
}

/** Where the time of each pipeline goes: median milliseconds of the stages that take any. */
function stages(pipelines) {
  const shown = ({ stages_ms: stages }) => Object.entries(stages).filter(([, ms]) => ms >= 0.01).map(([stage, ms]) => `${stage} ${ms.toFixed(2)}`);
  return Object.entries(pipelines).map(([name, report]) => `${name.padEnd(26)}${shown(report).join(", ")}`).join("\n");
}

/** What the further measurements came to, a line each. */
function further({ retention = {}, learnt, generator, "graph_recall@10": recall, failed = {} }) {
  const lines = Object.entries(retention).map(([name, { mean, least }]) => {
    return `${name} keeps ${(100 * mean).toFixed(2)} % of the ten nearest by exact vectors (least ${(100 * least).toFixed(0)} %)`;
  });
  if (learnt) {
    const { weights, "ndcg@10": best, "equal_ndcg@10": equal, "cross_validated_ndcg@10": expected } = learnt;
    lines.push(
      `learnt weights: dense ${weights.dense}, sparse ${weights.sparse}: nDCG@10 ${best.toFixed(4)}, cross-validated ` +
        `${expected.toFixed(4)}, with equal weights ${equal.toFixed(4)}`,
    );
  }
  if (generator) {
    const { outputTokens, tokensPerSecond, readTokensPerSecond } = generator;
    const speed = `reads ${readTokensPerSecond.toFixed(0)} and writes ${tokensPerSecond.toFixed(1)} tokens/s`;
    lines.push(`the language model wrote ${outputTokens} tokens; it ${speed}`);
  }
  if (recall !== undefined) lines.push(`the graph finds ${(100 * recall).toFixed(2)} % of the ten nearest of an exact scan`);
  for (const [name, message] of Object.entries(failed)) lines.push(`FAILED ${name}: ${message}`);
  return lines;
}

/** What two devices made of the same, for people. */
function comparison({ devices, "overlap@10": overlap, rerank }) {
  const lines = Object.entries(devices).map(([name, { "ndcg@10": ndcg, seconds, tokens, adapter }]) => {
    const where = adapter ? ` on ${described(adapter)}` : "";
    return `${name.padEnd(8)} nDCG@10 ${ndcg.toFixed(4)}; indexed ${Math.round(tokens / seconds)} tokens/s${where}`;
  });
  const share = ({ mean, least }) => `mean ${mean.toFixed(4)}, least ${least.toFixed(4)}`;
  return [
    ...lines,
    `overlap of the first ten: ${share(overlap)}`,
    ...(rerank
      ? [
          `reranking ${rerank.hits} hits: Spearman ${share(rerank.spearman)}; Kendall ${share(rerank.kendall)}; ` +
            `scores within ${rerank.largest_difference.toFixed(3)}`,
        ]
      : []),
  ].join("\n");
}

async function main() {
  if (options.help) return console.log(HELP);
  if (options.linear) process.env.NEARFIELD_COLBERT_LINEAR = resolve(options.linear);
  const data = files();
  const work = job();
  const kind = oneOf("browser", "chromium", "firefox", "webkit");
  await setup(["build", "models", kind], { yes: options.yes });
  if (!options.built) await build();
  const gpu = [work.open.device, work.against].includes("webgpu") && kind === "chromium";
  const measured = await measure(kind, work, data, gpu ? await webgpuArgs() : undefined);
  const context = { dataset: basename(resolve(options.data)), browser: kind };
  if (work.against) {
    const result = { ...context, ...measured, machine: machine(), options: work };
    const { docs, queries, judged, model } = measured;
    console.log(`\n${context.dataset} in ${kind}: ${docs} documents, ${queries} queries (${judged} judged), ${model}`);
    console.log(comparison(measured));
    if (options.json) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const { docs, queries, model, build: module, index, pipelines, calibration, ...others } = measured;
  const result = { ...context, docs, queries, model, index, pipelines, ...others, machine: machine(), calibration, module, options: work };
  console.log(
    `\n${result.dataset} in ${kind} (${module}): ${docs} documents, ${queries} judged queries, indexed in ` +
      `${index.seconds.toFixed(1)} s (${index.docs_per_s.toFixed(1)} documents/s, ${Math.round(index.tokens_per_s)} tokens/s)`,
  );
  console.log(table(pipelines));
  console.log(`\nmedian milliseconds of stages:\n${stages(pipelines)}\n`);
  for (const line of further(others)) console.log(line);
  console.log(`${result.machine}; the bare int8 kernel does ${calibration.toFixed(1)} Gop/s`);
  if (options.json) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
  if (Object.keys(others.failed ?? {}).length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
