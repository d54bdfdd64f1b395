// What deny.toml asks of licences, sources and bans, held against what cargo says of the crates: the part of cargo-deny
// that needs nothing but cargo, since compiling cargo-deny takes longer than all else that a test run needs of tools.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./process.mjs";

const REGISTRY = "registry+https://github.com/rust-lang/crates.io-index";

/** The words in quotes of the array `key` of a section. There has to be one: a policy that cannot be read forbids nothing. */
function list(toml, section, key) {
  const part = toml.split(/^\[/m).find((part) => part.startsWith(`${section}]`));
  const array = part && new RegExp(`^${key} = \\[([^\\]]*)\\]`, "m").exec(part.replace(/^ *#.*$/gm, ""));
  const words = array && [...array[1].matchAll(/"([^"]*)"/g)].map(([, word]) => word);
  if (!words?.length) throw new Error(`deny.toml: nothing in ${section}.${key}`);
  return words;
}

/** The part of deny.toml that is checked here. */
export function readPolicy(toml) {
  for (const rule of ['wildcards = "deny"', 'unknown-registry = "deny"', 'unknown-git = "deny"']) {
    if (!toml.includes(`\n${rule}\n`)) throw new Error(`deny.toml: no ${rule}`);
  }
  return {
    features: list(toml, "graph", "features"),
    targets: list(toml, "graph", "targets"),
    banned: list(toml, "bans", "deny"),
    licences: list(toml, "licenses", "allow"),
  };
}

/**
 * Whether an SPDX expression can be satisfied with the allowed licences. Old manifests write `/` for OR. A licence WITH
 * an exception is one of its own, which has to be allowed as such.
 */
export function permitted(expression, allowed) {
  const tokens = expression.replaceAll("/", " OR ").match(/[()]|[^\s()]+(?:\s+WITH\s+[^\s()]+)?/g) ?? [];
  let at = 0;
  const either = () => {
    let holds = both();
    while (tokens[at] === "OR") at++, (holds = both() || holds);
    return holds;
  };
  const both = () => {
    let holds = one();
    while (tokens[at] === "AND") at++, (holds = one() && holds);
    return holds;
  };
  const one = () => {
    const token = tokens[at++];
    if (token !== "(") return allowed.includes(token);
    const holds = either();
    return tokens[at++] === ")" && holds;
  };
  return either() && at === tokens.length;
}

/** What is wrong with the packages of `cargo metadata`, a line each. */
export function violations({ packages, workspace_members: own }, { banned, licences }) {
  const wrong = [];
  for (const { id, name, version, license, source, dependencies } of packages) {
    const say = (what) => wrong.push(`${name} ${version}: ${what}`);
    if (!permitted(license ?? "", licences)) say(`licence ${license ?? "unknown"} is not allowed`);
    if (banned.includes(name)) say("is banned");
    if (!own.includes(id) && source !== REGISTRY) say(`comes from ${source ?? "a folder"}`);
    if (!own.includes(id)) continue;
    for (const { name, req } of dependencies) if (req === "*") say(`takes any version of ${name}`);
  }
  return wrong;
}

/** Resolves to what is wrong with the crates that Cargo.lock names, for all targets and features of deny.toml. */
export async function policy() {
  const rules = readPolicy(await readFile(join(root, "deny.toml"), "utf8"));
  const targets = rules.targets.flatMap((target) => ["--filter-platform", target]);
  const args = ["metadata", "--format-version", "1", "--locked", "--quiet", "--features", rules.features.join(","), ...targets];
  const { code, stdout, output } = await run("cargo", args, { quiet: true });
  if (code !== 0) return [output.trimEnd()];
  return violations(JSON.parse(stdout), rules);
}
