// What the check of dependencies makes of what tools print, and of what cargo says of crates.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { outcomes } from "../tools/audit.mjs";
import { permitted, policy, readPolicy, violations } from "../tools/policy.mjs";

const npm = (code, answer) => outcomes.npm({ code, stdout: typeof answer === "string" ? answer : JSON.stringify(answer, null, 2) });
const report = (counts, vulnerabilities = {}) => ({ auditReportVersion: 2, vulnerabilities, metadata: { vulnerabilities: counts } });

test("npm: findings are findings, whatever their texts say", () => {
  assert.equal(npm(0, report({ high: 0, total: 0 })), "in order");
  assert.equal(npm(0, report({ low: 1, high: 0, total: 1 })), "in order");
  const title = "answers 403 after a network timeout: failed to fetch, ECONNREFUSED, audit endpoint";
  assert.equal(npm(1, report({ high: 1, total: 1 }, { left: { via: [{ title }] } })), "failed");
});

test("npm: a request that failed is no finding, and no other failure is taken for one", () => {
  const error = { summary: "", detail: "" };
  assert.equal(npm(1, { message: "request to https://host/bulk failed, reason: connect ECONNREFUSED", error }), "unreachable");
  assert.equal(npm(1, { message: "405 Method Not Allowed - POST https://host/bulk", method: "POST", statusCode: 405, error }), "unreachable");
  assert.equal(npm(1, { error: { code: "ENOLOCK", summary: "This command requires an existing lockfile.", detail: "network" } }), "failed");
  assert.equal(npm(1, "network timeout"), "failed");
  assert.equal(npm(127, ""), "failed");
});

const deny = (code, ...records) => outcomes.deny({ code, output: records.map((record) => `${JSON.stringify(record)}\n`).join("") });
const log = (level, message) => ({ type: "log", fields: { level, message } });
const summary = (errors) => ({ type: "summary", fields: { advisories: { errors } } });

test("cargo-deny: findings are findings, whatever their texts say", () => {
  const message = "failed to fetch advisory database: network error 403";
  const finding = { type: "diagnostic", fields: { severity: "error", code: "vulnerability", message } };
  assert.equal(deny(1, finding, summary(1)), "failed");
  assert.equal(deny(1, finding), "failed");
  assert.equal(deny(0, summary(0)), "in order");
  assert.equal(deny(0), "in order");
});

test("cargo-deny: a database that cannot be fetched is no finding, and no other failure is taken for that", () => {
  const lost = "failed to fetch advisory database https://host/advisory-db: failed to connect";
  assert.equal(deny(1, log("WARN", "unused"), log("ERROR", lost)), "unreachable");
  assert.equal(deny(1, log("WARN", lost), log("ERROR", "failed to read deny.toml")), "failed");
  assert.equal(deny(1, log("ERROR", lost), summary(1)), "failed");
  assert.equal(outcomes.deny({ code: 101, output: "error: no such command: `deny`; network" }), "failed");
});

test("licence expressions", () => {
  const allowed = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"];
  for (const good of ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(MIT OR GPL-3.0) AND Zlib", "MIT AND Zlib", "GPL-3.0 OR MIT AND Zlib", "Apache-2.0 WITH LLVM-exception"]) {
    assert.equal(permitted(good, allowed), true, good);
  }
  for (const bad of ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR MIT) AND GPL-3.0", "MIT WITH x", "Apache-2.0", "MIT)", "(MIT", "MIT Zlib", "mit", "MIT OR"]) {
    assert.equal(permitted(bad, allowed), false, bad);
  }
});

const SOURCE = "registry+https://github.com/rust-lang/crates.io-index";
const crate = (more) => ({ id: "x", name: "x", version: "1.0.0", license: "MIT", source: SOURCE, dependencies: [], ...more });

test("crates are held against the policy", () => {
  const rules = { banned: ["openssl-sys"], licences: ["MIT"] };
  const check = (...packages) => violations({ packages, workspace_members: ["own"] }, rules);
  assert.deepEqual(check(crate(), crate({ id: "own", source: null, dependencies: [{ name: "y", req: "^1" }] })), []);
  assert.match(check(crate({ license: "GPL-3.0" })).join(), /x 1\.0\.0: licence GPL-3\.0 is not allowed/);
  assert.match(check(crate({ license: null })).join(), /licence unknown/);
  assert.match(check(crate({ name: "openssl-sys" })).join(), /is banned/);
  assert.match(check(crate({ source: "git+https://host/x" })).join(), /comes from git/);
  assert.match(check(crate({ source: null })).join(), /comes from a folder/);
  assert.match(check(crate({ id: "own", source: null, dependencies: [{ name: "y", req: "*" }] })).join(), /any version of y/);
});

test("the policy is the one of deny.toml, and cannot be lost by a change of its form", async () => {
  const toml = await readFile(new URL("../../deny.toml", import.meta.url), "utf8");
  const rules = readPolicy(toml);
  assert.ok(rules.licences.includes("MIT") && rules.banned.includes("openssl-sys") && rules.targets.length === 2);
  assert.throws(() => readPolicy(toml.replace("allow = [", "permit = [")), /licenses\.allow/);
  assert.throws(() => readPolicy(toml.replace('unknown-git = "deny"', 'unknown-git = "warn"')), /unknown-git/);
});

test("this project keeps to it", async () => assert.deepEqual(await policy(), []));
