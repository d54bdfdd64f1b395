// The main job in browsers that Playwright cannot drive: NEARFIELD_BROWSER says which (`firefox` or `webkit`).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SITE } from "../tools/fixture.mjs";
import { serve } from "../tools/serve.mjs";
import { Browser } from "../tools/webdriver.mjs";

const kind = process.env.NEARFIELD_BROWSER ?? "firefox";

let site;
let browser;

before(async () => {
  site = await serve(SITE);
  browser = await Browser.start(kind);
});

after(async () => {
  await browser?.close();
  await site?.close();
});

/** What the smoke page found, once it says that it is done. */
async function outcome() {
  const end = Date.now() + 120_000;
  while ((await browser.title()) === "running" && Date.now() < end) await new Promise((done) => setTimeout(done, 200));
  const text = await browser.evaluate("return document.getElementById('result').textContent");
  assert.equal(await browser.title(), "done", text);
  return JSON.parse(text);
}

let first;

test("open, add and search with a real model", async () => {
  await browser.goto(`${site.url}/pages/smoke.html`);
  first = await outcome();
  assert.equal(first.documents, 3);
  assert.equal(first.storage, "indexeddb");
  assert.deepEqual(first.meaning, ["bicycle"]);
  assert.deepEqual(first.words, ["bread"]);
  assert.ok(first.marks > 0);
});

test("after a reload everything is still there, and the model is not downloaded again", async () => {
  const downloads = () => site.requests.filter((path) => path.endsWith("model.safetensors")).length;
  const before = downloads();
  await browser.goto(`${site.url}/pages/smoke.html#again`);
  await browser.reload();
  assert.deepEqual(await outcome(), first);
  // Under automation WebKitGTK is in a private session, where the Cache API forgets what a worker put into it as soon as
  // that worker ends.
  if (kind !== "webkit") assert.equal(downloads(), before);
});
