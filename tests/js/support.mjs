// Tests of the TypeScript sources in Node: a module is bundled in memory and imported.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../../src/js/", import.meta.url));

/** The exports of `src/js/<file>`. Each call gives a fresh copy of the module's state. */
export async function load(file) {
  const { outputFiles } = await build({
    entryPoints: [sources + file],
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["#wasm"],
    write: false,
    logLevel: "error",
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/** Lets everything that is ready to run do so. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
