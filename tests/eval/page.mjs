// The half of `npm run eval` that runs in the browser: it asks the server for its job, does it through the public
// interface of the package, and posts progress and the result back, so that every browser is driven in the same way.
import { destroy, evaluate, localGenerator, open } from "/pkg/nearfield.js";
import { agreement } from "./agreement.mjs";
import { calibrate } from "./calibrate.mjs";

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

/** Queries and judgements; with `documents`, only the judgements of these. */
async function judged(documents) {
  const ids = documents && new Set(documents.map(({ id }) => id));
  const queries = {};
  for await (const line of lines("/data/queries.jsonl")) {
    const { _id, text } = JSON.parse(line);
    queries[_id] = text;
  }
  const qrels = {};
  let header = true;
  for await (const line of lines("/data/qrels.tsv")) {
    const [query, document, grade] = line.trimEnd().split("\t");
    if (!header && (ids?.has(document) ?? true)) (qrels[query] ??= {})[document] = Number(grade);
    header = false;
  }
  return { queries, qrels };
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
  const writes = job.pipelines.some((pipeline) => /\+(hyde|queries)/.test(pipeline));
  const generate = writes ? await localGenerator({ worker, onProgress }) : undefined;
  const pipelines = await evaluate(db, {
    queries,
    qrels,
    pipelines: job.pipelines,
    rerankTop: job.rerankTop,
    limit: job.limit,
    generate,
    onProgress: ({ pipeline, done, total }) => onProgress({ phase: pipeline, done, total }),
  });
  generate?.close();
  const recall = job.graph && job.open.embedder ? await graphRecall(db, Object.keys(qrels).map((id) => queries[id])) : undefined;
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
    calibration: await calibrate(build),
  };
}

try {
  await report("result", await run());
} catch (error) {
  await report("error", `${error?.code ? `${error.code}: ` : ""}${error?.stack ?? error}`);
}
