// Two devices on the same collection: do they find the same documents, do they rank them as well, and do they read
// passages alike? Every figure is of what comes out in the end, through the public interface.
import { destroy, open, rerank } from "/pkg/nearfield.js";
import { kendall, overlap, spearman, summary } from "./ranks.mjs";

/** Documents that are compared for each query. */
const K = 10;
/** Queries without a `limit`. */
const QUERIES = 50;

/** What one device makes of the documents, and the ids that it finds for each query. */
async function found(name, device, { job, documents, texts, relevant, worker, onProgress, say }) {
  await destroy(name, { worker }).catch(() => {});
  const db = await open(name, { ...job.open, device, worker, onProgress });
  const before = (await db.stats()).tokens;
  const start = performance.now();
  await db.add(documents, { onProgress });
  const seconds = (performance.now() - start) / 1000;
  const { tokens, device: report, build, embedder } = await db.stats();
  say(`${device}: indexed ${documents.length} documents in ${seconds.toFixed(0)} s, ${((tokens - before) / seconds).toFixed(0)} tokens/s`);
  const run = {};
  for (const [id, text] of texts) {
    run[id] = (await db.search(text, { mode: "dense", k: K, text: false })).hits.map((hit) => hit.id);
    onProgress({ phase: `searching (${device})`, done: Object.keys(run).length, total: texts.size });
  }
  const judged = Object.fromEntries(Object.keys(relevant).map((id) => [id, run[id]]));
  const { "ndcg@10": ndcg } = await db.metrics(judged, relevant);
  await db.close();
  await destroy(name, { worker });
  return { run, build, model: embedder.name, figures: { "ndcg@10": ndcg, seconds, tokens: tokens - before, ...report } };
}

/** Rank correlations of the scores that both devices give the first hits of each query. */
async function reranked(devices, run, { job, documents, texts, worker, onProgress }) {
  const content = new Map(documents.map(({ id, text }) => [id, text]));
  const scores = async (device, query, ids) => {
    const options = { reranker: job.open.reranker, device, worker, onProgress };
    const ranked = await rerank(query, ids.map((id) => content.get(id)), options);
    return ranked.toSorted((a, b) => a.index - b.index).map(({ score }) => score);
  };
  const correlations = { spearman: [], kendall: [] };
  let furthest = 0;
  for (const [id, text] of texts) {
    const ids = run[id].slice(0, job.rerankTop ?? K);
    const [a, b] = [await scores(devices[0], text, ids), await scores(devices[1], text, ids)];
    correlations.spearman.push(spearman(a, b));
    correlations.kendall.push(kendall(a, b));
    furthest = Math.max(furthest, ...a.map((score, i) => Math.abs(score - b[i])));
    onProgress({ phase: "reranking on both", done: correlations.kendall.length, total: texts.size });
  }
  return { hits: Math.min(K, job.rerankTop ?? K), spearman: summary(correlations.spearman), kendall: summary(correlations.kendall), largest_difference: furthest };
}

/** Runs `job` on `job.open.device` and on `job.against`. */
export async function agreement({ job, documents, queries, qrels, ...rest }) {
  const devices = [job.open.device, job.against];
  // What is found can be compared for any query, how good it is only for those that have a relevant document.
  const isJudged = (id) => Object.values(qrels[id] ?? {}).some((grade) => grade > 0);
  const ids = Object.keys(queries).sort((a, b) => isJudged(b) - isJudged(a)).slice(0, job.limit ?? QUERIES);
  const texts = new Map(ids.map((id) => [id, queries[id]]));
  const judged = ids.filter(isJudged);
  if (judged.length === 0) throw new Error("no query has a relevant document among these");
  const relevant = Object.fromEntries(judged.map((id) => [id, qrels[id]]));
  const context = { job, documents, texts, relevant, ...rest };
  const [one, other] = [await found("eval-1", devices[0], context), await found("eval-2", devices[1], context)];
  return {
    docs: documents.length,
    queries: texts.size,
    judged: judged.length,
    model: one.model,
    build: one.build,
    devices: { [devices[0]]: one.figures, [devices[1]]: other.figures },
    "overlap@10": summary(ids.map((id) => overlap(one.run[id], other.run[id]))),
    ...(job.open.reranker && { rerank: await reranked(devices, other.run, context) }),
  };
}
