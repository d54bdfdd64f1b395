// Several real tabs on one collection, and workers that are killed at random moments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForFile } from "./support/api.mjs";

const browser = await openForFile();
const { page } = browser;

const TABS = 5;

test("five tabs write and read one collection, and one of them is closed while it writes", async () => {
  const tabs = [page, ...(await Promise.all(Array.from({ length: TABS - 1 }, () => browser.newTab())))];
  await Promise.all(tabs.map((tab) => tab.evaluate(async () => (window.db = await t.open("five")))));
  // Each adds documents of its own, all at once; who is kept waiting for two seconds is told, and tries again.
  const write = (tab, number) =>
    tab.evaluate(async (number) => {
      window.acknowledged = [];
      for (let round = 0; round < 4; round++) {
        const documents = Array.from({ length: 10 }, (_, i) => ({ id: `t${number}-${round}-${i}`, text: `word${number} of round${round}, n${i}` }));
        for (;;) {
          const { code } = await t.failure(window.db.add(documents));
          if (code === "none") break;
          if (code !== "Locked") throw new Error(code);
        }
        window.acknowledged.push(...documents.map(({ id }) => id));
      }
      return window.acknowledged;
    }, number);
  const acknowledged = (await Promise.all(tabs.map(write))).flat();
  assert.equal(acknowledged.length, TABS * 40);

  // The writer's tab goes; another takes over, and everybody hears of it.
  const [first, ...others] = tabs.reverse();
  await first.evaluate(() => new Promise((held) => {
    navigator.locks.request("nearfield:five:writer", () => (held(), new Promise(() => {})));
  }));
  await first.close();
  const next = await others[0].evaluate(async () => (await window.db.add([{ id: "after", text: "the next writer" }])).added);
  assert.equal(next, 1);
  for (const tab of others) {
    await tab.waitForFunction(async () => (await window.db.search("writer")).hits.length === 1);
    const missing = await tab.evaluate(async (ids) => {
      const found = await Promise.all(ids.map((id) => window.db.get(id)));
      return ids.filter((_, index) => !found[index]);
    }, acknowledged);
    assert.deepEqual(missing, []);
  }
  const { ok, documents } = await page.evaluate(() => window.db.verify());
  assert.ok(ok && documents === TABS * 40 + 1);
  await Promise.all(others.map((tab) => tab.evaluate(() => window.db.close())));
  await Promise.all(others.filter((tab) => tab !== page).map((tab) => tab.close()));
  await page.evaluate(() => t.destroy("five", { worker: t.worker }));
});

const KILLS = process.env.NEARFIELD_LONG ? 500 : 50;

test("a worker is killed at fifty random moments, and every acknowledged document is there each time", async () => {
  const seed = Number(process.env.NEARFIELD_SEED ?? Date.now() % 1_000_000);
  const outcome = await page.evaluate(async ({ kills, seed }) => {
    const random = (below) => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % below);
    const acknowledged = new Set();
    const moments = { before: 0, between: 0, after: 0 };
    let missing = 0;
    let next = 0;
    for (let kill = 0; kill < kills; kill++) {
      const db = await t.open("killed", { embedder: t.embedder });
      const victim = t.workers.at(-1);
      const documents = t.documents(150, 20).map((document) => ({ ...document, id: `k${next++}` }));
      let committed = 0;
      const onProgress = (event) => (committed = event.committed ?? committed);
      const adding = t.failure(db.add(documents, { onProgress }));
      const timer = setTimeout(() => victim.terminate(), random(60));
      const { code } = await adding;
      clearTimeout(timer);
      victim.terminate();
      if (code === "none") committed = documents.length;
      moments[committed === 0 ? "before" : committed === documents.length ? "after" : "between"]++;
      for (const { id } of documents.slice(0, committed)) acknowledged.add(id);

      const again = await t.open("killed", { embedder: t.embedder });
      const sample = [...acknowledged].slice(-400);
      const found = await Promise.all(sample.map((id) => again.get(id)));
      missing += found.filter((document) => !document).length;
      if ((await again.stats()).documents < acknowledged.size) missing++;
      if (kill % 10 === 9 && !(await again.verify()).ok) missing++;
      await again.close();
      await db.close().catch(() => {});
    }
    await t.destroy("killed", { worker: t.worker });
    return { missing, moments, acknowledged: acknowledged.size };
  }, { kills: KILLS, seed });
  const { before, between, after } = outcome.moments;
  console.log(`harness: seed ${seed}, ${KILLS} kills: ${before} before the first commit, ${between} between commits, ${after} after the last; ${outcome.acknowledged} documents acknowledged, ${outcome.missing} missing`);
  assert.equal(outcome.missing, 0);
  assert.ok(before + between > KILLS / 10, JSON.stringify(outcome.moments));
});
