// The demo's settings: the model of its vectors, and what is kept beside them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { adding } from "./support/demo.mjs";

let opened;
let page;

before(async () => {
  opened = await openPage({ path: "/" });
  ({ page } = opened);
  page.setDefaultTimeout(120_000);
});

after(async () => {
  await opened?.close();
});

const ready = () => page.waitForFunction(() => !document.getElementById("choices-open").disabled && document.body.dataset.state === "ready");
const hits = () => page.locator("#results > li").count();

test("the dialog is reached and left by keyboard", async () => {
  await ready();
  await page.focus("#choices-open");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#choices[open]");
  assert.equal(await page.inputValue("#choices-models input:checked"), "all-MiniLM-L6-v2");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#choices", { state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "choices-open");
});

test("weighted terms, vectors of words and of sentences can be searched once they are chosen, and a model writes", async () => {
  await page.click("#choices-open");
  for (const name of ["sparse", "tokens", "sentences", "late", "writer"]) {
    await page.focus(`#choices-${name}`);
    await page.keyboard.press("Space");
  }
  await page.keyboard.press("Enter");
  await page.waitForSelector("#choices", { state: "hidden" });
  await page.waitForFunction(() => JSON.parse(localStorage.getItem("nearfield-demo.choices") ?? "{}").sparse === true);
  await ready();
  await adding(page, () => page.click("#sample"));
  await page.fill("#query", "how are vectors compared?");
  await page.click("#compare-open");
  const choose = async (name) => page.check(`#compare-choices input[value="${name}"]`);
  const chosen = ["splade", "dense:sentence", "dense:document", "colbert", "hybrid-rrf+colbert", "hybrid-rrf+hyde"];
  for (const name of chosen) await choose(name);
  await page.waitForFunction(() => document.getElementById("compare-columns").getAttribute("aria-busy") === "false");
  for (const name of chosen) {
    const column = page.locator(`#compare-columns [data-pipeline="${name}"]`);
    assert.ok((await column.locator("li").count()) > 0, name);
    assert.equal(await column.locator(".problem").count(), 0, name);
  }
  await page.keyboard.press("Escape");
});

test("another model takes the library over, and is kept", async () => {
  await page.click("#choices-open");
  await page.check('#choices-models input[value="potion-base-2M"]');
  await page.click('#choices button[value="apply"]');
  await page.waitForFunction(() => /potion-base-2M, 64 dimensions/.test(document.getElementById("stats").textContent));
  await ready();
  await page.fill("#query", "how are vectors compared?");
  await page.waitForFunction(() => document.querySelectorAll("#results > li").length > 0);
  assert.ok((await hits()) > 0);
  await page.reload();
  await ready();
  await page.waitForFunction(() => /potion-base-2M, 64 dimensions/.test(document.getElementById("stats").textContent));
});

test("nothing was reported to the console as an error, and no policy was violated", () => assert.deepEqual(opened.problems, []));
