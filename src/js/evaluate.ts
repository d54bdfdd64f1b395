// How good retrieval is on the caller's own judged queries, and what it costs: every stage has to earn its place.

import type { Collection } from "./collection.js";
import { invalid, throwIfAborted, toError, type NearfieldError } from "./errors.js";
import { parsePipeline, type PipelineOptions } from "./pipelines.js";
import { checkEvaluate, checkSearch } from "./schema.js";
import type { CallOptions, SearchOptions } from "./types.js";

export interface EvaluateOptions extends CallOptions, PipelineOptions {
  /** Text of each query by its id. */
  queries: Record<string, string>;
  /** Relevance of documents by query and document id; above 0 is relevant. Queries without a relevant one are left out. */
  qrels: Record<string, Record<string, number>>;
  /** Names as {@link parsePipeline} knows them, or search options under names of your own. */
  pipelines: readonly string[] | Record<string, SearchOptions>;
  /** Only the first so many judged queries. */
  limit?: number | undefined;
  onProgress?: ((event: { pipeline: string; done: number; total: number }) => void) | undefined;
  /** Hears of a pipeline that failed; the others are measured all the same. Without, the first failure ends it all. */
  onFailure?: ((event: { pipeline: string; error: NearfieldError }) => void) | undefined;
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
  /** Median milliseconds of each stage, by its name in `timings`. */
  stages_ms: Record<string, number>;
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
  const { queries, qrels, limit = Infinity, signal, onFailure } = options;
  const judged = Object.keys(queries).filter((id) => Object.values(qrels[id] ?? {}).some((grade) => grade > 0));
  const ids = judged.slice(0, limit);
  if (ids.length === 0) throw invalid("evaluate: no query has a relevant document in qrels");

  const unlessFailing = async <T>(pipeline: string, work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (cause) {
      const error = toError(cause);
      if (!onFailure || error.code === "Aborted") throw cause;
      onFailure({ pipeline, error });
      return undefined;
    }
  };
  // All names are read before the first is measured: a misspelt one must not cost hours.
  const wanted = new Map<string, SearchOptions>();
  for (const [pipeline, read] of namedPipelines(options)) {
    const search = await unlessFailing(pipeline, read);
    if (search) wanted.set(pipeline, search);
  }
  const reports: Record<string, PipelineReport> = {};
  for (const [pipeline, search] of wanted) {
    const report = await unlessFailing(pipeline, () => measure(db, pipeline, { ...search, signal }, ids, options));
    if (report) reports[pipeline] = report;
  }
  return reports;
}

async function measure(
  db: Collection,
  pipeline: string,
  wanted: SearchOptions,
  ids: string[],
  { queries, qrels, onProgress }: EvaluateOptions,
): Promise<PipelineReport> {
  const run: Record<string, string[]> = {};
  const engine: number[] = [];
  const page: number[] = [];
  const stages: Record<string, number[]> = {};
  const once = Boolean(wanted.rerank || wanted.preset || wanted.translate) || asksGenerator(wanted);
  // The first search may load a model.
  await db.search(queries[ids[0]!]!, { ...wanted, k: 1 });
  for (const [index, id] of ids.entries()) {
    throwIfAborted(wanted.signal);
    const search = (k: number, text: boolean) => timed(() => db.search(queries[id]!, { ...wanted, k, text }));
    const deep = await search(DEPTH, once);
    const shown = once ? deep : await search(10, true);
    const { total, ...others } = shown.result.timings;
    engine.push(total!);
    page.push(shown.ms);
    for (const [stage, ms] of Object.entries(others)) (stages[stage] ??= []).push(ms);
    run[id] = deep.result.hits.map((hit) => hit.id);
    onProgress?.({ pipeline, done: index + 1, total: ids.length });
  }
  const relevant = Object.fromEntries(ids.map((id) => [id, qrels[id]!]));
  const metrics = (await db.metrics(run, relevant)) as Pick<PipelineReport, "ndcg@10" | "recall@100" | "mrr@10" | "map" | "ci95">;
  const [p50_ms, p95_ms] = percentiles(engine);
  const [page_p50_ms, page_p95_ms] = percentiles(page);
  const stages_ms = Object.fromEntries(Object.entries(stages).map(([stage, times]) => [stage, percentiles(times)[0]]));
  return { ...metrics, p50_ms, p95_ms, page_p50_ms, page_p95_ms, stages_ms, queries: ids.length };
}

/** Whether text is written for each search, which takes longer than all the rest. */
function asksGenerator({ expand }: SearchOptions): boolean {
  return Object.values(expand || {}).some((value) => typeof value === "function");
}

function namedPipelines({ pipelines, ...options }: EvaluateOptions): [string, () => SearchOptions][] {
  if (Array.isArray(pipelines)) return pipelines.map((name: string) => [name, () => parsePipeline(name, options)]);
  const named = Object.entries(pipelines as Record<string, SearchOptions>);
  return named.map(([name, search]) => [name, () => (checkSearch(search, `pipelines.${name}`), search)]);
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
