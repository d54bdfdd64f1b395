// <nearfield-search> under the strict policy: typed into, moved through by keyboard, and fed hostile text.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openApi } from "./support/api.mjs";

let browser;
let page;
let box;

before(async () => {
  browser = await openApi();
  page = browser.page;
  await page.evaluate(async () => {
    const db = await t.open("element");
    await db.add([
      { id: "cat", title: "Cats", text: "The cat sat on the mat.", url: "/blank/?cat" },
      { id: "evil", title: "<img src=x onerror=alert(1)>", text: "A cat <b>and</b> <script>alert(1)</script>", url: "javascript:alert(1)" },
      { id: "dog", title: "Dogs", text: "A dog barked." },
    ]);
    await import("/pkg/element.js");
    const element = document.createElement("nearfield-search");
    element.setAttribute("label", "Search the manual");
    element.db = db;
    window.selected = [];
    element.addEventListener("nearfield-select", (event) => {
      window.selected.push(event.detail.hit.id);
      if (window.stay) event.preventDefault();
    });
    document.body.append(element);
  });
  box = page.getByRole("combobox", { name: "Search the manual" });
});

after(async () => {
  await browser?.close();
});

test("results appear while typing, as text, with the words marked", async () => {
  await box.fill("cats");
  const options = page.getByRole("option");
  await options.first().waitFor();
  assert.equal(await options.count(), 2);
  const shown = await options.allTextContents();
  assert.ok(shown.some((text) => text.includes("<script>alert(1)</script>") && text.includes("<img src=x")));
  const marks = await page.evaluate(() => [...document.querySelector("nearfield-search").shadowRoot.querySelectorAll("mark")].map((m) => m.textContent));
  assert.deepEqual([...new Set(marks)], ["cat"]);
  assert.equal(await box.getAttribute("aria-expanded"), "true");
});

test("the keyboard moves through them, and Escape closes", async () => {
  await page.evaluate(() => (window.stay = true));
  await box.press("ArrowDown");
  await box.press("ArrowDown");
  const active = await box.getAttribute("aria-activedescendant");
  assert.equal(active, "option-1");
  assert.equal(await page.locator("#option-1").getAttribute("aria-selected"), "true");
  await box.press("Escape");
  assert.equal(await box.getAttribute("aria-expanded"), "false");
  assert.equal(await page.getByRole("option").count(), 0);
});

test("nothing found is said", async () => {
  await box.fill("zebra");
  await page.getByRole("status").getByText("Nothing found").waitFor();
});

test("a link that is a script is not followed; a real one is", async () => {
  await page.evaluate(() => (window.stay = false));
  await box.fill("script");
  await page.getByRole("option").first().waitFor();
  await box.press("Enter");
  assert.deepEqual(await page.evaluate("window.selected"), ["evil"]);
  await box.fill("mat");
  await page.getByRole("option").first().click();
  await page.waitForURL("**/blank/?cat");
});

test("the policy was not violated", () => assert.deepEqual(browser.problems, []));
