// Dependencies: bans, licences and sources always, known weaknesses where the databases can be reached. What cannot be
// done here is said, and is no failure.
import { run, which } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";

/** A database that cannot be reached, as the tools put it. */
const UNREACHABLE = /failed to (fetch|download|clone)|could not connect|couldn't (connect|resolve)|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|audit endpoint|network|timed? ?out|40[0-9]|50[0-9]/i;

async function step(name, command, args, { optional = false } = {}) {
  const { code, output } = await run(command, args, { quiet: true, timeout: 120_000, env: toolEnv() });
  if (code === 0) {
    console.log(`${name}: in order`);
    return 0;
  }
  if (optional && UNREACHABLE.test(output)) {
    console.log(`${name}: skipped, the database cannot be reached here`);
    return 0;
  }
  console.log(output.trimEnd());
  console.log(`${name}: failed`);
  return 1;
}

function toolEnv() {
  try {
    return { PATH: wasmEnv().PATH };
  } catch {
    return {};
  }
}

/** Resolves like `run`: `code` is 0 when nothing is wrong. */
export async function audit() {
  let code = 0;
  if (which("cargo-deny", toolEnv().PATH)) {
    code += await step("cargo deny: bans, licences, sources", "cargo", ["deny", "--offline", "check", "bans", "licenses", "sources"]);
    code += await step("cargo deny: advisories", "cargo", ["deny", "check", "advisories"], { optional: true });
  } else {
    console.log("cargo deny: skipped, it is not installed (cargo install cargo-deny)");
  }
  code += await step("npm audit", "npm", ["audit", "--audit-level=high"], { optional: true });
  return { code, output: "" };
}
