// Turned vectors, first passes over less than all, levels and parents, through the public interface in a real browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const browser = await openForFile();
const { page } = browser;

test("vectors are turned, and whole ones keep their cosines", async () => {
  const found = await page.evaluate(async () => {
    const db = await t.open("turned", { storage: "memory", embedder: t.embedder, vectors: { storage: "f32", rotation: "none" } });
    await db.add(t.documents(200));
    const ask = async (options) => {
      const { hits } = await db.search("cat and moon", { mode: "dense", k: 20, ...options });
      return hits.map(({ score }) => score);
    };
    const phases = new Set();
    const kinds = [(await db.stats()).prefixes];
    const before = await ask();
    await db.fit({ onProgress: ({ phase }) => phases.add(phase) });
    kinds.push((await db.stats()).prefixes);
    const passes = [await ask(), await ask({ dims: 4, rescore: 200 }), await ask({ binary: true, rescore: 200 })];
    const error = await t.failure(ask({ rescore: "yes" }));
    const matryoshka = await t.open("trained", { storage: "memory", embedder: { ...t.embedder, matryoshka: true } });
    await matryoshka.add(t.documents(200));
    await matryoshka.compact();
    kinds.push((await matryoshka.stats()).prefixes);
    const plain = await t.open("untrained", { storage: "memory", embedder: t.embedder });
    await plain.add(t.documents(200));
    await plain.compact();
    kinds.push((await plain.stats()).prefixes);
    await Promise.all([db.close(), matryoshka.close(), plain.close()]);
    return { kinds, before, passes, phases: [...phases], error };
  });
  assert.deepEqual(found.kinds, ["prefix", "pca", "matryoshka", "pca"]);
  assert.deepEqual(found.phases, ["rotate"]);
  assert.equal(found.error.code, "InvalidInput");
  for (const scores of found.passes) {
    assert.equal(scores.length, 20);
    scores.forEach((score, at) => assert.ok(Math.abs(score - found.before[at]) < 1e-4, `${score} ${found.before[at]}`));
  }
});

test("sentences, chunks, documents and parents", async () => {
  const found = await page.evaluate(async () => {
    const chunk = { strategy: "recursive", size: 24, overlap: 0, sentences: true, parents: 60 };
    const db = await t.open("levels", { storage: "memory", embedder: t.embedder, chunk });
    const filler = "The index grows with rust and wasm every single day of the week. ".repeat(6);
    await db.add([{ id: "long", text: `${filler}A cat drinks tea 🍵. ${filler}` }, { id: "short", text: "The moon and the sun." }]);
    const ask = async (options) => (await db.search("cat tea", { mode: "dense", ...options })).hits;
    const [sentence] = await ask({ level: "sentence" });
    const documents = await ask({ level: "document" });
    const [parent] = await ask({ level: "sentence", parents: true });
    const errors = [await t.failure(ask({ level: "word" })), await t.failure(t.open("x", { chunk: { parents: 0 } }))];
    await db.close();
    return { sentence, documents, parent, errors };
  });
  const { sentence, documents, parent, errors } = found;
  assert.deepEqual([sentence.text, sentence.level], ["A cat drinks tea 🍵.", "sentence"]);
  assert.deepEqual(documents.map(({ level }) => level), ["document", "document"]);
  assert.ok(documents[0].score >= documents[1].score);
  assert.ok(parent.text.length > sentence.text.length);
  assert.equal(parent.text.slice(...parent.found), sentence.text);
  assert.deepEqual(errors.map(({ code }) => code), ["InvalidInput", "InvalidInput"]);
});

test("late chunks have seen their document", async () => {
  const found = await page.evaluate(async () => {
    const text = "Berlin is the capital of Germany. It lies on the river Spree. The city has 3.8 million inhabitants.";
    const ask = async (late) => {
      const chunk = { strategy: "sentences", size: 16, overlap: 0, late };
      const db = await t.open(`late${late}`, { storage: "memory", embedder: "all-MiniLM-L6-v2", workers: 0, chunk });
      await db.add([{ id: "b", text }]);
      const { hits } = await db.search("population of Berlin", { mode: "dense", group: false });
      await db.close();
      return Object.fromEntries(hits.map(({ text, score }) => [text, score]));
    };
    const own = await t.open("own", { storage: "memory", embedder: t.embedder, chunk: { late: true } });
    const refused = await t.failure(own.add([{ id: "a", text }]));
    await own.close();
    return { plain: await ask(false), late: await ask(true), refused };
  });
  assert.equal(found.refused.code, "Unsupported");
  // The sentence that only says "the city" is nearer once the model has read which one.
  const city = "The city has 3.8 million inhabitants.";
  assert.deepEqual(Object.keys(found.late).sort(), Object.keys(found.plain).sort());
  assert.ok(found.late[city] > found.plain[city], `${found.late[city]} ${found.plain[city]}`);
});
