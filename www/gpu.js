// The page gpu.html: what this device's GPU does for Nearfield's models, as a table to read and as JSON to pass on.

import { compare, findAdapter, MODELS } from "./lib/devices.js";
import { byId, h } from "./lib/dom.js";
import { isAborted, plain } from "./lib/errors.js";
import { milliseconds, number } from "./lib/format.js";
import { load } from "./lib/settings.js";
import { mountTheme } from "./views/theme.js";

/** @typedef {import("./lib/devices.js").Report} Report */

const start = byId("start", HTMLButtonElement);
const cancel = byId("cancel", HTMLButtonElement);
const model = byId("model", HTMLSelectElement);
const status = byId("status");
const result = byId("result");
const json = byId("json", HTMLTextAreaElement);

/** @type {AbortController | undefined} */
let running;

/** @param {import("./lib/devices.js").Adapter} adapter */
function describe({ vendor, architecture, device, description, software }) {
  const known = [vendor, architecture, device, description].filter(Boolean).join(", ");
  return `${known || "A GPU of which the browser tells nothing"}${software ? " (software, no GPU)" : ""}`;
}

/** @param {import("./lib/devices.js").Speed | undefined} speed */
const cell = (speed) =>
  speed ? h("td", {}, milliseconds(speed.ms), h("span", { class: "muted" }, `${number(speed.tokensPerSecond)} tokens/s`)) : h("td", {}, "–");

/** @param {import("./lib/devices.js").Row} row */
function line({ texts, tokens, webgpu, wasm, speedup, cosine, error }) {
  const head = h("th", { scope: "row" }, `${texts} × ${tokens}`);
  if (error) return h("tr", {}, head, h("td", { colSpan: 4, class: "problem" }, error));
  return h(
    "tr",
    {},
    head,
    cell(webgpu),
    cell(wasm),
    h("td", {}, speedup ? `${speedup.toFixed(2)}×` : "–"),
    h("td", {}, cosine ? cosine.least.toFixed(4) : "–"),
  );
}

/** @param {Report} report */
function show(report) {
  const { probe, selfCheck, rows, note } = report;
  byId("note").textContent = note;
  const checked = (/** @type {number | undefined} */ cosine) => (cosine === undefined ? "–" : cosine.toFixed(6));
  byId("verdict").textContent = probe.ok
    ? `Every kernel computes what it should on this device (checked in ${milliseconds(probe.milliseconds ?? 0)}).`
    : `The device was refused: ${probe.error}`;
  byId("self-check").textContent =
    `Lowest cosine with the f32 reference: GPU ${checked(selfCheck.webgpu)}, processor ${checked(selfCheck.wasm)}.`;
  byId("rows").replaceChildren(...rows.map(line));
  json.value = JSON.stringify(report, null, 2);
  result.hidden = false;
}

/** @param {import("./lib/devices.js").Adapter} adapter */
async function run(adapter) {
  running = new AbortController();
  result.hidden = true;
  document.body.dataset.state = "running";
  for (const control of [start, model]) control.disabled = true;
  cancel.hidden = false;
  cancel.focus();
  const onStep = (/** @type {string} */ step) => (status.textContent = `Running: ${step} …`);
  try {
    await compare(adapter, model.value, { signal: running.signal, onStep, onReport: show });
    status.textContent = "Done.";
  } catch (error) {
    const { title, advice, detail } = plain(error);
    status.textContent = isAborted(error) ? "Cancelled." : `${title} ${advice} (${detail})`;
  }
  for (const control of [start, model]) control.disabled = false;
  // What can be done next, unless a person has gone elsewhere meanwhile.
  if (document.activeElement === cancel) start.focus();
  cancel.hidden = true;
  document.body.dataset.state = "ready";
}

async function main() {
  mountTheme();
  model.append(...MODELS.map((name) => h("option", { value: name }, name)));
  const { embedder } = load("choices", { embedder: "" });
  if (MODELS.includes(embedder)) model.value = embedder;

  const found = await findAdapter();
  if ("reason" in found) {
    byId("adapter").textContent = found.reason;
    status.textContent = "Nothing to compare. Nearfield itself works here: its models run on the processor.";
    document.body.dataset.state = "without";
    return;
  }
  byId("adapter").textContent = describe(found.adapter);
  start.addEventListener("click", () => run(found.adapter));
  cancel.addEventListener("click", () => running?.abort());
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(json.value);
      status.textContent = "Copied.";
    } catch {
      // Without the permission, what is selected can be copied by hand.
      json.select();
      status.textContent = "Selected: copy it with the keyboard.";
    }
  });
  start.disabled = false;
  document.body.dataset.state = "ready";
}

main();
