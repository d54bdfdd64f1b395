// A person's way through the demo, in order: the first visit, adding real files, searching, reranking, the keyboard,
// deleting, a reload, and all of it again without a network. One page, so that each step finds what the last one left.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { root } from "../tools/paths.mjs";
import { adding } from "./support/demo.mjs";

/** Files as people have them, the awkward ones included. */
const FILES = {
  "garden.md": `# The garden in spring

Prune the roses before the buds open, and cut above an outward-facing bud.

## Water

Tomatoes want water at their roots in the morning. Wet leaves bring blight.

## Tools

| tool | use |
|---|---|
| secateurs | thin branches |
| loppers | branches as thick as a thumb |
`,
  "bicycle.html": `<!doctype html><html><head><title>Caring for a bicycle</title><style>p{color:red}</style></head>
<body><nav>Home About</nav><main><h1>Caring for a bicycle</h1><p>A chain lasts longer when it is cleaned and oiled every
few weeks. <b>Never</b> use a pressure washer on bearings.</p><script>alert("gearbox")</script></main></body></html>`,
  "bread.txt":
    "Mix flour, water and salt. Let the dough rise over night in a cool place.\n\nBake it in a very hot oven for forty minutes. " +
    "A pan of boiling water on the floor of the oven gives a glossy crust.\n",
  "injection.md": '# Escaping\n\n<img src=x onerror="window.pwned = true"> is shown as the words it is made of.\n',
  "latin.txt": Buffer.from(
    "Das Caf\xe9 an der Ecke \xf6ffnet um acht und schlie\xdft um zehn Uhr abends, au\xdfer am Montag.",
    "latin1",
  ),
  "empty.txt": "",
  "spaces.md": " \n\n\t\n",
  "picture.txt": Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]),
  "numbers.bin": Buffer.from(Array.from({ length: 600 }, (_, i) => (i * 37) % 256)),
};
const GOOD = ["bicycle.html", "bread.txt", "garden.md", "injection.md", "latin.txt"];

let opened;
let page;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nearfield-files-"));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(folder, name), content);
  opened = await openPage({ path: "/" });
  ({ page } = opened);
  page.setDefaultTimeout(120_000);
});

after(async () => {
  await opened?.close();
  if (folder) await rm(folder, { recursive: true });
});

const files = (...names) => names.map((name) => join(folder, name));
const ready = () => page.waitForSelector("body[data-state=ready]");
const titles = () => page.locator("#results .title").allInnerTexts();
const paths = () => page.locator("#results .where .path").allInnerTexts();

/** Types a question and waits until its last stage is shown. */
async function ask(question) {
  await page.fill("#query", question);
  await answered();
}

async function answered() {
  // The question as it stands, answered to the end: a late answer to another one does not count.
  await page.waitForFunction(() => {
    const query = document.getElementById("query").value.trim();
    const asked = new URLSearchParams(location.hash.slice(1)).get("q") ?? "";
    const list = document.getElementById("results");
    const busy = document.getElementById("search").hasAttribute("data-searching");
    return query.startsWith(asked) && asked !== "" && !busy && list.getAttribute("aria-busy") === "false";
  });
}

/** Adds files and waits for the line that says how it went. */
async function addFiles(...names) {
  await adding(page, () => page.setInputFiles("#pick-files", files(...names)));
}

test("the first visit invites, and has nothing to search yet", async () => {
  await ready();
  assert.equal(await page.isVisible("#hero-title"), true);
  assert.equal(await page.isVisible("#query"), false);
  assert.equal(await page.isVisible("#sample"), true);
});

test("real files are indexed, with progress; what cannot be is refused with the reason", async () => {
  await page.evaluate(() => {
    window.seen = new Set();
    const look = () =>
      document.getElementById("job").hidden || window.seen.add(document.querySelector("#job strong").textContent);
    new MutationObserver(look).observe(document.getElementById("job"), {
      subtree: true,
      childList: true,
      attributes: true,
    });
  });
  await addFiles(...Object.keys(FILES));
  assert.deepEqual((await page.locator("#documents .name span:last-child").allInnerTexts()).sort(), GOOD);
  const notices = (await page.locator("#notices").innerText()).replaceAll("\n", " ");
  const say = (name, why) =>
    assert.match(notices, new RegExp(`${name.replace(".", "\\.")}: [^:]*${why}`), `${name} in: ${notices}`);
  say("empty.txt", "empty");
  say("spaces.md", "nothing but spaces");
  say("picture.txt", "an image, not text");
  say("numbers.bin", "a binary file, not text");
  say("latin.txt", "4 unreadable bytes were replaced");
  assert.match(notices, /Added 5 of 9 documents/);
  assert.ok(
    (await page.evaluate(() => [...window.seen])).some((phase) => phase === "Embedding"),
    "the phase was shown",
  );
  const figures = await page.locator("#stats").innerText();
  assert.match(figures, /IndexedDB/);
  assert.match(figures, /all-MiniLM-L6-v2, 384 dimensions/);
});

test("a question finds the passage that answers it, by meaning and with its words marked", async () => {
  await ask("looking after my vehicle's drivetrain");
  assert.equal((await paths())[0], "bicycle.html", "none of its words stand in the text");
  assert.equal((await titles())[0], "Caring for a bicycle", "the title of an HTML page");
  await ask("when should I water tomatoes?");
  assert.equal((await paths())[0], "garden.md");
  const first = page.locator("#results > li").first();
  assert.match(await first.locator(".headings").innerText(), /The garden in spring › Water/);
  const marks = (await first.locator("mark").allInnerTexts()).map((mark) => mark.toLowerCase());
  assert.ok(marks.includes("tomatoes") && marks.includes("water"), marks.join());
  const stages = await page
    .locator("#timings [data-stage]")
    .evaluateAll((all) => all.map(({ dataset }) => dataset.stage));
  for (const stage of ["embed", "total"]) assert.ok(stages.includes(stage), stages.join());
  assert.match(await page.locator("#timings [data-stage=total]").innerText(), /\d (ms|s)/);
});

test("markup in documents and scripts of pages stay text", async () => {
  await ask("escaping img onerror");
  assert.equal((await paths())[0], "injection.md");
  assert.match(await page.locator("#results .passage").first().innerText(), /<img src=x onerror/);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator("#results img").count(), 0);
});

test("modes, number of results, type and reasons", async () => {
  await page.check("input[name=mode][value=sparse]", { force: true });
  await ask("gearbox");
  assert.deepEqual(await paths(), [], "text of a script is not content");
  await ask("dough");
  assert.deepEqual(await paths(), ["bread.txt"]);
  await page.check("input[name=mode][value=dense]", { force: true });
  await answered();
  assert.equal((await paths()).length, GOOD.length, "by meaning everything has a place");
  await page.selectOption("#type", "markdown");
  await answered();
  assert.deepEqual((await paths()).sort(), ["garden.md", "injection.md"]);
  await page.selectOption("#type", "");
  await page.check("input[name=mode][value=hybrid]", { force: true });
  await page.selectOption("#k", "5");
  await answered();
  await page.locator(".why summary").first().click();
  const why = await page.locator(".why").first().innerText();
  assert.match(why, /By words\s+place 1, score/);
  assert.match(why, /By meaning\s+place 1, similarity 0\.\d/);
  assert.match(why, /dough\s+1\s+1/, "what the word gave");
});

test("reranking shows its stage and its time", async () => {
  await page.locator("#rerank").check({ force: true });
  await page.waitForFunction(() => document.getElementById("status").textContent.endsWith("reranked"));
  await ask("how hot should the oven be?");
  await page.waitForFunction(() => document.getElementById("status").textContent.endsWith("reranked"));
  assert.equal((await paths())[0], "bread.txt");
  assert.match(await page.locator("#timings [data-stage=rerank]").innerText(), /rerank\s*\d/);
  await page.locator("#rerank").uncheck({ force: true });
});

test("the keyboard reaches everything", async () => {
  await page.locator("#theme").focus();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "query");
  await page.keyboard.type("prune roses");
  await answered();
  await page.keyboard.press("ArrowDown");
  const focused = () =>
    page.evaluate(() => document.activeElement.closest("#results > li")?.dataset.key ?? document.activeElement.id);
  assert.match(await focused(), /^garden\.md#/);
  await page.keyboard.press("ArrowDown");
  assert.doesNotMatch(await focused(), /^garden\.md#/);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#reader[open]");
  assert.match(await page.locator("#reader .found").innerText(), /Prune the roses/);
  await page.keyboard.press("Escape");
  await page.waitForSelector("#reader[open]", { state: "detached" });
  assert.match(await focused(), /^garden\.md#/, "closing goes back to the hit");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "query");
  await page.keyboard.press("Escape");
  assert.equal(await page.inputValue("#query"), "");
  assert.deepEqual(await paths(), []);
});

test("texts can be pasted, and the same name replaces", async () => {
  await page.click("#paste");
  await page.fill("#paste-name", "Sourdough");
  await page.fill("#paste-text", "A sourdough starter is fed with equal weights of flour and water.");
  await adding(page, () => page.click("#paste-form button[value=add]"));
  assert.equal(await page.locator("#count").innerText(), "6 documents");
  await ask("feeding a starter");
  assert.equal((await titles())[0], "Sourdough");
  await writeFile(join(folder, "bread.txt"), "Rye bread needs neither kneading nor patience, only a tin.");
  await addFiles("bread.txt");
  assert.equal(await page.locator("#count").innerText(), "6 documents");
  await ask("kneading rye");
  assert.equal((await paths())[0], "bread.txt");
  await page.check("input[name=mode][value=sparse]", { force: true });
  await ask("glossy crust");
  assert.deepEqual(await paths(), [], "the old text is gone");
  await page.check("input[name=mode][value=hybrid]", { force: true });
});

test("deleting takes a document out of the answers", async () => {
  await page.getByRole("button", { name: "Delete latin.txt" }).click();
  await page.waitForFunction(() => document.getElementById("count").textContent === "5 documents");
  await ask("Café an der Ecke");
  assert.ok(!(await paths()).includes("latin.txt"));
});

test("after a reload the library answers at once", async () => {
  await ask("prune roses");
  await page.reload();
  await page.waitForSelector("#results > li");
  await answered();
  assert.equal(await page.inputValue("#query"), "prune roses", "the question is kept in the address");
  assert.equal((await paths())[0], "garden.md");
  assert.equal(await page.locator("#documents li").count(), 5);
});

test("without a network the page opens, searches by meaning and adds", async () => {
  // The service worker has the files once it is active and rules the page.
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  // The browser itself looks whether there is a newer service worker, even now.
  const requests = () => opened.site.requests.filter((path) => path !== "/sw.js").length;
  const asked = requests();
  await opened.context.setOffline(true);
  await page.reload();
  await ready();
  assert.match(await page.locator("#engine-text").innerText(), /offline/);
  await ask("looking after my vehicle's drivetrain");
  assert.equal((await paths())[0], "bicycle.html");
  await addFiles("latin.txt");
  assert.equal(await page.locator("#count").innerText(), "6 documents");
  await opened.context.setOffline(false);
  assert.equal(requests(), asked, "the server was asked for nothing");
});

/**
 * The longest task of the page's main thread while `work` runs, in milliseconds of processor time, and its share of all
 * tasks. How fast the computer is does not matter to the share.
 */
async function longestTask(work) {
  const session = await opened.context.newCDPSession(page);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const complete = new Promise((done) => session.once("Tracing.tracingComplete", done));
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["disabled-by-default-devtools.timeline", "__metadata"] },
  });
  await work();
  await session.send("Tracing.end");
  await complete;
  await session.detach();
  const mains = new Set(
    events
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid}:${tid}`),
  );
  const tasks = events.filter(({ name, pid, tid }) => name === "RunTask" && mains.has(`${pid}:${tid}`));
  assert.ok(tasks.length > 100, `the trace has ${tasks.length} tasks`);
  const times = tasks.map(({ tdur }) => (tdur ?? 0) / 1000);
  const longest = Math.max(...times);
  return { longest, share: longest / times.reduce((sum, time) => sum + time, 0) };
}

/** Work done in one piece would be nearly all that the page does. */
function checkDivided({ longest, share }, context) {
  const found = `the longest task of the page takes ${longest.toFixed(1)} ms, ${(100 * share).toFixed(0)} % of all`;
  context.diagnostic(found);
  assert.ok(share < 0.25, found);
}

test("indexing never holds up the page", async (t) => {
  const notes = Array.from({ length: 24 }, (_, i) => [
    `note-${i}.md`,
    Array.from(
      { length: 20 },
      (_, j) => `## Part ${j}\n\nNote ${i} tells about matter number ${i * 20 + j}, at some length.\n`,
    ).join("\n"),
  ]);
  const long = ["long.txt", "It was a long walk along the river, past mills and meadows, to the sea. ".repeat(500)];
  for (const [name, text] of [...notes, long]) await writeFile(join(folder, name), text);
  checkDivided(await longestTask(() => addFiles(...notes.map(([name]) => name), long[0])), t);
});

test("a file of 10 MB does not hold it up either, and stopping keeps what is stored", async (t) => {
  const before = await page.locator("#count").innerText();
  const text = "Another walk, up the hill this time, through heather and over stiles, to the café.\n".repeat(125_000);
  await writeFile(join(folder, "huge.txt"), text);
  const tasks = await longestTask(async () => {
    await page.setInputFiles("#pick-files", files("huge.txt"));
    await page.waitForFunction(() => document.querySelector("#job strong")?.textContent === "Embedding");
    await page.click("#stop");
    await page.waitForSelector("#job", { state: "hidden" });
  });
  checkDivided(tasks, t);
  assert.match(await page.locator("#notices").innerText(), /Stopped: 0 of 1 document added/);
  assert.equal(await page.locator("#count").innerText(), before);
  await ask("prune roses");
  assert.equal((await paths())[0], "garden.md");
});

test("everything can be deleted, and the sample loaded", async () => {
  await page.click("#delete-all");
  await page.click("#confirm button[value=delete]");
  await page.waitForSelector("#hero-title", { state: "visible" });
  await ready();
  await adding(page, () => page.click("#sample"));
  const listed = await page.locator("#documents .name span:last-child").allInnerTexts();
  assert.ok(listed.includes("README.md"), listed.join());
  await page.click("#hint button");
  await answered();
  assert.ok((await paths()).length > 0, "a suggested question has an answer");
});

test("nothing was reported to the console as an error, and no policy was violated", () => {
  assert.deepEqual(opened.problems, []);
});

test("the service worker knows every file of the application", async () => {
  const worker = await readFile(join(root, "www", "sw.js"), "utf8");
  const all = await readdir(join(root, "www"), { recursive: true, withFileTypes: true });
  const names = all
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(join(root, "www").length + 1));
  const missing = names.filter((name) => !["sw.js", "index.html"].includes(name) && !worker.includes(`"${name}"`));
  assert.deepEqual(missing, []);
});
