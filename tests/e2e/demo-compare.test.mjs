// The demo's comparison of pipelines, and what it would give a language model to read.
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

const columns = () =>
  page.locator("#compare-columns section").evaluateAll((sections) =>
    sections.map((section) => ({
      name: section.dataset.pipeline,
      hits: section.querySelectorAll("li").length,
      problem: section.querySelector(".problem")?.textContent,
      text: section.textContent,
    })),
  );
const compared = () => page.waitForFunction(() => document.getElementById("compare-columns").getAttribute("aria-busy") === "false");

test("there is nothing to compare in an empty library", async () => {
  await page.waitForSelector("body[data-state=ready]");
  assert.ok(await page.isDisabled("#compare-open"));
  assert.ok(await page.isDisabled("#prompt-open"));
});

test("every pipeline answers, with its time and its places", async () => {
  // The browser's own translator wants a download of its maker's.
  await page.evaluate(() => {
    window.asked = [];
    const availability = async () => "available";
    window.LanguageDetector = { availability, create: async () => ({ detect: async () => [{ detectedLanguage: "de" }] }) };
    window.Translator = { availability, create: async (pair) => ({ translate: async (text) => (window.asked.push([pair, text]), "cosine of two vectors") }) };
  });
  await adding(page, () => page.click("#sample"));
  await page.fill("#query", "how are vectors compared?");
  await page.click("#compare-open");
  await page.waitForSelector("#compare[open]");
  await compared();
  assert.deepEqual((await columns()).map(({ name }) => name), ["bm25", "dense", "hybrid-rrf"]);
  const offered = page.locator("#compare-choices label:not([hidden]) input");
  for (const box of await offered.all()) await box.check();
  await compared();
  const all = await columns();
  assert.equal(all.length, await offered.count());
  for (const { name, hits, problem, text } of all) {
    assert.equal(problem, undefined, name);
    assert.ok(hits > 0, `${name} has hits`);
    assert.match(text, /\d (ms|s)/, name);
  }
  assert.match(all[1].text, /in common/);
  const [pair, text] = (await page.evaluate(() => window.asked))[0];
  assert.deepEqual([pair, text], [{ sourceLanguage: "de", targetLanguage: "en" }, "how are vectors compared?"]);
});

test("a hit opens its document, and the choice is kept", async () => {
  for (const name of ["tfidf", "bm25+prf"]) await page.uncheck(`#compare-choices input[value="${name}"]`);
  await compared();
  await page.locator("#compare-columns li button").first().click();
  await page.waitForSelector("#reader[open]");
  await page.locator("#reader header button").click();
  await page.locator("#compare header button").click();
  await page.reload();
  await page.waitForFunction(() => !document.getElementById("compare-open").disabled);
  await page.click("#compare-open");
  await compared();
  const names = (await columns()).map(({ name }) => name);
  assert.ok(!names.includes("tfidf") && names.includes("gold-standard"), names.join());
  await page.keyboard.press("Escape");
});

test("the context keeps to its budget and numbers its passages", async () => {
  await page.click("#prompt-open");
  await page.waitForFunction(() => /passage/.test(document.getElementById("prompt-status").textContent));
  const text = await page.inputValue("#prompt-text");
  assert.match(text, /^\[1\] /);
  assert.match(text, /Question: how are vectors compared\?$/);
  const said = async () => (await page.innerText("#prompt-status")).match(/([\d,]+) passages?, ([\d,]+) tokens?/).slice(1).map((n) => Number(n.replace(",", "")));
  const [passages, tokens] = await said();
  assert.ok(tokens <= 1000, `${tokens} tokens`);
  await page.fill("#prompt-tokens", "150");
  await page.selectOption("#prompt-order", "edges-first");
  await page.waitForFunction((before) => !document.getElementById("prompt-status").textContent.startsWith(`${before} `), passages);
  const [fewer, within] = await said();
  assert.ok(fewer < passages && within <= 150, `${fewer} passages, ${within} tokens`);
  await page.keyboard.press("Escape");
});

test("nothing was reported to the console as an error, and no policy was violated", () => assert.deepEqual(opened.problems, []));
