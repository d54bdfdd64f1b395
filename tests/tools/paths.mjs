// Where things are. Everything that set-up makes lies in the cache (or in node_modules and target), nothing elsewhere.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/[\\/]$/, "");
export const cache = resolve(process.env.NEARFIELD_CACHE ?? join(root, ".cache"));
export const tools = join(cache, "tools");
export const wasmToolchain = join(cache, "wasm-toolchain");
export const models = resolve(process.env.NEARFIELD_MODELS ?? join(cache, "models"));
export const target = resolve(process.env.CARGO_TARGET_DIR ?? join(root, "target"));
/** The JavaScript glue that wasm-bindgen writes; `#wasm` in tsconfig.json names the same place. */
export const bindgen = join(root, "target", "bindgen");
export const pkg = join(root, "pkg");
