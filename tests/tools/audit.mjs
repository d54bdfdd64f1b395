// Dependencies: licences, sources and bans always (policy.mjs, and cargo-deny where it is installed), known weaknesses
// where the databases can be reached. What cannot be done here is said, and is no failure.
import { policy } from "./policy.mjs";
import { run, which } from "./process.mjs";
import { wasmEnv } from "./rust.mjs";

/**
 * What became of an audit: "in order", "unreachable" if the database gave no answer, else "failed". Decided by the form
 * of what a tool printed and never by words in it: advisories are texts, and say "network" and "403" themselves.
 */
export const outcomes = {
  /** `npm audit --json`: a report counts vulnerabilities; a request that failed is an object with its `message`. */
  npm({ code, stdout }) {
    const answer = parsed(stdout);
    if (answer?.metadata?.vulnerabilities) return code === 0 ? "in order" : "failed";
    return code !== 0 && typeof answer?.message === "string" ? "unreachable" : "failed";
  },

  /** `cargo deny --format json`: records, a line each. What was checked ends with a summary, and without the database nothing is. */
  deny({ code, output }) {
    const records = output.split("\n").map(parsed).filter(Boolean);
    if (records.some(({ type }) => type === "summary" || type === "diagnostic")) return code === 0 ? "in order" : "failed";
    if (code === 0) return "in order";
    const errors = records.filter(({ type, fields }) => type === "log" && fields?.level === "ERROR");
    const fetching = ({ fields }) => String(fields.message).startsWith("failed to fetch advisory database");
    return errors.some(fetching) ? "unreachable" : "failed";
  },
};

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function step(name, command, args, outcome) {
  const result = await run(command, args, { quiet: true, timeout: 120_000, env: toolEnv() });
  const became = outcome(result);
  if (became === "failed") console.log(result.output.trimEnd());
  console.log(`${name}: ${became === "unreachable" ? "skipped, the database cannot be reached here" : became}`);
  return became === "failed" ? 1 : 0;
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
  const wrong = await policy();
  for (const line of wrong) console.log(line);
  console.log(`licences, sources and bans of crates: ${wrong.length === 0 ? "in order" : "failed"}`);
  let code = wrong.length === 0 ? 0 : 1;
  if (which("cargo-deny", toolEnv().PATH)) {
    const plain = ({ code }) => (code === 0 ? "in order" : "failed");
    code += await step("cargo deny: bans, licences, sources", "cargo", ["deny", "--offline", "check", "bans", "licenses", "sources"], plain);
    code += await step("cargo deny: advisories", "cargo", ["deny", "--format", "json", "check", "advisories"], outcomes.deny);
  } else {
    console.log("cargo deny: advisories skipped, it is not installed (cargo install cargo-deny)");
  }
  const patience = ["--fetch-timeout=20000", "--fetch-retries=1"];
  code += await step("npm audit", "npm", ["audit", "--json", "--audit-level=high", "--loglevel=silent", ...patience], outcomes.npm);
  return { code, output: "" };
}
