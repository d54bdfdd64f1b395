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

test("a tab that crashes while it writes loses nothing that it was told is safe, and another writes on", async () => {
  await page.evaluate(async () => {
    window.db = await t.open("crashing");
    window.told = [];
    new BroadcastChannel("acknowledged").onmessage = ({ data }) => window.told.push(...data);
  });
  const tab = await browser.newTab();
  const crashed = new Promise((done) => tab.on("crash", done));
  await tab.evaluate(async () => {
    const db = await t.open("crashing");
    const channel = new BroadcastChannel("acknowledged");
    const write = async () => {
      for (let round = 0; ; round++) {
        const documents = t.documents(150, 20).map((document, i) => ({ ...document, id: `r${round}-${i}` }));
        const ids = documents.map(({ id }) => id);
        let committed = 0;
        const onProgress = (event) => {
          channel.postMessage(ids.slice(committed, event.committed ?? 0));
          committed = Math.max(committed, event.committed ?? 0);
        };
        await db.add(documents, { onProgress });
      }
    };
    void write();
  });
  await page.waitForFunction(() => window.told.length > 500);
  const protocol = await browser.context.newCDPSession(tab);
  // Its answer never comes.
  protocol.send("Page.crash").catch(() => {});
  await crashed;
  const outcome = await page.evaluate(async () => {
    const { added } = await window.db.add([{ id: "after", text: "the next writer" }]);
    const missing = [];
    for (const id of window.told) if (!(await window.db.get(id))) missing.push(id);
    const { ok, problems, documents } = await window.db.verify();
    await window.db.close();
    await t.destroy("crashing", { worker: t.worker });
    return { added, missing, ok, problems, documents, told: window.told.length };
  });
  assert.deepEqual([outcome.added, outcome.missing, outcome.ok, outcome.problems], [1, [], true, []]);
  assert.ok(outcome.documents > outcome.told, "the one after the crash is there too");
  await tab.close();
});

const KILLS = process.env.NEARFIELD_LONG ? 500 : 50;

test("a worker is killed at fifty moments of indexing, and every acknowledged document is there each time", async () => {
  const seed = Number(process.env.NEARFIELD_SEED ?? Date.now() % 1_000_000);
  const outcome = await page.evaluate(async ({ kills, seed }) => {
    const random = (below) => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % below);
    /** Of one round, and all different: three batches of chunks, so that there are three commits to fall between. */
    const documents = (round) => t.documents(300, 20).map((document, i) => ({ ...document, id: `k${round}-${i}`, text: `Round ${round}. ${document.text}` }));
    /** Ids of all documents that there are. */
    const ids = async (db) => {
      const found = new Set();
      let next;
      do {
        const listed = await db.list({ limit: 10_000, ...(next === undefined ? {} : { after: next }) });
        for (const { id } of listed.documents) found.add(id);
        next = listed.next;
      } while (next !== undefined);
      return found;
    };
    // How many events there are to choose from.
    let events = 0;
    const measured = await t.open("killed", { embedder: t.embedder });
    await measured.add(documents("m"), { onProgress: () => events++ });
    await measured.close();

    const acknowledged = new Map(documents("m").map(({ id, text }) => [id, text]));
    const moments = { before: 0, between: 0, after: 0 };
    let missing = 0;
    for (let kill = 0; kill < kills; kill++) {
      const db = await t.open("killed", { embedder: t.embedder });
      const victim = t.workers.at(-1);
      const given = documents(kill);
      let [left, committed] = [random(events) + 1, 0];
      const onProgress = (event) => {
        // What was on its way when the worker was ended counts as well.
        committed = Math.max(committed, event.committed ?? 0);
        if (--left === 0) victim.terminate();
      };
      const { code } = await t.failure(db.add(given, { onProgress }));
      victim.terminate();
      if (code === "none") committed = given.length;
      moments[committed === 0 ? "before" : committed === given.length ? "after" : "between"]++;
      for (const { id, text } of given.slice(0, committed)) acknowledged.set(id, text);

      const again = await t.open("killed", { embedder: t.embedder });
      const there = await ids(again);
      missing += [...acknowledged.keys()].filter((id) => !there.has(id)).length;
      const texts = await Promise.all(given.slice(0, committed).map(({ id }) => again.get(id)));
      missing += texts.filter((found, i) => found?.text !== given[i].text).length;
      if (kill % 10 === 9 && !(await again.verify()).ok) missing++;
      await again.close();
      await db.close().catch(() => {});
    }
    // What came through all the kills is what it was when it was acknowledged.
    const last = await t.open("killed", { embedder: t.embedder });
    for (const [id, text] of acknowledged) if ((await last.get(id))?.text !== text) missing++;
    await last.close();
    await t.destroy("killed", { worker: t.worker });
    return { missing, moments, events, acknowledged: acknowledged.size };
  }, { kills: KILLS, seed });
  const { before, between, after } = outcome.moments;
  console.log(`harness: seed ${seed}, ${KILLS} kills at ${outcome.events} events: ${before} before the first commit, ${between} between commits, ${after} after the last; ${outcome.acknowledged} documents acknowledged, ${outcome.missing} missing`);
  assert.equal(outcome.missing, 0);
  // The last of the events come when everything is in place, and a worker may be faster than the news of it.
  assert.ok(before > 0 && between > 0 && before + between >= KILLS * 0.8, JSON.stringify(outcome.moments));
});
