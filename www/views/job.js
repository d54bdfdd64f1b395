// The progress of indexing: what is being done, how much of it, how fast, how long still; and a button to stop.

import { byId, h } from "../lib/dom.js";
import { duration, number } from "../lib/format.js";

/**
 * @param {import("../lib/state.js").State<import("../app.js").AppState>} state
 * @param {{ stop: () => void }} actions
 */
export function mountJob(state, { stop }) {
  const phase = h("strong", {});
  const figures = h("span", { class: "muted figures" });
  const bar = h("progress", { max: 1, "aria-label": "Indexing" });
  const button = h("button", { type: "button", class: "button small", id: "stop", onclick: stop }, "Stop");
  const root = byId("job");
  root.append(h("div", { class: "job-head" }, phase, button), bar, figures);

  state.watch(["job", "download"], ({ job, download }) => {
    root.hidden = job === undefined;
    if (!job) return;
    const loading = download !== undefined && job.done === 0;
    phase.textContent = job.stopping ? "Stopping" : loading ? `Loading ${download.model}` : job.phase;
    button.disabled = job.stopping;
    const fraction = loading && download.total ? download.done / download.total : job.fraction;
    // Without a value the bar shows that something happens, though not how much.
    if (fraction > 0) bar.value = fraction;
    else bar.removeAttribute("value");
    figures.textContent = [
      `${number(job.done)} of ${number(job.total)} ${job.total === 1 ? "document" : "documents"}`,
      job.tokensPerSecond ? `${number(job.tokensPerSecond)} tokens/s` : "",
      remaining(job),
    ]
      .filter(Boolean)
      .join(" · ");
  });
}

/** A guess is worth showing only once there is something to guess from. @param {import("../lib/indexing.js").Job} job */
function remaining({ fraction, started }) {
  const spent = (performance.now() - started) / 1000;
  if (fraction < 0.05 || spent < 3) return "";
  return `about ${duration((spent * (1 - fraction)) / fraction)} left`;
}
