// The cases by the names of `--only`, in the order in which they run.
import { embedding, pipeline, pool } from "./embedding.mjs";
import { growth } from "./growth.mjs";
import { reranking } from "./reranking.mjs";
import { roofline } from "./roofline.mjs";
import { size } from "./size.mjs";
import { startup } from "./startup.mjs";
import { vectors } from "./vectors.mjs";
import { webgpu } from "./webgpu.mjs";
import { words } from "./words.mjs";

export const cases = { size, embedding, pipeline, pool, reranking, words, vectors, growth, startup, roofline, webgpu };
