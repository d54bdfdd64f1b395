// Embedding models of other families, by URL as a hub lays them out: a dense head in a file of its own, and instructions
// of the caller's. The checkpoints are those of tests/native/families.rs.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../tools/paths.mjs";
import { openForFile } from "./support/api.mjs";

const fixtures = join(root, "tests", "fixtures", "families");
const { config, texts, families } = JSON.parse(await readFile(join(fixtures, "families.json"), "utf8"));

/** A hub with all of them. */
async function hub(path) {
  const [, folder, name, file] = /^\/(hub)\/([^/]+)\/(.*)$/.exec(path) ?? [];
  const family = folder && families.find((one) => one.name === name);
  if (!family) return undefined;
  if (file === "config.json") return { body: JSON.stringify(config) };
  if (family.files[file]) return { body: JSON.stringify(family.files[file]) };
  const stored = { "2_Dense/model.safetensors": `${name}.dense.safetensors` }[file] ?? file;
  return readFile(join(fixtures, stored)).then((body) => ({ body }), () => ({ status: 404 }));
}

const browser = await openForFile({
  async intercept(request, response) {
    const reply = await hub(new URL(request.url, "http://localhost").pathname);
    if (!reply) return false;
    response.writeHead(reply.status ?? 200, { "Content-Type": "application/octet-stream" });
    response.end(reply.body ?? "");
    return true;
  },
});
const { page } = browser;

const embed = (name, options) =>
  page.evaluate(
    async ([name, texts, options]) => {
      const rows = await t.embed(texts, { embedder: `/hub/${name}/`, worker: t.worker, workers: 0, ...options });
      return rows.map((row) => Array.from(row));
    },
    [name, texts, options],
  );

const cosine = (a, b) => {
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

for (const { name, cases } of families) {
  test(`${name} computes what the Python library computes`, async () => {
    for (const { role, instruction, pooled, vectors } of cases) {
      const instructions = instruction === undefined ? undefined : { [role]: instruction, pooled };
      // The second time it comes out of the cache, dense head included.
      for (const rows of [await embed(name, { role, instructions }), await embed(name, { role, instructions })]) {
        rows.forEach((row, i) => {
          assert.equal(row.length, vectors[i].length);
          assert.ok(cosine(row, vectors[i]) > 0.999, `${role} ${i}: cosine ${cosine(row, vectors[i])}`);
        });
      }
    }
  });
}

test("a collection keeps to its instruction for passages, and may change the one for queries", async () => {
  const outcome = await page.evaluate(async () => {
    const options = (instructions) => ({ embedder: "/hub/instruction-bert/", instructions, workers: 0, chunk: { size: 40, overlap: 0 } });
    const told = { query: "question: ", passage: "Represent the passage: " };
    let db = await t.open("told", options(told));
    await db.add([{ id: "tea", text: "tea in the harbour" }, { id: "dog", text: "the dog and the keeper" }]);
    const { embedder } = await db.stats();
    await db.close();
    db = await t.open("told", options({ ...told, query: "Represent the question: " }));
    const { hits } = await db.search("tea in the harbour", { mode: "dense" });
    await db.close();
    db = await t.open("told", options({ ...told, passage: "Represent the sentence: " }));
    const other = await t.failure(db.search("tea", { mode: "dense" }));
    await db.reembed("/hub/instruction-bert/", { instructions: { ...told, passage: "Represent the sentence: " } });
    const again = (await db.search("tea in the harbour", { mode: "dense" })).hits.length;
    const changed = (await db.stats()).embedder.digest !== embedder.digest;
    await db.close();
    const own = await t.failure(t.open("own", { embedder: t.embedder, instructions: told }));
    const nobody = await t.failure(t.open("none", { instructions: told }));
    return { embedder, first: hits[0].id, other: other.code, again, changed, own: own.code, nobody: nobody.code };
  });
  const { embedder, ...rest } = outcome;
  assert.deepEqual([embedder.dims, embedder.verified, embedder.digest.length], [32, false, 64]);
  assert.deepEqual(rest, { first: "tea", other: "ModelMismatch", again: 2, changed: true, own: "InvalidInput", nobody: "InvalidInput" });
});

test("weights of the catalogue are verified", async () => {
  const verified = await page.evaluate(async () => {
    const db = await t.open("known", { embedder: "potion-base-2M", storage: "memory" });
    const { embedder } = await db.stats();
    await db.close();
    return embedder.verified;
  });
  assert.equal(verified, true);
});
