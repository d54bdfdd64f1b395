// The main job in browsers that Playwright cannot drive: NEARFIELD_BROWSER says which (`firefox` or `webkit`).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SITE } from "../tools/fixture.mjs";
import { serve } from "../tools/serve.mjs";
import { Browser } from "../tools/webdriver.mjs";

let site;
let browser;

before(async () => {
  site = await serve(SITE);
  browser = await Browser.start(process.env.NEARFIELD_BROWSER ?? "firefox");
  await browser.goto(`${site.url}/blank/`);
});

after(async () => {
  await browser?.close();
  await site?.close();
});

test("the browser has what Nearfield stands on", async () => {
  const has = await browser.evaluate(`
    const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
    return { simd: WebAssembly.validate(new Uint8Array(simd)), indexedDB: !!indexedDB, locks: !!navigator.locks };
  `);
  assert.deepEqual(has, { simd: true, indexedDB: true, locks: true });
});

const OPEN = `
  const { open } = await import("/pkg/nearfield.js");
  const db = await open("smoke", { embedder: "all-MiniLM-L6-v2", chunk: { strategy: "none" } });`;
const SEARCH = `
  const { hits } = await db.search("a feline resting on a rug", { mode: "hybrid", k: 2 });
  const { documents, build } = await db.stats();
  await db.close();
  return { best: hits[0].id, documents, build };`;

test("open, add, search with a real model; the same after a reload, without a second download", async () => {
  const first = await browser.evaluate(`${OPEN}
    await db.add([
      { id: "cat", text: "The cat sat on the mat." },
      { id: "dog", text: "Dogs bark loudly at night." },
      { id: "sea", text: "Ships cross the ocean in a week." },
    ]);
    ${SEARCH}`);
  assert.equal(first.best, "cat");
  assert.equal(first.documents, 3);

  const downloads = () => site.requests.filter((path) => path.endsWith("model.safetensors")).length;
  const before = downloads();
  await browser.reload();
  assert.deepEqual(await browser.evaluate(`${OPEN} ${SEARCH}`), first);
  assert.equal(downloads(), before);
});

test("errors carry their codes", async () => {
  const code = await browser.evaluate(`${OPEN}
    try {
      await db.search("cat", { filter: { nowhere: 1 } });
    } catch (error) {
      return error.code;
    } finally {
      await db.close();
    }`);
  assert.equal(code, "InvalidInput");
});
