// The browser in which everything is measured: one page that is cross-origin isolated, so that peers may use threads
// and clocks are fine, and a worker for each contender.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openPage } from "../tools/fixture.mjs";
import { bindgen, models, pkg, root, target } from "../tools/paths.mjs";
import { adapter } from "../tools/webgpu.mjs";
import { onnx, packages } from "./peers.mjs";

const folder = join(root, "tests", "bench");
const bundles = join(target, "bench");

/** What contenders have in common. */
const SHARED = new Set(["answer.mjs", "onnx.mjs", "vectors.mjs", "words.mjs"]);

/** Peers compile text at run time and start workers from blobs. What comes from elsewhere stays forbidden. */
const POLICY = "default-src 'self' blob: data: 'unsafe-inline' 'unsafe-eval'; connect-src 'self' blob: data:";
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Those that need no peer's package. */
const isOurs = (file) => /^(nearfield-|exhaustive|calibration)/.test(file);

/** Bundles the contenders as an application would be bundled; our own package stays as it is published. */
async function bundle({ ours }) {
  const { build } = await import("esbuild");
  const all = (await readdir(join(folder, "contenders"))).filter((file) => file.endsWith(".mjs") && !SHARED.has(file));
  const files = ours ? all.filter(isOurs) : all;
  await build({
    entryPoints: files.map((file) => join(folder, "contenders", file)),
    outdir: bundles,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["/pkg/*", "/bindgen/*"],
    logLevel: "error",
  });
}

export class Lab {
  #opened;
  #last = 0;

  /** Browser and version, as it says itself. */
  browser = "";

  /** `args`: further flags of Chromium; `ours`: without peers, which need not be installed then. */
  static async open({ args, ours = false } = {}) {
    await bundle({ ours });
    const lab = new Lab();
    const mounts = [
      { at: "/contenders/", folder: bundles },
      { at: "/peers/", folder: packages },
      { at: "/onnx/", folder: onnx },
      { at: "/models/", folder: models },
      { at: "/pkg/", folder: pkg },
      { at: "/bindgen/", folder: bindgen },
      { at: "/", folder: join(folder, "page") },
    ];
    const intercept = (_, response) => {
      for (const [header, value] of Object.entries(ISOLATED)) response.setHeader(header, value);
      return false;
    };
    lab.#opened = await openPage({ path: "/", mounts, intercept, policy: POLICY, args });
    const { page } = lab.#opened;
    page.setDefaultTimeout(0);
    await lab.#ready();
    lab.browser = `Chromium ${/Chrome\/(\d+)/.exec(await page.evaluate(() => navigator.userAgent))?.[1] ?? ""}`.trim();
    return lab;
  }

  /** A fresh page: every contender is gone, what the browser keeps on disk is not. */
  async reload() {
    await this.#opened.page.reload();
    await this.#ready();
  }

  async #ready() {
    const { page } = this.#opened;
    await page.waitForFunction(() => window.lab !== undefined);
    if (!(await page.evaluate(() => window.lab.isolated))) throw new Error("the page is not cross-origin isolated");
  }

  /** A worker that runs `contenders/<script>.mjs`. */
  async start(script) {
    const name = `${script} ${++this.#last}`;
    const { page } = this.#opened;
    await page.evaluate(([name, url]) => window.lab.start(name, url), [name, `/contenders/${script}.mjs`]);
    return new Contender(page, name);
  }

  /** Runs `work` with contenders that end with it. */
  async with(scripts, work) {
    const contenders = [];
    try {
      for (const script of scripts) contenders.push(await this.start(script));
      return await work(...contenders);
    } finally {
      for (const contender of contenders) await contender.stop();
    }
  }

  /** Speed of the bare int8 kernel now, in Gop/s. */
  calibrate() {
    return this.with(["calibration"], (contender) => contender.call("measure"));
  }

  /** The WebGPU adapter that contenders get, or undefined. */
  adapter() {
    return this.#opened.page.evaluate(adapter);
  }

  get problems() {
    return this.#opened.problems;
  }

  close() {
    return this.#opened.close();
  }
}

export class Contender {
  #page;
  #name;

  constructor(page, name) {
    this.#page = page;
    this.#name = name;
  }

  /** Calls a method of the worker. After `minutes` the worker is ended and the call fails. */
  async call(method, args = [], { minutes = 30 } = {}) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${method} took more than ${minutes} minutes`)), minutes * 60_000);
    });
    const list = Array.isArray(args) ? args : [args];
    const answer = this.#page.evaluate(([name, method, args]) => window.lab.call(name, method, args), [this.#name, method, list]);
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      answer.catch(() => {});
      if (/took more than/.test(error.message)) await this.stop();
      throw new Error(error.message.replace(/^page\.evaluate: (Error: )*/, "").split("\n")[0], { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  stop() {
    return this.#page.evaluate((name) => window.lab.stop(name), this.#name);
  }
}
