import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support.mjs";

const { translated } = await load("translate.ts");
const { planStages } = await load("stages.ts");

const check = async (answer, replace, expected) => {
  const { query, others, ms } = await translated("Katze", { by: async () => answer, replace }, undefined);
  assert.deepEqual({ query, others }, expected);
  assert.ok(ms >= 0);
};

test("translations are searched beside the query, or in its place", async () => {
  await check("cat", false, { query: "Katze", others: ["cat"] });
  await check("cat", true, { query: "cat", others: [] });
  await check(["cat", "chat", "cat"], undefined, { query: "Katze", others: ["cat", "chat"] });
  await check([" cat\n", "chat"], true, { query: "cat", others: ["chat"] });
});

test("what is empty or the query itself adds nothing", async () => {
  await check("", true, { query: "Katze", others: [] });
  await check(["Katze", " "], false, { query: "Katze", others: [] });
  await check([], true, { query: "Katze", others: [] });
});

test("the translator gets the query and the signal; what it throws and returns wrongly is said", async () => {
  const { signal } = new AbortController();
  await translated("Katze", (query, options) => (assert.deepEqual([query, options.signal], ["Katze", signal]), "cat"), signal);
  await assert.rejects(translated("x", () => Promise.reject(new Error("offline")), undefined), /offline/);
  await assert.rejects(translated("x", () => 7, undefined), { code: "InvalidInput", message: /options\.translate returned/ });
});

test("an abort while it translates ends the search", async () => {
  const controller = new AbortController();
  const never = () => (setTimeout(() => controller.abort()), new Promise(() => {}));
  await assert.rejects(translated("x", never, controller.signal), { code: "Aborted" });
  await assert.rejects(translated("x", () => assert.fail("asked"), controller.signal), { code: "Aborted" });
});

test("the first stage waits for no translation", () => {
  const stages = planStages({ mode: "hybrid", translate: () => "cat" });
  assert.deepEqual(stages.map(({ options }) => "translate" in options), [false, true]);
});
