// What the demo says, and still does, when something outside of it fails.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { pkg } from "../tools/paths.mjs";
import { adding } from "./support/demo.mjs";

/** Opens the demo, gives it one file where `add` says so, and closes everything at the end. */
async function withDemo({ intercept, path = "/", add = false }, work) {
  const opened = await openPage({ path, intercept });
  const folder = await mkdtemp(join(tmpdir(), "nearfield-files-"));
  try {
    const { page } = opened;
    page.setDefaultTimeout(120_000);
    const addFile = async (name, text) => {
      await writeFile(join(folder, name), text);
      await adding(page, () => page.setInputFiles("#pick-files", join(folder, name)));
    };
    if (add) {
      await page.waitForSelector("body[data-state=ready]");
      await addFile("bread.txt", "Let the dough rise over night in a cool place.");
    }
    await work({ ...opened, folder, addFile });
  } finally {
    await opened.close();
    await rm(folder, { recursive: true });
  }
}

test("a model that is not there is said plainly, and trying again works", async () => {
  let broken = true;
  const intercept = (request, response) => {
    if (!broken || !request.url.startsWith("/models/")) return false;
    response.writeHead(404).end();
    return true;
  };
  await withDemo({ intercept }, async ({ page, addFile }) => {
    await page.waitForSelector("body[data-state=words]");
    const alert = await page.locator("#alerts").innerText();
    assert.match(alert, /Loading the model did not work\. A file could not be fetched\./);
    await page.locator("#alerts summary").click();
    assert.match(await page.locator("#alerts .detail").innerText(), /config\.json.*404/);
    assert.equal(await page.locator("#alerts code").first().innerText(), "Network");
    broken = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForSelector("body[data-state=ready]");
    await addFile("bread.txt", "Let the dough rise over night in a cool place.");
    assert.equal(await page.locator("#count").innerText(), "1 document");
  });
});

test("what is added while the library still opens is added as soon as it is open", async () => {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  const intercept = async (request) => {
    if (request.url.startsWith("/models/")) await gate;
    return false;
  };
  await withDemo({ intercept }, async ({ page }) => {
    await page.click("#sample");
    await page.getByText("The library is still opening.").waitFor();
    await adding(page, open);
    const listed = await page.locator("#documents .name span:last-child").allInnerTexts();
    assert.ok(listed.includes("README.md"), listed.join());
  });
});

test("a page instead of the model's files is told apart", async () => {
  const intercept = (request, response) => {
    if (!request.url.endsWith("model.safetensors")) return false;
    response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>welcome</title>");
    return true;
  };
  await withDemo({ intercept }, async ({ page }) => {
    await page.waitForSelector("body[data-state=words]");
    await page.locator("#alerts summary").click();
    assert.match(await page.locator("#alerts .detail").innerText(), /HTML page instead of the file/);
  });
});

test("a library whose models are gone answers by words", async () => {
  let broken = false;
  const intercept = (request, response) => {
    if (!broken || !request.url.startsWith("/models/")) return false;
    response.writeHead(404).end();
    return true;
  };
  await withDemo({ intercept, add: true }, async ({ page, site }) => {
    await page.evaluate(async () => {
      for (const name of await caches.keys()) if (name.startsWith("nearfield-models")) await caches.delete(name);
    });
    broken = true;
    await page.goto(`${site.url}/#q=dough`);
    await page.reload();
    await page.waitForSelector("body[data-state=words]");
    await page.waitForSelector("#results > li");
    assert.equal(await page.locator("#results .path").innerText(), "bread.txt");
    assert.equal(await page.locator("input[name=mode][value=dense]").isDisabled(), true);
  });
});

test("a full disk is said, and what was stored before stays", async () => {
  // Chromium looks at the quota when an origin first stores something: it is set before the demo is opened.
  await withDemo({ path: "/blank/" }, async ({ page, context, site, addFile }) => {
    const session = await context.newCDPSession(page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 40_000 });
    await page.goto(site.url);
    await page.waitForSelector("body[data-state=ready]");
    await addFile("bread.txt", "Let the dough rise over night in a cool place.");
    const numbers = Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 10007) * 31);
    await addFile("numbers.txt", numbers.join(" "));
    assert.match(await page.locator("#notices").innerText(), /The browser's storage is full.*QuotaExceeded/s);
    assert.equal(await page.locator("#count").innerText(), "1 document");
    await page.fill("#query", "dough");
    await page.waitForSelector("#results mark");
  });
});

test("a tab closed while it adds: what was stored is there, what was not is named", async () => {
  await withDemo({ add: true }, async ({ page, context, site, folder }) => {
    await writeFile(join(folder, "long.txt"), "A long walk along the river, past mills and meadows. ".repeat(20_000));
    await page.setInputFiles("#pick-files", join(folder, "long.txt"));
    await page.waitForFunction(() => document.querySelector("#job strong")?.textContent === "Embedding");
    await page.close();
    const second = await context.newPage();
    await second.goto(`${site.url}/#q=dough`);
    await second.waitForSelector("#results > li");
    assert.equal(await second.locator("#results .path").innerText(), "bread.txt");
    assert.match(await second.locator("#notices").innerText(), /not in the library.*long\.txt: please add it again/s);
    assert.equal(await second.locator("#count").innerText(), "1 document");
  });
});

test("without IndexedDB, as in some private windows, the page works and says that nothing is kept", async () => {
  const worker = await readFile(join(pkg, "worker.js"), "utf8");
  const intercept = (request, response) => {
    if (request.url !== "/pkg/worker.js") return false;
    const denied = 'IDBFactory.prototype.open = () => { throw new DOMException("denied", "SecurityError"); };';
    response.writeHead(200, { "Content-Type": "text/javascript" }).end(denied + worker);
    return true;
  };
  await withDemo({ intercept, add: true }, async ({ page, problems }) => {
    assert.match(await page.locator("#alerts").innerText(), /lets this page store nothing/);
    assert.match(await page.locator("#stats").innerText(), /in memory only/);
    await page.fill("#query", "dough");
    await page.waitForSelector("#results > li");
    assert.deepEqual(problems, []);
  });
});

test("a question of ten thousand words, and one of none", async () => {
  await withDemo({ add: true }, async ({ page, problems }) => {
    await page.fill("#query", "where does the dough rise ".repeat(2000));
    await page.waitForSelector("#results mark");
    await page.fill("#query", "   ");
    await page.waitForSelector("#results > li", { state: "detached" });
    assert.equal(await page.locator("#status").innerText(), "");
    assert.deepEqual(problems, []);
  });
});

test("a second tab searches, and sees what the first adds", async () => {
  await withDemo({ add: true }, async ({ page, context, site, addFile, problems }) => {
    const second = await context.newPage();
    await second.goto(`${site.url}/#q=dough`);
    await second.waitForSelector("#results > li");
    await page.bringToFront();
    await addFile("chain.md", "# Chain\n\nOil it every few weeks.");
    await second.waitForFunction(() => document.getElementById("documents").children.length === 2);
    await second.fill("#query", "oil the chain");
    await second.waitForFunction(() => document.querySelector("#results .path")?.textContent === "chain.md");
    assert.deepEqual(problems, []);
  });
});
