// Starting other programs: with their output shown and kept (`run`), or only kept (`capture`).
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { root } from "./paths.mjs";

/**
 * Runs a program, shows its output as it comes and resolves to `{ code, output, stdout }`, of which `output` has both
 * streams; a program that cannot be started has code 127. `quiet` keeps the output to itself; `timeout` ends the program
 * after so many milliseconds.
 */
export function run(command, args, { env = {}, cwd = root, quiet = false, timeout } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout });
    const parts = [];
    const take = (stream) => (data) => {
      parts.push({ stream, data });
      if (!quiet) stream.write(data);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    const text = (chosen) => Buffer.concat(chosen.map(({ data }) => data)).toString("utf8");
    child.on("error", (error) => done({ code: 127, output: `${command}: ${error.message}\n`, stdout: "" }));
    child.on("close", (code) => {
      const stdout = text(parts.filter(({ stream }) => stream === process.stdout));
      done({ code: code ?? 1, output: text(parts), stdout });
    });
  });
}

/** Runs a program and throws, with the end of what it printed, unless it succeeds. */
export async function must(command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) {
    const said = options?.quiet ? `\n${output.trimEnd().split("\n").slice(-20).join("\n")}` : "";
    throw new Error(`\`${[command, ...args].join(" ")}\` ended with status ${code}${said}`);
  }
  return output;
}

/** What a program prints on standard output, or undefined when it fails or does not exist. */
export function capture(command, args, { env = {}, cwd = root } = {}) {
  const result = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** The full path of a program on PATH, or undefined. */
export function which(name, path = process.env.PATH ?? "") {
  const endings = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const folder of path.split(delimiter)) {
    for (const ending of endings) {
      const file = join(folder, name + ending);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/** "1 min 05 s" for people; input in milliseconds. */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
