// The ground under the other browser tests: the server's policy is really in force, and its answers are exact.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { serve } from "../tools/serve.mjs";

test("the policy forbids eval and inline script", async (t) => {
  const { page, problems, close } = await openPage();
  t.after(close);
  const outcome = await page.evaluate(() => {
    const script = document.createElement("script");
    try {
      script.textContent = "window.ran = true";
    } catch (error) {
      return error.name;
    }
    document.body.append(script);
    return window.ran === true;
  });
  assert.equal(outcome, "TypeError", "Trusted Types refuse text as script");
  assert.ok(problems.length > 0, "a violation is among the problems");
});

test("ranges, missing files and paths out of the folder", async (t) => {
  const site = await serve();
  t.after(site.close);
  const get = (path, headers) => fetch(site.url + path, { headers });
  const check = async (path, range, status, bytes) => {
    const response = await get(path, range ? { Range: range } : {});
    assert.equal(response.status, status, `${path} ${range}`);
    const length = (await response.arrayBuffer()).byteLength;
    if (bytes !== undefined) assert.equal(length, bytes, `${path} ${range}`);
  };
  const { length } = await (await get("/sample/README.md")).text();
  await check("/sample/README.md", "bytes=0-9", 206, 10);
  await check("/sample/README.md", "bytes=-5", 206, 5);
  await check("/sample/README.md", `bytes=0-${length * 9}`, 200);
  await check("/sample/README.md", "bytes=99999999-", 416);
  await check("/sample/Cargo.toml", undefined, 404);
  const names = await (await get("/sample/index.json")).json();
  assert.ok(names.includes("README.md") && names.every((name) => name.endsWith(".md")), names.join());
  await check("/pkg/..%2f..%2fCargo.toml", undefined, 404);
  await check("/pkg/%2e%2e/Cargo.toml", undefined, 404);
});
