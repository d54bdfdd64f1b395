// The half of `npm run eval` that runs in the browser: it asks the server for its job, does it through the public
// interface of the package, and posts progress and the result back, so that every browser is driven in the same way.
import { destroy, evaluate, learnWeights, localGenerator, open, parsePipeline } from "/pkg/nearfield.js";
import { agreement } from "./agreement.mjs";
import { calibrate } from "./calibrate.mjs";
import { retention } from "./retention.mjs";

/** Trusted Types let no plain text become the address of a worker. */
const policy = globalThis.trustedTypes?.createPolicy("eval", { createScriptURL: (url) => url });
const WORKER = new URL("/pkg/worker.js", location.href).href;
const worker = () => new Worker(policy?.createScriptURL(WORKER) ?? WORKER, { type: "module" });

const report = (kind, value) => fetch("/report", { method: "POST", body: JSON.stringify({ kind, value }) });

async function* lines(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    for (const line of parts) if (line.trim() !== "") yield line;
    if (done) return;
  }
}

/** Title and text as one unit; the first `limit` documents. */
async function corpus(limit = Infinity) {
  const documents = [];
  for await (const line of lines("/data/corpus.jsonl")) {
    const { _id, title, text } = JSON.parse(line);
    if (documents.length < limit) documents.push({ id: String(_id), text: title ? `${title}\n${text}` : text });
  }
  return documents;
}

/** Texts by id. */
async function texts(url) {
  const found = {};
  for await (const line of lines(url)) {
    const { _id, text } = JSON.parse(line);
    found[_id] = text;
  }
  return found;
}

/** Queries and judgements; with `documents`, only the judgements of these. */
async function judged(documents) {
  const ids = documents && new Set(documents.map(({ id }) => id));
  const queries = await texts("/data/queries.jsonl");
  const qrels = {};
  let header = true;
  for await (const line of lines("/data/qrels.tsv")) {
    const [query, document, grade] = line.trimEnd().split("\t");
    if (!header && (ids?.has(document) ?? true)) (qrels[query] ??= {})[document] = Number(grade);
    header = false;
  }
  return { queries, qrels };
}

/** What `translate` makes of a query: the same one in another language. */
async function translator(queries) {
  const translations = await texts("/data/translations.jsonl");
  const others = new Map(Object.entries(queries).map(([id, text]) => [text, translations[id] ?? ""]));
  return (query) => others.get(query) ?? "";
}

/** Mean share of the ten nearest documents by exact scan that the graph finds too. */
async function graphRecall(db, queries) {
  let sum = 0;
  for (const text of queries) {
    const ten = async (vectors) => (await db.search(text, { mode: "dense", vectors, k: 10, text: false })).hits.map(({ id }) => id);
    const [graph, scan] = [await ten("hnsw"), await ten("flat")];
    sum += graph.filter((id) => scan.includes(id)).length / scan.length;
  }
  return sum / queries.length;
}

async function run() {
  const job = await (await fetch("/job")).json();
  const name = "eval";
  await destroy(name, { worker }).catch(() => {});
  const documents = await corpus(job.documents);
  const { queries, qrels } = await judged(job.documents && documents);

  let shown = 0;
  const onProgress = (event) => {
    if (performance.now() - shown < 1000) return;
    shown = performance.now();
    report("progress", `${event.model ? `${event.phase} ${event.model}` : event.phase} ${event.done}/${event.total ?? "?"}`);
  };
  if (job.against) return agreement({ job, documents, queries, qrels, worker, onProgress, say: (text) => report("progress", text) });
  let db = await open(name, { ...job.open, worker, onProgress });
  const tokens = (await db.stats()).tokens;
  const start = performance.now();
  await db.add(documents, { onProgress });
  const seconds = (performance.now() - start) / 1000;
  const indexed = await db.stats();
  if (job.compact) await db.compact({ onProgress });
  await db.close();

  db = await open(name, { ...job.open, worker, onProgress });
  const writes = job.pipelines.some((pipeline) => /\+(rewrite|hyde|queries|decompose)/.test(pipeline));
  const generate = writes ? await localGenerator({ worker, onProgress }) : undefined;
  const translate = job.translate ? await translator(queries) : undefined;
  const failed = {};
  const pipelines = await evaluate(db, {
    queries,
    qrels,
    pipelines: job.pipelines,
    rerankTop: job.rerankTop,
    limit: job.limit,
    generate,
    translate,
    onProgress: ({ pipeline, done, total }) => onProgress({ phase: pipeline, done, total }),
    onFailure: ({ pipeline, error }) => (failed[pipeline] = `${error.code}: ${error.message}`),
  });
  generate?.close();
  const isJudged = (id) => Object.values(qrels[id] ?? {}).some((grade) => grade > 0);
  const ids = Object.keys(queries).filter(isJudged).slice(0, job.limit);
  const asked = ids.map((id) => queries[id]);
  const recall = job.graph && job.open.embedder ? await graphRecall(db, asked) : undefined;
  const judgedQueries = Object.fromEntries(ids.map((id) => [id, queries[id]]));
  const told = (event) => onProgress({ phase: "learning weights", ...event });
  const learnt = job.learn ? await learnWeights(db, { queries: judgedQueries, qrels, onProgress: told }) : undefined;
  const dense = Object.keys(pipelines).map((name) => [name, parsePipeline(name, { generate: () => "", translate: () => "" })]);
  const kept = job.retention ? await retention(db, { job, documents, queries: asked, pipelines: dense, worker, onProgress }) : undefined;
  const { bytes, embedder, build, wasmMemory } = await db.stats();
  const any = Object.values(pipelines)[0];
  await db.close();
  return {
    docs: documents.length,
    queries: any?.queries ?? 0,
    model: embedder?.name ?? null,
    build,
    index: {
      seconds,
      docs_per_s: documents.length / seconds,
      tokens_per_s: (indexed.tokens - tokens) / seconds,
      bytes,
      wasm_memory_bytes: Math.max(wasmMemory, indexed.wasmMemory),
    },
    pipelines: Object.fromEntries(Object.entries(pipelines).map(([key, { queries: _, ...rest }]) => [key, rest])),
    ...(generate && { generator: generate.usage }),
    ...(recall !== undefined && { "graph_recall@10": recall }),
    ...(learnt && { learnt }),
    ...(kept && { retention: kept }),
    ...(Object.keys(failed).length > 0 && { failed }),
    calibration: await calibrate(build),
  };
}

try {
  await report("result", await run());
} catch (error) {
  await report("error", `${error?.code ? `${error.code}: ` : ""}${error?.stack ?? error}`);
}
