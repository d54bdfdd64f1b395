// How much a ranking should listen to words and how much to vectors, learnt from a few queries whose answers are known.

import type { Collection } from "./collection.js";
import { invalid, throwIfAborted } from "./errors.js";
import { checkLearn } from "./schema.js";
import type { CallOptions, SearchOptions } from "./types.js";

export interface LearnOptions extends CallOptions {
  /** Text of each query by its id. */
  queries: Record<string, string>;
  /** Relevance of documents by query and document id; above 0 is relevant. Queries without a relevant one are left out. */
  qrels: Record<string, Record<string, number>>;
  /** The search whose weights are wanted: weighted fusion (default), or `mode: "joint"`. */
  search?: SearchOptions | undefined;
  onProgress?: ((event: { done: number; total: number }) => void) | undefined;
}

export interface LearntWeights {
  /** For `fusion.weights`; they add up to 1. */
  weights: { dense: number; sparse: number };
  /** nDCG@10 on the given queries, with these weights and with equal ones. */
  "ndcg@10": number;
  "equal_ndcg@10": number;
  /**
   * What to expect on other queries: nDCG@10 of each fifth of the queries with the weights that the other four fifths
   * ask for. Where it is not above `equal_ndcg@10`, the gain was chance.
   */
  "cross_validated_ndcg@10": number;
  queries: number;
}

/** Shares of the vectors that are tried: a twentieth apart. */
const SHARES = Array.from({ length: 21 }, (_, index) => index / 20);
const EQUAL = SHARES.indexOf(0.5);
const FOLDS = 5;

/**
 * The weights with the best nDCG@10 on judged queries, of those that differ by a twentieth. Same input, same outcome: of
 * equally good ones the nearest to equal weights. Runs 21 searches for each query.
 *
 * @example
 * const { weights } = await learnWeights(db, { queries, qrels });
 * await db.search("…", { fusion: { method: "weighted", weights } });
 */
export async function learnWeights(db: Collection, options: LearnOptions): Promise<LearntWeights> {
  checkLearn(options, "options");
  const { queries, qrels, search = {}, signal, onProgress } = options;
  const ids = Object.keys(queries).filter((id) => Object.values(qrels[id] ?? {}).some((grade) => grade > 0));
  if (ids.length < 2) throw invalid("learnWeights: at least two queries with a relevant document in qrels are needed");
  // By query, then by share.
  const gains: number[][] = [];
  for (const [index, id] of ids.entries()) {
    const row: number[] = [];
    for (const share of SHARES) {
      throwIfAborted(signal);
      const fusion = { ...search.fusion, method: "weighted", weights: { dense: share, sparse: 1 - share } } as const;
      const { hits } = await db.search(queries[id]!, { ...search, fusion, k: 10, text: false, signal });
      const run = { [id]: hits.map((hit) => hit.id) };
      const metrics = (await db.metrics(run, { [id]: qrels[id]! })) as { "ndcg@10": number };
      row.push(metrics["ndcg@10"]);
    }
    gains.push(row);
    onProgress?.({ done: index + 1, total: ids.length });
  }
  return summarise(gains);
}

/** From nDCG by query and share to the weights, and what they are worth. */
export function summarise(gains: readonly (readonly number[])[]): LearntWeights {
  const best = bestShare(gains);
  const folds = Math.min(FOLDS, gains.length);
  const held = gains.map((row, query) => row[bestShare(gains.filter((_, other) => other % folds !== query % folds))]!);
  const share = SHARES[best]!;
  return {
    weights: { dense: share, sparse: Math.round((1 - share) * 20) / 20 },
    "ndcg@10": mean(gains.map((row) => row[best]!)),
    "equal_ndcg@10": mean(gains.map((row) => row[EQUAL]!)),
    "cross_validated_ndcg@10": mean(held),
    queries: gains.length,
  };
}

/** Index of the best share; sums that differ by rounding only are equal. */
function bestShare(gains: readonly (readonly number[])[]): number {
  const means = SHARES.map((_, share) => mean(gains.map((row) => row[share]!)));
  const most = Math.max(...means);
  const good = SHARES.map((_, share) => share).filter((share) => most - means[share]! < 1e-9);
  return good.reduce((a, b) => (Math.abs(b - EQUAL) < Math.abs(a - EQUAL) ? b : a));
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
