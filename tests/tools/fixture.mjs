// What every browser test starts from: the built package, the demo and the models on a local server under the strict
// policy, and a page in Chromium that remembers everything that went wrong on it.
//
//   const { page, problems, close } = await openPage({ path: "/" });
//   …
//   assert.deepEqual(problems, []);
//   await close();
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumArgs, find } from "./browsers.mjs";
import { root } from "./paths.mjs";
import { DEMO, serve } from "./serve.mjs";

/** Besides the demo: an empty page at /blank/, for tests of the package without it, and those of tests/e2e/pages. */
export const SITE = [
  { at: "/blank/", folder: join(root, "tests", "tools", "blank") },
  { at: "/pages/", folder: join(root, "tests", "e2e", "pages") },
  ...DEMO,
];

/**
 * Opens `path` in a fresh Chromium profile. Returns the Playwright `page` and `context`, the `site` (see serve.mjs),
 * `problems` (page errors, console errors, policy violations) and `close`. `args` are further flags of Chromium;
 * `intercept` answers requests before the files do; `policy` replaces the strict one.
 */
export async function openPage({ path = "/blank/", args = [], intercept, policy, mounts = SITE } = {}) {
  const site = await serve(mounts, { intercept, policy });
  const profile = await mkdtemp(join(tmpdir(), "nearfield-"));
  let context;
  const close = async () => {
    await context?.close();
    await site.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    // Imported here, because tools load this file before set-up has installed anything.
    const { chromium } = await import("playwright-core");
    context = await chromium.launchPersistentContext(profile, {
      executablePath: find("chromium"),
      args: [...chromiumArgs(), ...args],
      headless: true,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    const problems = [];
    page.on("pageerror", (error) => problems.push(`page error: ${error.stack ?? error}`));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    await page.goto(site.url + path);
    return { page, context, site, problems, close };
  } catch (error) {
    // A server left open would keep the test's process alive.
    await close();
    throw error;
  }
}
