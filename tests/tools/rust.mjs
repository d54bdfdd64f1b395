// The Rust side of set-up: a standard library for wasm32, and the command-line tools, wasm-bindgen at the version that
// Cargo.lock names.
//
// A standard library comes from rustup where its server can be reached. Otherwise it is compiled from the sources that
// Debian packages beside its own rustc, into a folder of the cache that holds a `rustc` with that folder as its sysroot.
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cache, root, tools, wasmToolchain } from "./paths.mjs";
import { capture, must, run, which } from "./process.mjs";

const TARGET = "wasm32-unknown-unknown";
const HOST_RUSTC = "/usr/bin/rustc";
const STD_SOURCE = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

const inCache = () => join(wasmToolchain, "bin", "rustc");

function hasTarget(rustc) {
  const folder = capture(rustc, ["--print", "target-libdir", "--target", TARGET]);
  return folder !== undefined && existsSync(folder);
}

/** Whether wasm can be compiled at once, in either way. */
export const wasmReady = () => hasTarget("rustc") || hasTarget(inCache());

const toolPath = () => [join(tools, "bin"), process.env.PATH].join(delimiter);

/** Environment under which cargo and wasm-pack compile for wasm32 and find the tools of the cache. */
export function wasmEnv() {
  if (hasTarget("rustc")) return { PATH: toolPath() };
  if (!hasTarget(inCache())) throw new Error("Rust cannot compile for WebAssembly here yet: `node tests/tools/setup.mjs build`");
  return { PATH: [join(wasmToolchain, "bin"), toolPath()].join(delimiter), RUSTC: inCache() };
}

/** The ordinary way. rustup may not exist, or may not reach its server: that is for the next way. */
export async function addRustupTarget() {
  if (!which("rustup")) throw new Error("rustup is not installed");
  const { code } = await run("rustup", ["target", "add", TARGET], { quiet: true, timeout: 300_000 });
  if (code !== 0) throw new Error("rustup could not download it");
}

/** The Debian packages that the second way lacks. */
export function missingStdPackages() {
  const missing = [];
  if (!existsSync(HOST_RUSTC)) missing.push("rustc-web");
  if (!existsSync(STD_SOURCE)) missing.push("rust-web-src");
  if (!ownLinker() && !existsSync("/usr/bin/lld")) missing.push("lld");
  return missing;
}

/** The second way: compile std for wasm32 from Debian's sources. About a minute. */
export async function buildStd() {
  const seed = join(cache, "std");
  await rm(seed, { recursive: true, force: true });
  await mkdir(join(seed, "src"), { recursive: true });
  await writeFile(
    join(seed, "Cargo.toml"),
    '[package]\nname = "std-seed"\nversion = "0.0.0"\nedition = "2021"\n[lib]\n[workspace]\n',
  );
  await writeFile(join(seed, "src", "lib.rs"), "#![no_std]\n");
  await must(
    "cargo",
    ["build", "--release", "--target", TARGET, "-Z", "build-std=std,panic_abort,proc_macro,test"],
    {
      cwd: seed,
      // Unstable flags on a stable compiler, as the distribution itself builds std; bitcode, for link-time optimisation.
      env: {
        RUSTC_BOOTSTRAP: "1",
        RUSTC: HOST_RUSTC,
        RUSTFLAGS: "-C embed-bitcode=yes",
        CARGO_TARGET_DIR: join(seed, "target"),
      },
    },
  );

  const host = /^host: (.+)$/m.exec(capture(HOST_RUSTC, ["-vV"]) ?? "")?.[1];
  if (!host) throw new Error(`${HOST_RUSTC} -vV names no host`);
  const rustlib = join(wasmToolchain, "lib", "rustlib");
  await rm(wasmToolchain, { recursive: true, force: true });
  await mkdir(join(rustlib, host, "bin"), { recursive: true });
  await mkdir(join(rustlib, TARGET, "lib"), { recursive: true });
  await mkdir(join(wasmToolchain, "bin"), { recursive: true });
  await symlink(join("/usr/lib/rustlib", host, "lib"), join(rustlib, host, "lib"));
  await symlink(ownLinker() ?? "/usr/bin/lld", join(rustlib, host, "bin", "rust-lld"));
  const deps = join(seed, "target", TARGET, "release", "deps");
  for (const file of await readdir(deps)) {
    if (file.endsWith(".rlib")) await cp(join(deps, file), join(rustlib, TARGET, "lib", file));
  }
  await writeFile(inCache(), `#!/bin/sh\nexec ${HOST_RUSTC} --sysroot "$(cd "$(dirname "$0")/.." && pwd)" "$@"\n`);
  await chmod(inCache(), 0o755);
  await rm(seed, { recursive: true, force: true });
}

/** The linker of the default toolchain, which understands what its compiler writes; Debian's own lld is older. */
function ownLinker() {
  const sysroot = capture("rustc", ["--print", "sysroot"]);
  const host = /^host: (.+)$/m.exec(capture("rustc", ["-vV"]) ?? "")?.[1];
  const file = sysroot && host && join(sysroot, "lib", "rustlib", host, "bin", "rust-lld");
  return file && existsSync(file) ? file : undefined;
}

/** Command-line tools, and how each says its version. `wasm-bindgen` must equal the crate that Cargo.lock names. */
const versions = { "wasm-pack": "0.15.1", geckodriver: "0.37.1" };
const crates = { "wasm-bindgen": "wasm-bindgen-cli" };

async function wanted(name) {
  if (name !== "wasm-bindgen") return versions[name];
  const lock = await readFile(join(root, "Cargo.lock"), "utf8");
  const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new Error("Cargo.lock names no version of wasm-bindgen");
  return version;
}

/** Whether a tool of that name is on PATH or in the cache. Only wasm-bindgen's version must match exactly. */
export async function toolReady(name) {
  const file = which(name, toolPath());
  if (!file) return false;
  if (name !== "wasm-bindgen") return true;
  const fits = (capture(file, ["--version"]) ?? "").endsWith(` ${await wanted(name)}`);
  return fits && which("wasm-bindgen-test-runner", toolPath()) !== undefined;
}

/** Compiles tools into the cache: one shared target folder, little optimisation, since compiling is what takes the time. */
export async function installTools(names) {
  const specs = await Promise.all(names.map(async (name) => `${crates[name] ?? name}@${await wanted(name)}`));
  const build = join(cache, "tools-build");
  await must("cargo", ["install", "--quiet", "--root", tools, "--target-dir", build, ...specs], {
    env: {
      CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
      CARGO_PROFILE_RELEASE_LTO: "off",
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
      CARGO_PROFILE_RELEASE_DEBUG: "0",
    },
  });
  await rm(build, { recursive: true, force: true });
}
