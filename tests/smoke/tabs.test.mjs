// Two real tabs on one collection in Firefox: what one adds the other finds, the second writer waits or is told, and
// when the writer's tab is gone the other takes over. WebKitGTK's driver has no second tab.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SITE } from "../tools/fixture.mjs";
import { serve } from "../tools/serve.mjs";
import { Browser } from "../tools/webdriver.mjs";

const kind = process.env.NEARFIELD_BROWSER ?? "firefox";

async function until(what, holds) {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error(`waited in vain for ${what}`);
}

if (kind === "firefox") {
  test("two tabs, one collection", async () => {
    const site = await serve(SITE);
    const browser = await Browser.start(kind);
    let number = 0;
    /** Lets the current tab do something. */
    const run = async (command, argument = "") => {
      const mine = String(++number);
      await browser.evaluate("location.hash = args[0]", `#${mine} ${command} ${argument}`);
      const answer = async () => {
        const text = await browser.evaluate("return document.getElementById('result').textContent");
        const result = JSON.parse(text || "{}");
        return result.number === mine && result;
      };
      return (await until(command, answer)).outcome;
    };
    const openTab = async () => {
      await browser.goto(`${site.url}/pages/tabs.html`);
      await until("the collection to open", async () => (await browser.title()) === "open");
    };
    try {
      await openTab();
      const first = await browser.tab();
      const second = await browser.newTab();
      await openTab();
      assert.deepEqual(await run("add", "zebra"), { added: 1 });
      await browser.switchTo(first);
      await until("the other tab's document", async () => (await run("find", "zebra")).length === 1);
      assert.deepEqual(await run("add", "yak"), { added: 1 });
      assert.equal(await run("hold", "nearfield:tabs:writer"), true);

      await browser.switchTo(second);
      assert.equal((await run("add", "emu")).code, "Locked");
      assert.deepEqual(await run("find", "word"), ["yak", "zebra"]);
      await browser.switchTo(first);
      await browser.closeTab();
      await browser.switchTo(second);
      assert.deepEqual(await run("add", "emu"), { added: 1 });
      assert.deepEqual(await run("find", "word"), ["emu", "yak", "zebra"]);
      assert.equal(await run("verify"), true);
    } finally {
      await browser.close();
      await site.close();
    }
  });
}
