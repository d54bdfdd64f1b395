// The cases by the names of `--only`, in the order in which they run.
import { embedding, pipeline, pool } from "./embedding.mjs";
import { reranking } from "./reranking.mjs";
import { size } from "./size.mjs";

export const cases = { size, embedding, pipeline, pool, reranking };
