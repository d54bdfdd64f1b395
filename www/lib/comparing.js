// One question through several pipelines, one after the other so that their times can be compared.

import { parsePipeline } from "../pkg/nearfield.js";
import { isAborted } from "./errors.js";
import { translate } from "./translating.js";

/**
 * @typedef {import("../pkg/nearfield.js").Hit} Hit
 * @typedef {{ name: string, about: string, needs?: "sparse" | "sentences" | "tokens" | "writer" | "translator" }} Pipeline
 * @typedef {{ hits: Hit[], ms: number, timings: Record<string, number>, speed?: number | undefined } | { error: unknown }} Outcome
 */

/** By family, in the order in which they are explained; names as `npm run eval` prints them. @type {Pipeline[]} */
export const PIPELINES = [
  { name: "bm25", about: "words, weighted by how telling they are" },
  { name: "tfidf", about: "words, as the cosine of their counts" },
  { name: "bm25+prf", about: "words, and those of the first answers" },
  { name: "dense", about: "meaning: one vector a passage" },
  { name: "dense@128", about: "meaning, by the first 128 dimensions" },
  { name: "dense@128+rescore", about: "the same, and the best of them compared in full" },
  { name: "dense-binary", about: "meaning, by one bit a dimension, the best compared in full" },
  { name: "dense:sentence", about: "meaning of single sentences", needs: "sentences" },
  { name: "dense:document", about: "meaning of whole documents" },
  { name: "splade", about: "words that a model weighed and added", needs: "sparse" },
  { name: "splade-doc", about: "the same, with the question's own words as they are: no model reads it", needs: "sparse" },
  { name: "colbert", about: "each word of the question beside each of the passage", needs: "tokens" },
  { name: "hybrid-rrf", about: "words and meaning, fused by reciprocal ranks" },
  { name: "hybrid-weighted", about: "words and meaning, fused by scores" },
  { name: "hybrid-zscore", about: "words and meaning, by how far scores stand out" },
  { name: "hybrid-splade", about: "weighed words and meaning, fused by reciprocal ranks", needs: "sparse" },
  { name: "hybrid-rrf+parents", about: "fused, shown with the section that each hit is part of" },
  { name: "two-stage", about: "found by words, ordered by meaning" },
  { name: "joint", about: "words and meaning in one pass, one score" },
  { name: "hybrid-rrf+rerank", about: "fused, then read by the cross-encoder" },
  { name: "hybrid-rrf+colbert", about: "fused, then ordered by late interaction", needs: "tokens" },
  { name: "hybrid-rrf+hyde", about: "fused, also for the answer that a language model imagines", needs: "writer" },
  { name: "hybrid-rrf+queries", about: "fused, also for other wordings by a language model", needs: "writer" },
  { name: "hybrid-rrf+rewrite", about: "fused, for what a language model makes of the question", needs: "writer" },
  { name: "hybrid-rrf+decompose", about: "fused, for each question that it consists of, by a language model", needs: "writer" },
  { name: "hybrid-rrf+translate", about: "fused, also for the question in English, by the browser's translator", needs: "translator" },
  { name: "gold-standard", about: "feedback, fused, then read by the cross-encoder" },
];

/** What is compared until somebody chooses. */
export const USUAL = ["bm25", "dense", "hybrid-rrf"];

/** Hits of each pipeline that are shown. */
const SHOWN = 5;
/** What the cross-encoder reads here: each passage costs it some tens of milliseconds. */
const RERANK_TOP = 10;

/**
 * Asks one pipeline after the other.
 *
 * @param {import("./library.js").Collection} collection
 * @param {string} query
 * @param {string[]} names
 * @param {AbortSignal} signal
 * @param {import("./writing.js").Writer} generate
 * @returns {AsyncGenerator<[name: string, outcome: Outcome]>}
 */
export async function* compare(collection, query, names, signal, generate) {
  for (const name of names) {
    try {
      const options = { ...parsePipeline(name, { rerankTop: RERANK_TOP, generate, translate }), k: SHOWN, signal };
      // The first search of a kind may load a model or build a table: only the second is timed. What a language model
      // writes takes much longer than that.
      const { hyde, queries, rewrite, decompose } = options.expand || {};
      const isWritten = Boolean(hyde || queries || rewrite || decompose);
      if (!isWritten) await collection.search(query, { ...options, k: 1, text: false });
      const { hits, timings } = await collection.search(query, options);
      const { total = 0, generate: written = 0, translate: translated = 0 } = timings;
      yield [name, { hits, timings, ms: total + written + translated, speed: isWritten ? generate.speed() : undefined }];
    } catch (error) {
      if (isAborted(error)) return;
      yield [name, { error }];
    }
  }
}

/** How many of the hits of `a` stand in `b`, too. @param {Hit[]} a @param {Hit[]} b */
export function shared(a, b) {
  const keys = new Set(b.map(({ id }) => id));
  return a.filter(({ id }) => keys.has(id)).length;
}
