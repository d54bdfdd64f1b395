// The sources can be imported where there is no browser, as a server that renders pages does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

test("importing runs nothing, and opening says what is missing", async () => {
  const { open, NearfieldError } = await load("index.ts");
  await assert.rejects(open("docs"), (error) => error instanceof NearfieldError && error.code === "Unsupported" && /browser/.test(error.message));
});

test("the element can be imported too", async () => {
  const { NearfieldSearch } = await load("element.ts");
  assert.equal(typeof NearfieldSearch, "function");
});
