// Which searches stand for the stages of one: each refines the one before.

import type { SearchOptions, SearchStage } from "./types.js";

/** Hits of the first reranked answer: what fits on a screen, in a fraction of the time. */
const FIRST = 10;
/** The engine's default for `rerank.top`. */
const TOP = 50;

/** Other queries, written or translated, come with the second stage: the first is to be there at once. */
export function planStages({ rerank, context, ...all }: SearchOptions): { stage: SearchStage["stage"]; options: SearchOptions }[] {
  const stages: ReturnType<typeof planStages> = [];
  const { expand, translate, ...options } = all;
  if (options.mode === "hybrid") stages.push({ stage: "sparse", options: { ...options, mode: "sparse", dims: undefined } });
  const alone = options.mode === "sparse" || options.mode === "splade";
  stages.push({ stage: alone ? "sparse" : "fused", options: all });
  if (rerank) {
    const { top = TOP, ...how } = rerank === true ? {} : rerank;
    // Comparing token vectors takes no longer than showing them.
    if (top > FIRST && how.with !== "colbert") stages.push({ stage: "reranked", options: { ...all, rerank: { ...how, top: FIRST } } });
    stages.push({ stage: "reranked", options: { ...all, rerank: { ...how, top } } });
  }
  // What a language model reads is chosen once, from the last answer.
  const last = stages.at(-1)!;
  last.options = { ...last.options, context };
  return stages;
}
