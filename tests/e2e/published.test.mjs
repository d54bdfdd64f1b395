// A collection that the native tool wrote, served as files: searched by URL with little fetched, damage and new
// deployments noticed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../tools/paths.mjs";
import { openApi } from "./support/api.mjs";

let browser;
let page;
let folder;
let fetched = [];

/** Runs the native tool from the checkout. */
const nearfield = (...args) => execFileSync("cargo", ["run", "--quiet", "--bin", "nearfield", "--", ...args], { cwd: root, stdio: "pipe" });

const index = async (name, text) => {
  const source = join(folder, `${name}-source`);
  await cp(root, source, { recursive: true, filter: (path) => path === root || /\/[A-Z_]+\.md$/.test(path) });
  if (text) await writeFile(join(source, "EXTRA.md"), text);
  nearfield("index", source, "--out", join(folder, name), "--url", "/docs/{stem}.html");
};

/** What the server sends for a path below /published/. */
async function serveFile(request, response) {
  const { pathname } = new URL(request.url, "http://x");
  if (!pathname.startsWith("/published/")) return false;
  const file = join(folder, "site", pathname.slice("/published/".length));
  const whole = await readFile(file).catch(() => undefined);
  if (!whole) return (response.writeHead(404), response.end(), true);
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const bytes = first === undefined ? whole : whole.subarray(Number(first), Number(last) + 1);
  fetched.push(bytes.length);
  response.setHeader("Cache-Control", "no-cache");
  response.writeHead(first === undefined ? 200 : 206);
  response.end(bytes);
  return true;
}

const publish = async (name) => {
  await rm(join(folder, "site"), { recursive: true, force: true });
  await cp(join(folder, name), join(folder, "site"), { recursive: true });
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nearfield-published-"));
  await index("first");
  await publish("first");
  browser = await openApi({ intercept: serveFile });
  page = browser.page;
});

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("the project's own documents, searched by URL", async () => {
  fetched = [];
  const outcome = await page.evaluate(async () => {
    const db = await t.open(new URL("/published/", location.href));
    const { hits } = await db.search("checksum of every section", { k: 1 });
    const { storage, documents, broken } = await db.stats();
    const refused = await t.failure(db.add(t.documents(1)));
    await db.close();
    return { hit: hits[0], storage, documents, broken, refused: refused.code };
  });
  const first = fetched.reduce((sum, bytes) => sum + bytes, 0);
  const blobs = join(folder, "site", "blobs");
  const sizes = await Promise.all((await readdir(blobs)).map(async (name) => (await stat(join(blobs, name))).size));
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  console.log(`harness: first lexical hit after ${first} of ${total} bytes in ${fetched.length} requests`);
  assert.equal(outcome.storage, "http");
  assert.ok(outcome.documents >= 4 && outcome.broken.length === 0);
  assert.match(outcome.hit.url, /^\/docs\/[A-Z]+\.html$/);
  assert.match(outcome.hit.text, /checksum/i);
  assert.equal(outcome.refused, "Unsupported");
  assert.ok(first < total && first < 100_000, `${first} of ${total}`);
});

/** A real book where there is one: the folder in NEARFIELD_BOOK, or the one beside this checkout. */
const BOOK = process.env.NEARFIELD_BOOK ?? join(root, "..", "shared", "data", "rust-book");

/** Else one of the same size: 97 chapters of words by Zipf's law. */
async function makeBook(to) {
  let seed = 1;
  const next = () => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0), seed / 2 ** 32);
  const words = (count) => Array.from({ length: count }, () => `w${Math.floor(12_000 ** next()).toString(36)}`).join(" ");
  await mkdir(to);
  for (let chapter = 0; chapter < 97; chapter++) {
    const sections = Array.from({ length: 8 }, () => `## ${words(4)}\n\n${words(250)}\n`);
    await writeFile(join(to, `ch${chapter}.md`), `# Chapter n${chapter} of ownership\n\n${sections.join("\n")}`);
  }
}

test("of a book as little as a query needs is fetched", async () => {
  const real = existsSync(BOOK);
  const source = real ? BOOK : join(folder, "book-source");
  if (!real) await makeBook(source);
  nearfield("index", source, "--out", join(folder, "book"));
  await publish("book");
  fetched = [];
  const { hits, documents } = await page.evaluate(async () => {
    const db = await t.open(new URL("/published/", location.href));
    const { hits } = await db.search("ownership", { k: 1 });
    const { documents } = await db.stats();
    await db.close();
    return { hits: hits.length, documents };
  });
  const bytes = fetched.reduce((sum, bytes) => sum + bytes, 0);
  console.log(`harness: ${real ? "a real" : "a made"} book of ${documents} files: first lexical hit after ${bytes} bytes in ${fetched.length} requests`);
  assert.equal(hits, 1);
  assert.ok(documents >= 90 && bytes <= 300_000, `${bytes} bytes`);
  await publish("first");
});

test("another deployment under an open page is noticed", async () => {
  await index("second", "# Extra\n\nA zebra crossed the quay.\n");
  await page.evaluate(async () => {
    window.site = await t.open(new URL("/published/", location.href));
    await window.site.search("Nearfield", { k: 1 });
  });
  await publish("second");
  const ids = await page.evaluate(async () => {
    // The first that needs something which is not here yet finds that it is gone.
    await window.site.search("collection model vectors commit", { k: 50 });
    return (await window.site.search("zebra quay")).hits.map(({ id }) => id);
  });
  assert.ok(ids.includes("EXTRA.md"), ids.join());
  await rm(join(folder, "site"), { recursive: true });
  const gone = await page.evaluate(() => t.failure(window.site.search("limits wasm memory")));
  assert.equal(gone.code, "NotFound");
  await publish("second");
  const back = await page.evaluate(async () => (await window.site.search("limits wasm memory")).hits.length);
  assert.ok(back > 0);
  await page.evaluate(() => window.site.close());
});

test("damage on the server is an error, never an answer", async () => {
  const blobs = join(folder, "site", "blobs");
  const segment = (await readdir(blobs)).find((name) => /^seg-\d+-[0-9a-f]{8}$/.test(name));
  const bytes = await readFile(join(blobs, segment));
  const good = Buffer.from(bytes);
  bytes[200] ^= 1;
  await writeFile(join(blobs, segment), bytes);
  const { broken, hits } = await page.evaluate(async () => {
    const db = await t.open(new URL("/published/", location.href));
    const { hits } = await db.search("checksum");
    const { broken } = await db.stats();
    await db.close();
    return { hits, broken };
  });
  assert.deepEqual(hits, []);
  assert.match(broken[0], /Corrupt/);
  await writeFile(join(blobs, segment), good);
  const missing = await page.evaluate(() => t.failure(t.open(new URL("/nowhere/", location.href))));
  assert.equal(missing.code, "NotFound");
});

test("the search box opens a published collection", async () => {
  const text = await page.evaluate(async () => {
    await import("/pkg/element.js");
    const box = document.createElement("nearfield-search");
    box.setAttribute("src", "/published/");
    box.worker = t.worker;
    document.body.append(box);
    const input = box.shadowRoot.querySelector("input");
    input.value = "zebra";
    input.dispatchEvent(new Event("input"));
    const option = () => box.shadowRoot.querySelector("li");
    for (let tries = 0; tries < 100 && !option(); tries++) await new Promise((resolve) => setTimeout(resolve, 50));
    const found = option()?.textContent;
    box.remove();
    return found;
  });
  assert.match(text ?? "nothing", /zebra/);
});
