// The demo's page that measures a GPU: on a software adapter, without one, and where the device is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { SOFTWARE } from "../tools/webgpu.mjs";

/** The page, once it knows whether there is a GPU. */
async function openGpuPage(t, options) {
  const opened = await openPage({ path: "/gpu.html", ...options });
  t.after(opened.close);
  opened.page.setDefaultTimeout(600_000);
  await opened.page.waitForSelector("body:not([data-state=opening])");
  return opened;
}

const state = (page, name) => page.waitForSelector(`body[data-state=${name}]`);

test("by keyboard: started, cancelled, started again, and copied as JSON", async (t) => {
  const { page, context, problems } = await openGpuPage(t, { args: SOFTWARE });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  assert.match(await page.innerText("#adapter"), /swiftshader.*software/s);
  await page.focus("#start");
  await page.keyboard.press("Enter");
  await state(page, "running");
  assert.equal(await page.evaluate(() => document.activeElement.id), "cancel");
  assert.equal(await page.isDisabled("#start"), true);
  await page.keyboard.press("Enter");
  await state(page, "ready");
  assert.equal(await page.innerText("#status"), "Cancelled.");
  assert.equal(await page.evaluate(() => document.activeElement.id), "start");

  await page.keyboard.press("Enter");
  await state(page, "running");
  await state(page, "ready");
  assert.equal(await page.innerText("#status"), "Done.");
  await page.focus("#copy");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Copied.");
  const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));

  assert.equal(report.adapter.architecture, "swiftshader");
  assert.equal(report.adapter.software, true);
  assert.match(report.note, /means nothing/);
  assert.ok(report.adapter.limits.maxStorageBufferBindingSize >= 2 ** 27);
  assert.ok(Array.isArray(report.adapter.features));
  assert.equal(report.probe.ok, true);
  assert.equal(report.model, "all-MiniLM-L6-v2");
  assert.match(report.version, /^\d+\.\d+\.\d+/);
  assert.match(report.browser.userAgent, /Chrome/);
  assert.ok(report.selfCheck.webgpu >= 0.9995, `GPU ${report.selfCheck.webgpu}`);
  assert.ok(report.selfCheck.wasm >= 0.98, `processor ${report.selfCheck.wasm}`);
  assert.deepEqual(report.rows.map(({ texts, tokens }) => [texts, tokens]), [[1, 16], [1, 128], [2, 128]]);
  for (const row of report.rows) {
    assert.equal(row.error, undefined);
    assert.ok(row.cosine.least >= 0.98 && row.cosine.mean <= 1.000001, JSON.stringify(row.cosine));
    for (const { ms, tokensPerSecond, rounds } of [row.webgpu, row.wasm]) {
      assert.equal(rounds.length, 1);
      assert.ok(Math.abs((ms * tokensPerSecond) / 1000 / (row.texts * row.tokens) - 1) < 0.1, "both say the same");
    }
  }
  assert.equal(await page.locator("#rows tr").count(), 3);
  assert.match(await page.innerText("#verdict"), /Every kernel computes what it should/);
  assert.deepEqual(problems, []);
});

test("without WebGPU the page says so, and the settings of the demo lead there", async (t) => {
  const { page, site, problems } = await openGpuPage(t);
  assert.match(await page.innerText("#adapter"), /WebGPU has no adapter here/);
  assert.match(await page.innerText("#status"), /Nothing to compare.*run on the processor/);
  assert.equal(await page.isDisabled("#start"), true);
  assert.equal(await page.isVisible("#result"), false);

  await page.click(".wordmark");
  await state(page, "ready");
  await page.click("#choices-open");
  await page.click("#choices a[href='gpu.html']");
  await state(page, "without");
  assert.equal(new URL(page.url()).pathname, "/gpu.html");
  assert.ok(!site.requests.some((path) => path.includes("gpu.wasm")), "the module was fetched for nothing");
  assert.deepEqual(problems, []);
});

test("a device that is refused has a report that says why", async (t) => {
  const intercept = (request, response) => {
    if (request.url !== "/pkg/gpu.wasm") return false;
    response.writeHead(404).end();
    return true;
  };
  const { page } = await openGpuPage(t, { args: SOFTWARE, intercept });
  await page.click("#start");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Done.");
  const report = JSON.parse(await page.inputValue("#json"));
  assert.equal(report.probe.ok, false);
  assert.match(report.probe.error, /gpu\.wasm/);
  assert.deepEqual(report.rows, []);
  assert.match(await page.innerText("#verdict"), /refused/);
});
