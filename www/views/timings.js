// Where the time of a search went: one bar, a part for every stage, and the figures beside it.

import { byId, h } from "../lib/dom.js";
import { milliseconds } from "../lib/format.js";

/** Stages in the order in which they run, with the words for them. */
const STAGES = [
  ["embed", "embed"],
  ["sparse", "words"],
  ["dense", "meaning"],
  ["fuse", "fuse"],
  ["rerank", "rerank"],
  ["fetch", "fetch"],
];

/** @param {import("../lib/searching.js").Answer | undefined} answer */
export function showTimings(answer) {
  const root = byId("timings");
  if (!answer || answer.timings.total === undefined) {
    root.replaceChildren();
    return;
  }
  const { timings } = answer;
  const total = timings.total ?? 0;
  const parts = STAGES.map(([key = "", label = ""]) => ({ key, label, ms: timings[key] ?? 0 }));
  const rest = Math.max(0, total - parts.reduce((sum, { ms }) => sum + ms, 0));
  const shown = [...parts, { key: "other", label: "other", ms: rest }].filter(
    ({ key, ms }) => ms > 0.005 && (key !== "other" || ms > total / 50),
  );

  const bar = h("div", { class: "bars", "aria-hidden": "true" });
  for (const { key, ms } of shown) {
    const part = h("span", { class: `stage ${key}` });
    part.style.flexGrow = String(ms);
    bar.append(part);
  }
  const legend = h(
    "dl",
    { class: "legend", "aria-label": "Time of every stage" },
    ...[...shown, { key: "total", label: "total", ms: total }].map(({ key, label, ms }) =>
      h(
        "div",
        { "data-stage": key },
        h("dt", {}, h("span", { class: `swatch ${key}`, "aria-hidden": "true" }), label),
        h("dd", {}, milliseconds(ms)),
      ),
    ),
  );
  root.replaceChildren(bar, legend);
}
