// How many tests passed and failed, read from what a runner printed. A runner that crashed, or ran nothing, is a failure.

const cargo = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
const node = /^(?:#|ℹ) (pass|fail|cancelled|skipped|todo) (\d+)\s*$/gm;

/** Counts of libtest and wasm-bindgen-test: one line for each binary. An ignored test counts as failed: none is allowed. */
export function cargoCounts({ code, output }) {
  let [passed, failed] = [0, 0];
  for (const [, pass, fail, ignored] of plain(output).matchAll(cargo)) {
    passed += Number(pass);
    failed += Number(fail) + Number(ignored);
  }
  return settled({ passed, failed }, code);
}

/** Counts of Node's test runner, in its `tap` or `spec` form. Nothing may be skipped, but what a pattern leaves out. */
export function nodeCounts({ code, output }, { pattern = false } = {}) {
  const sums = {};
  for (const [, kind, count] of plain(output).matchAll(node)) sums[kind] = (sums[kind] ?? 0) + Number(count);
  const { pass = 0, fail = 0, cancelled = 0, skipped = 0, todo = 0 } = sums;
  return settled({ passed: pass, failed: fail + cancelled + todo + (pattern ? 0 : skipped) }, code);
}

/** What tests say of themselves that a person wants to see at the end: how many crashes, damages, kills were tried. */
export const harnessLines = (output) => [...plain(output).matchAll(/^.*?\bharness: (.+)$/gm)].map(([, line]) => line.trim());

/** A check that has no counts of its own, such as a formatter: one test. */
export function checkCounts({ code }) {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function settled({ passed, failed }, code) {
  const crashed = failed === 0 && (code !== 0 || passed === 0);
  return { passed, failed: crashed ? 1 : failed };
}

const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, "");
