// Tests of the TypeScript sources in Node: a module is bundled into a temporary file and imported.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const sources = fileURLToPath(new URL("../../src/js/", import.meta.url));

/** The exports of `src/js/<file>`. Each call gives a fresh copy of the module's state. */
export async function load(file) {
  const folder = await mkdtemp(join(tmpdir(), "nearfield-js-"));
  const outfile = join(folder, "module.mjs");
  try {
    await build({
      entryPoints: [sources + file],
      outfile,
      bundle: true,
      format: "esm",
      platform: "neutral",
      external: ["#wasm", "#reference", "#generator", "#gpu"],
      logLevel: "error",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Lets everything that is ready to run do so. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
