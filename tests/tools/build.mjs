// `npm run build`: Rust -> wasm, TypeScript -> JavaScript, both -> pkg/. Set-up of what compiling needs comes first.
//
//   npm run build               everything
//   npm run build -- --js       only JavaScript and the package around it, with the wasm of the last build
//   npm run build -- --quick    for trying a change: the full engine only, not optimised and not weighed
//   npm run build -- --quick --gpu, --reference   the same for a module that is loaded on demand, besides
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { buildPackage, weigh } from "./package.mjs";
import { pkg } from "./paths.mjs";
import { duration } from "./process.mjs";
import { setup } from "./setup.mjs";
import { buildWasm } from "./wasm.mjs";

/** `quick`: the products to build quickly, by their glue; without, everything is built. */
export async function build({ js = false, quick } = {}) {
  const start = Date.now();
  if (!js) {
    console.log("[build] Rust to wasm (minutes the first time, seconds when nothing changed)");
    if (!quick) await rm(pkg, { recursive: true, force: true });
    await buildWasm({ quick });
  }
  console.log("[build] TypeScript to JavaScript");
  await buildPackage();
  if (!quick) await weigh();
  console.log(`[build] pkg/ is ready after ${duration(Date.now() - start)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup(["build"], { yes: process.argv.includes("--yes") });
    const given = (name) => process.argv.includes(`--${name}`);
    const quick = given("quick") ? ["nearfield", ...["gpu", "reference"].filter(given)] : undefined;
    await build({ js: given("js"), quick });
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
