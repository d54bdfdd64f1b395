import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { load } from "./support.mjs";

const limits = await load("limits.ts");
const rust = await readFile(new URL("../../src/limits.rs", import.meta.url), "utf8");

for (const name of ["CONFIG_BYTES", "TOKENIZER_BYTES", "MODEL_BYTES", "MANIFEST_BYTES"]) {
  test(`${name} is that of limits.rs`, () => {
    const [, base, shift] = new RegExp(`^pub const ${name}: \\w+ = (\\d+) << (\\d+);`, "m").exec(rust);
    assert.equal(limits[name], Number(base) * 2 ** Number(shift));
  });
}

test("no more of a published file is read than is asked for", async () => {
  const { fetchPublished } = await load("published.ts");
  const file = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  let [sent, cancelled] = [0, false];
  /** Sends the file over and over, in pieces. */
  const endless = () =>
    new ReadableStream({
      pull: (controller) => {
        controller.enqueue(file.slice());
        sent += file.length;
      },
      cancel: () => void (cancelled = true),
    });
  const answer = (body, status) => (globalThis.fetch = async () => new Response(body, { status }));
  // A host without ranges begins at the first byte.
  answer(endless(), 200);
  const bytes = await fetchPublished("https://a.example/blobs/x", 1990, 2010);
  assert.deepEqual([...bytes], Array.from({ length: 20 }, (_, i) => file[(1990 + i) % 1000]));
  assert.ok(cancelled && sent <= 5000, `${sent} bytes`);
  // One with ranges that sends more than was asked for.
  answer(endless(), 206);
  assert.equal((await fetchPublished("https://a.example/blobs/x", 10, 1500)).length, 1490);
  answer(file.slice(0, 10), 200);
  assert.equal((await fetchPublished("https://a.example/manifest", 0, 0)).length, 10);
  answer(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 24)) }), 200);
  await assert.rejects(fetchPublished("https://a.example/manifest", 0, 0), { code: "LimitExceeded", message: /more than 67108864 bytes/ });
  answer(new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) }), 200);
  await assert.rejects(fetchPublished("https://a.example/manifest", 0, 0), { code: "Network" });
});

test("small files of a model that never end are refused", async () => {
  const { fetchText } = await load("fetching.ts");
  globalThis.fetch = async () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)) }));
  await assert.rejects(fetchText("https://a.example/config.json", limits.CONFIG_BYTES, new AbortController().signal), { code: "LimitExceeded" });
});
