// The package as users get it: the packed tarball, installed into an empty application.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openPage } from "../tools/fixture.mjs";
import { pkg, root } from "../tools/paths.mjs";

let app;
let packed;

const inApp = (command, ...args) => execFileSync(command, args, { cwd: app, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

before(async () => {
  app = await mkdtemp(join(tmpdir(), "nearfield-app-"));
  [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", app], { cwd: pkg, encoding: "utf8" }));
  await writeFile(join(app, "package.json"), '{ "name": "app", "version": "1.0.0", "type": "module", "private": true }');
  inApp("npm", "install", "--offline", "--no-audit", join(app, packed.filename));
});

after(() => rm(app, { recursive: true, force: true }));

test("the tarball holds what is needed and nothing else", () => {
  const files = packed.files.map(({ path }) => path).filter((path) => !path.startsWith("types/"));
  assert.deepEqual(files.sort(), [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "element.js",
    "generator.js",
    "generator.wasm",
    "gpu.js",
    "gpu.wasm",
    "lite/nearfield.js",
    "lite/nearfield.wasm",
    "lite/worker.js",
    "nearfield-relaxed.wasm",
    "nearfield.js",
    "nearfield.wasm",
    "package.json",
    "reference.js",
    "reference.wasm",
    "worker.js",
  ]);
  assert.ok(packed.files.some(({ path }) => path === "types/index.d.ts"));
});

test("importing it on a server runs nothing", () => {
  const script = 'const { open } = await import("nearfield"); console.log(typeof open);';
  assert.equal(inApp(process.execPath, "--input-type=module", "-e", script).trim(), "function");
});

test("its wasm can be resolved by name", () => {
  const script = 'console.log(import.meta.resolve("nearfield/nearfield.wasm"));';
  assert.match(inApp(process.execPath, "--input-type=module", "-e", script), /nearfield\.wasm/);
});

for (const [module, resolution] of [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
]) {
  test(`its types hold with moduleResolution ${resolution}`, async () => {
    await writeFile(
      join(app, "use.ts"),
      `import { open, NearfieldError, type Hit } from "nearfield";
       const db = await open("docs");
       await db.add([{ id: "1", text: "one", meta: { year: 2020 } }]);
       const { hits } = await db.search("one", { k: 3, filter: { year: { gte: 2020 } } });
       export const first: Hit | undefined = hits[0];
       export const failed = (error: unknown) => error instanceof NearfieldError && error.code;
       // @ts-expect-error: k is a number
       await db.search("one", { k: "three" });`,
    );
    const flags = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"];
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    inApp(process.execPath, tsc, ...flags, "--module", module, "--moduleResolution", resolution, "use.ts");
  });
}

test("a plain page uses it without a build step", async (t) => {
  await writeFile(
    join(app, "page.mjs"),
    `import { open } from "/node_modules/nearfield/nearfield.js";
     const db = await open("docs");
     await db.add([{ id: "cat", text: "The cat sat on the mat." }, { id: "dog", text: "Dogs bark at night." }]);
     const { hits } = await db.search("barking dogs");
     document.title = hits.map((hit) => hit.id).join(",");
     await db.close();`,
  );
  await writeFile(
    join(app, "index.html"),
    '<!doctype html><link rel="icon" href="data:," /><title>waiting</title><script type="module" src="page.mjs"></script>',
  );
  const mounts = [{ at: "/", folder: app }];
  const { page, problems, close } = await openPage({ path: "/", mounts, policy: "script-src 'self' 'wasm-unsafe-eval'" });
  t.after(close);
  await page.waitForFunction(() => document.title !== "waiting", undefined, { timeout: 30_000 }).catch(() => {});
  assert.deepEqual(problems, []);
  assert.equal(await page.title(), "dog");
});

test("the manifest names the version of the crate", async () => {
  const manifest = JSON.parse(await readFile(join(pkg, "package.json"), "utf8"));
  const cargo = await readFile(join(root, "Cargo.toml"), "utf8");
  assert.ok(cargo.includes(`version = "${manifest.version}"`));
});
