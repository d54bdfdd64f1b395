// How much of an exact ranking is left after quantisation and truncation: the share of the ten nearest documents by whole
// f32 vectors, scanned, that a pipeline still finds among its first ten.
import { destroy, open } from "/pkg/nearfield.js";
import { overlap, summary } from "./ranks.mjs";

const K = 10;

/** Mean and least share by the names of those `pipelines` that rank by vectors alone. */
export async function retention(db, { job, documents, queries, pipelines, worker, onProgress }) {
  const compared = pipelines.filter(([, { mode, level, expand, rerank }]) => mode === "dense" && !level && !expand && !rerank);
  if (compared.length === 0) return undefined;
  const { embedder, instructions, chunk } = job.open;
  const vectors = { storage: "f32", rotation: "none", index: "flat" };
  const exact = await open("eval-exact", { embedder, instructions, chunk, vectors, worker, onProgress });
  await exact.add(documents, { onProgress });
  const shares = Object.fromEntries(compared.map(([name]) => [name, []]));
  const ids = async (collection, query, options) => (await collection.search(query, { ...options, k: K, text: false })).hits.map(({ id }) => id);
  for (const query of queries) {
    const nearest = await ids(exact, query, { mode: "dense", vectors: "flat" });
    for (const [name, options] of compared) shares[name].push(overlap(await ids(db, query, options), nearest));
  }
  await exact.close();
  await destroy("eval-exact", { worker });
  return Object.fromEntries(Object.entries(shares).map(([name, values]) => [name, summary(values)]));
}
