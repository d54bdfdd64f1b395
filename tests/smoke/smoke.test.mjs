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
