import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { locate } = await load("models.ts");

const BASE = "https://site.example/models/";
const CATALOGUE = [{ name: "known", digest: "d" }];
const at = (model) => locate({ model, base: BASE }, CATALOGUE);

test("names of the catalogue are folders below the base", () => {
  assert.deepEqual(at("known"), { name: "known", url: `${BASE}known/`, digest: "d" });
  assert.throws(() => at("unknown"), { code: "InvalidInput", message: /the catalogue has known/ });
});

// Two families keep their prefixes in no file: what stands before a text depends on the name.
for (const [model, name, url] of [
  ["https://cdn.example/a/e5-small-v2", "e5-small-v2", "https://cdn.example/a/e5-small-v2/"],
  ["https://cdn.example/e5-small-v2/?v=1#x", "e5-small-v2", "https://cdn.example/e5-small-v2/"],
  ["https://hub.example/org/e5-small-v2/resolve/main/", "e5-small-v2", "https://hub.example/org/e5-small-v2/resolve/main/"],
  ["https://hub.example/org/bge-small-en/resolve/abc123/onnx", "bge-small-en", "https://hub.example/org/bge-small-en/resolve/abc123/onnx/"],
  ["https://models.example/resolve/e5/", "e5", "https://models.example/resolve/e5/"],
  ["./resolve/", "resolve", `${BASE}resolve/`],
  ["https://models.example", "models.example", "https://models.example/"],
]) {
  test(`the name of ${model}`, () => assert.deepEqual(at(model), { name, url, digest: undefined }));
}
