// One question at a time: a new one calls off the one before. Answers come stage by stage, first the words.

import { isAborted } from "./errors.js";

/**
 * @typedef {import("../pkg/nearfield.js").Hit} Hit
 * @typedef {{ mode: "hybrid" | "dense" | "sparse", rerank: boolean, k: number, type: string }} Choice
 */

/**
 * @typedef {object} Answer
 * @property {string} query
 * @property {Hit[]} hits
 * @property {"sparse" | "fused" | "reranked"} stage
 * @property {boolean} final
 * @property {Record<string, number>} timings milliseconds by stage, as the engine measured them
 * @property {number} wall milliseconds from the question to these hits, as the page saw it
 * @property {Map<string, number> | undefined} before rank of each hit in the stage before the reranker, from 1
 * @property {unknown} error that kept later stages from coming
 */

/** What the cross-encoder reads: each passage costs it some tens of milliseconds. */
const RERANK_TOP = 20;

export const keyOf = (/** @type {Hit} */ { id, chunk }) => `${id}#${chunk}`;

export class Searcher {
  #collection;
  #show;
  #onProgress;
  /** @type {AbortController | undefined} */
  #running;

  /**
   * @param {() => import("./library.js").Collection} collection
   * @param {(answer: Answer | undefined) => void} show
   * @param {(event: import("../pkg/nearfield.js").ProgressEvent) => void} onProgress hears of the reranker's download
   */
  constructor(collection, show, onProgress) {
    this.#collection = collection;
    this.#show = show;
    this.#onProgress = onProgress;
  }

  cancel() {
    this.#running?.abort();
    this.#running = undefined;
  }

  /** Resolves when all stages are shown, or a later question came. @param {string} query @param {Choice} choice */
  async search(query, choice) {
    this.cancel();
    if (query.trim() === "") return this.#show(undefined);
    const controller = (this.#running = new AbortController());
    const { signal } = controller;
    const started = performance.now();
    /** @type {Answer} */
    let answer = {
      query,
      hits: [],
      stage: "sparse",
      final: false,
      timings: {},
      wall: 0,
      before: undefined,
      error: undefined,
    };
    let before = new Map();
    let rerank = 0;
    try {
      for await (const { hits, timings, stage, final } of this.#collection().searchStages(
        query,
        toOptions(choice, signal, this.#onProgress),
      )) {
        if (signal.aborted) return;
        if (stage !== "reranked") before = new Map(hits.map((hit, at) => [keyOf(hit), at + 1]));
        // Each stage does the cheap work anew, but the reranker goes on where it stopped: its time adds up.
        rerank += timings.rerank ?? 0;
        const total = (timings.total ?? 0) - (timings.rerank ?? 0) + rerank;
        const moved = stage === "reranked" ? before : undefined;
        const wall = performance.now() - started;
        answer = { ...answer, hits, timings: { ...timings, rerank, total }, stage, final, before: moved, wall };
        this.#show(answer);
      }
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      this.#show({ ...answer, final: true, wall: performance.now() - started, error });
    }
  }
}

/**
 * @param {Choice} choice
 * @param {AbortSignal} signal
 * @param {(event: import("../pkg/nearfield.js").ProgressEvent) => void} onProgress
 */
const toOptions = ({ mode, rerank, k, type }, signal, onProgress) => ({
  k,
  mode,
  rerank: rerank ? { top: Math.max(k, RERANK_TOP) } : undefined,
  filter: type ? { type } : undefined,
  explain: true,
  signal,
  onProgress,
});
