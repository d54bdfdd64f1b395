// How good retrieval is on the caller's own judged queries, and what it costs: every stage has to earn its place.

import type { Collection } from "./collection.js";
import { invalid, throwIfAborted } from "./errors.js";
import { parsePipeline } from "./pipelines.js";
import { checkEvaluate, checkSearch } from "./schema.js";
import type { CallOptions, Generate, SearchOptions } from "./types.js";

export interface EvaluateOptions extends CallOptions {
  /** Text of each query by its id. */
  queries: Record<string, string>;
  /** Relevance of documents by query and document id; above 0 is relevant. Queries without a relevant one are left out. */
  qrels: Record<string, Record<string, number>>;
  /** Names as {@link parsePipeline} knows them, or search options under names of your own. */
  pipelines: readonly string[] | Record<string, SearchOptions>;
  /** Hits that `+rerank` reranks. Default 50. */
  rerankTop?: number | undefined;
  /** Writes the texts that `+hyde` and `+queries` ask for. */
  generate?: Generate | undefined;
  /** Only the first so many judged queries. */
  limit?: number | undefined;
  onProgress?: ((event: { pipeline: string; done: number; total: number }) => void) | undefined;
}

export interface PipelineReport {
  "ndcg@10": number;
  "recall@100": number;
  "mrr@10": number;
  map: number;
  /** 95 % bootstrap interval of nDCG@10. */
  ci95: [low: number, high: number];
  /** Milliseconds in the engine (`timings.total`) of a search for 10 documents: median and 95th percentile. */
  p50_ms: number;
  p95_ms: number;
  /** The same as the page sees it, messages between page and worker included. */
  page_p50_ms: number;
  page_p95_ms: number;
  queries: number;
}

/** Documents retrieved for the metrics; Recall@100 needs them. */
const DEPTH = 100;

/**
 * Runs every pipeline over every judged query. Times are of the queries that a reader would wait for, with 10 hits and
 * their texts; pipelines that rerank or have text written, where retrieval hardly counts, are timed in the one run that
 * is also judged.
 */
export async function evaluate(db: Collection, options: EvaluateOptions): Promise<Record<string, PipelineReport>> {
  checkEvaluate(options, "options");
  const { queries, qrels, pipelines, rerankTop, generate, limit = Infinity, signal, onProgress } = options;
  const judged = Object.keys(queries).filter((id) => Object.values(qrels[id] ?? {}).some((grade) => grade > 0));
  const ids = judged.slice(0, limit);
  if (ids.length === 0) throw invalid("evaluate: no query has a relevant document in qrels");

  const reports: Record<string, PipelineReport> = {};
  for (const [pipeline, wanted] of namedPipelines(pipelines, rerankTop, generate)) {
    const run: Record<string, string[]> = {};
    const engine: number[] = [];
    const page: number[] = [];
    const { hyde, queries: others } = wanted.expand || {};
    const once = Boolean(wanted.rerank) || typeof hyde === "function" || typeof others === "function";
    // The first search may load a model.
    await db.search(queries[ids[0]!]!, { ...wanted, k: 1, signal });
    for (const [index, id] of ids.entries()) {
      throwIfAborted(signal);
      const search = (k: number, text: boolean) => timed(() => db.search(queries[id]!, { ...wanted, k, text, signal }));
      const deep = await search(DEPTH, once);
      const shown = once ? deep : await search(10, true);
      engine.push(shown.result.timings.total!);
      page.push(shown.ms);
      run[id] = deep.result.hits.map((hit) => hit.id);
      onProgress?.({ pipeline, done: index + 1, total: ids.length });
    }
    const relevant = Object.fromEntries(ids.map((id) => [id, qrels[id]!]));
    const metrics = (await db.metrics(run, relevant)) as Pick<PipelineReport, "ndcg@10" | "recall@100" | "mrr@10" | "map" | "ci95">;
    const [p50_ms, p95_ms] = percentiles(engine);
    const [page_p50_ms, page_p95_ms] = percentiles(page);
    reports[pipeline] = { ...metrics, p50_ms, p95_ms, page_p50_ms, page_p95_ms, queries: ids.length };
  }
  return reports;
}

function namedPipelines(
  pipelines: EvaluateOptions["pipelines"],
  rerankTop: number | undefined,
  generate: Generate | undefined,
): [string, SearchOptions][] {
  if (Array.isArray(pipelines)) return pipelines.map((name: string) => [name, parsePipeline(name, rerankTop, generate)]);
  const named = Object.entries(pipelines as Record<string, SearchOptions>);
  for (const [name, options] of named) checkSearch(options, `pipelines.${name}`);
  return named;
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  const result = await work();
  return { result, ms: performance.now() - start };
}

/** Median and 95th percentile, by nearest rank. */
function percentiles(values: number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (q: number) => sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)]!;
  return [rank(0.5), rank(0.95)];
}
