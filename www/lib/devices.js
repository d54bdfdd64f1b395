// Models on this device's GPU and on its processor: the same texts, turn by turn, with what comes out compared. What
// the page gpu.html shows, and prints as JSON, is made here.

import { embed, open, selfCheck } from "../pkg/nearfield.js";
import { isAborted } from "./errors.js";
import { startWorker } from "./trusted.js";
import { textsOf } from "./words.js";

/** Their vocabulary is that of `textsOf`. */
export const MODELS = ["all-MiniLM-L6-v2", "bge-small-en-v1.5"];

/** Texts, and tokens of each; the last is for GPUs, of which a software adapter gets a part. @type {[count: number, tokens: number][]} */
const SHAPES = [
  [1, 16],
  [1, 128],
  [32, 128],
];
const SOFTWARE_TEXTS = 2;

/** Milliseconds that a round takes at least, and rounds after the first, which counts only where there are no others. */
const AT_LEAST = 250;
const ROUNDS = 7;

/** @typedef {"webgpu" | "wasm"} Device */
/** @typedef {{ ms: number, tokensPerSecond: number, rounds: number[] }} Speed */
/** @typedef {{ texts: number, tokens: number, webgpu?: Speed, wasm?: Speed, speedup?: number, cosine?: { mean: number, least: number }, error?: string }} Row */
/**
 * @typedef {object} Adapter
 * @property {string} vendor
 * @property {string} architecture
 * @property {string} device
 * @property {string} description
 * @property {boolean} software a processor in disguise
 * @property {string[]} features
 * @property {Record<string, number>} limits
 */
/**
 * @typedef {object} Report
 * @property {string} what
 * @property {string | undefined} version of the package
 * @property {string} date
 * @property {{ userAgent: string, platform: string | undefined, processors: number }} browser
 * @property {Adapter} adapter
 * @property {string} note
 * @property {{ ok: boolean, milliseconds?: number, error?: string }} probe each kernel and a whole pass on this device, compared with scalar code
 * @property {string} model
 * @property {{ webgpu?: number, wasm?: number }} selfCheck lowest cosine of a token's state with the f32 reference
 * @property {Row[]} rows
 */

/** Why there is no WebGPU here, or what the browser says of the adapter. @returns {Promise<{ reason: string } | { adapter: Adapter }>} */
export async function findAdapter() {
  if (!isSecureContext) return { reason: "Browsers give WebGPU to pages from https or localhost only, and this one is neither." };
  if (!("gpu" in navigator)) return { reason: "This browser has no WebGPU. Recent versions of Chrome, Edge, Safari and Firefox have it." };
  const found = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!found) return { reason: "WebGPU has no adapter here: there is no GPU, or none that the browser trusts." };
  const { vendor, architecture, device, description, isFallbackAdapter } = found.info;
  // They are properties of its prototype.
  /** @type {Record<string, number>} */
  const limits = {};
  for (const name in found.limits) limits[name] = Reflect.get(found.limits, name);
  const software = isFallbackAdapter === true || architecture === "swiftshader";
  return { adapter: { vendor, architecture, device, description, software, features: [...found.features].sort(), limits } };
}

/**
 * Measures everything. `onStep` is told what is being done, `onRow` of each size that is done.
 *
 * @param {Adapter} adapter
 * @param {string} model one of MODELS
 * @param {{ signal: AbortSignal, onStep: (step: string) => void, onReport: (report: Report) => void }} call
 */
export async function compare(adapter, model, { signal, onStep, onReport }) {
  /** @type {(event: import("../pkg/nearfield.js").ProgressEvent) => void} */
  const onProgress = ({ phase, model: name, done, total }) => {
    if (name) onStep(`${phase} ${name}${total ? `, ${Math.floor((100 * done) / total)} %` : ""}`);
  };
  const runtime = { models: { base: new URL("../models/", import.meta.url) }, worker: startWorker, workers: 0, signal, onProgress };
  /** @type {Report} */
  const report = {
    what: "Nearfield on WebGPU and on the processor (one worker, vectors through embed())",
    version: await version(),
    date: new Date().toISOString(),
    browser: { userAgent: navigator.userAgent, platform: Reflect.get(navigator, "userAgentData")?.platform, processors: navigator.hardwareConcurrency },
    adapter,
    note: adapter.software ? "This adapter is software: what it computes counts, how long it takes means nothing." : "",
    probe: { ok: false },
    model,
    selfCheck: {},
    rows: [],
  };
  const tell = () => onReport(report);

  onStep("checking the device: each kernel, and a whole pass");
  report.probe = await probe(runtime);
  tell();
  if (!report.probe.ok) return;
  for (const device of /** @type {const} */ (["wasm", "webgpu"])) {
    onStep(`comparing ${NAMES[device]} with the f32 reference`);
    report.selfCheck[device] = (await selfCheck({ ...runtime, model, device })).cosine;
    tell();
  }
  for (const [most, tokens] of SHAPES) {
    const count = adapter.software ? Math.min(most, SOFTWARE_TEXTS) : most;
    /** @type {Row} */
    const row = { texts: count, tokens };
    report.rows.push(row);
    try {
      await measure(row, textsOf(count, tokens), { ...runtime, embedder: model }, adapter.software ? 0 : ROUNDS, onStep);
    } catch (error) {
      if (isAborted(error)) throw error;
      row.error = String(/** @type {{ message?: string }} */ (error).message ?? error);
    }
    tell();
  }
}

/** @type {Record<Device, string>} */
const NAMES = { webgpu: "the GPU", wasm: "the processor" };

/** Opening with a GPU as a must runs the probe, and fails with what it found. @param {import("../pkg/nearfield.js").RuntimeOptions} runtime */
async function probe(runtime) {
  const start = performance.now();
  try {
    const db = await open("gpu-probe", { ...runtime, storage: "memory", device: "webgpu" });
    const milliseconds = Math.round(performance.now() - start);
    await db.close();
    return { ok: true, milliseconds };
  } catch (error) {
    if (isAborted(error)) throw error;
    return { ok: false, error: String(/** @type {{ message?: string }} */ (error).message ?? error) };
  }
}

/**
 * Fills in one row: vectors of both compared, then times, turn by turn.
 *
 * @param {Row} row
 * @param {string[]} texts
 * @param {import("../pkg/nearfield.js").RuntimeOptions & { embedder: string }} options
 * @param {number} rounds
 * @param {(step: string) => void} onStep
 */
async function measure(row, texts, options, rounds, onStep) {
  const size = `${row.texts} × ${row.tokens} tokens`;
  /** @type {Record<Device, number[]>} */
  const times = { wasm: [], webgpu: [] };
  /** @type {Record<Device, Float32Array[]>} */
  const vectors = { wasm: [], webgpu: [] };
  for (const device of /** @type {const} */ (["wasm", "webgpu"])) {
    onStep(`${size} on ${NAMES[device]}, for the first time`);
    await embed(["warm"], { ...options, device });
    const start = performance.now();
    vectors[device] = await embed(texts, { ...options, device });
    if (rounds === 0) times[device].push(performance.now() - start);
  }
  row.cosine = agreement(vectors.webgpu, vectors.wasm);
  for (let round = 0; round < rounds; round++) {
    for (const device of /** @type {const} */ (["wasm", "webgpu"])) {
      onStep(`${size} on ${NAMES[device]}, round ${round + 1} of ${rounds}`);
      // A worker that had nothing to do for half a minute has ended: starting it again does not count.
      await embed(["warm"], { ...options, device });
      times[device].push(await timed(() => embed(texts, { ...options, device })));
    }
  }
  const tokens = row.texts * row.tokens;
  for (const device of /** @type {const} */ (["wasm", "webgpu"])) {
    const ms = median(times[device]);
    row[device] = { ms: digits(ms), tokensPerSecond: Math.round((1000 * tokens) / ms), rounds: times[device].map(digits) };
  }
  row.speedup = digits(median(times.wasm) / median(times.webgpu));
}

/** Milliseconds of a call, on average over as many as fill a while. @param {() => Promise<unknown>} work */
async function timed(work) {
  const start = performance.now();
  let count = 0;
  do {
    await work();
    count++;
  } while (performance.now() - start < AT_LEAST);
  return (performance.now() - start) / count;
}

/** Cosines of vectors of length 1. @param {Float32Array[]} a @param {Float32Array[]} b */
function agreement(a, b) {
  const cosines = a.map((row, i) => row.reduce((sum, value, j) => sum + value * (b[i]?.[j] ?? 0), 0));
  return { mean: cosines.reduce((sum, value) => sum + value, 0) / cosines.length, least: Math.min(...cosines) };
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2;
}

/** Four digits that count. @param {number} value */
const digits = (value) => Number(value.toPrecision(4));

/** Of the package that is served, if it says. */
async function version() {
  try {
    return (await (await fetch(new URL("../pkg/package.json", import.meta.url))).json()).version;
  } catch {
    return undefined;
  }
}
