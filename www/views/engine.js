// The pill in the header: what the engine is doing, in a few words.

import { byId } from "../lib/dom.js";
import { bytes } from "../lib/format.js";

/** @param {import("../lib/state.js").State<import("../app.js").AppState>} state */
export function mountEngine(state) {
  const pill = byId("engine");
  const text = byId("engine-text");
  state.watch(["engine", "download", "online"], ({ engine, download, online }) => {
    const { kind, words } = describe(engine, download, online);
    pill.dataset.kind = kind;
    if (text.textContent !== words) text.textContent = words;
    document.body.dataset.state = engine;
  });
}

/**
 * @param {import("../app.js").AppState["engine"]} engine
 * @param {import("../app.js").AppState["download"]} download
 * @param {boolean} online
 */
function describe(engine, download, online) {
  if (download) {
    const { model, done, total } = download;
    const share = total ? `${Math.floor((100 * done) / total)} % of ${bytes(total)}` : bytes(done);
    return { kind: "busy", words: `Loading ${model}, ${share}` };
  }
  if (engine === "opening") return { kind: "busy", words: "Opening the library" };
  if (engine === "failed") return { kind: "bad", words: "Not running" };
  if (engine === "words") return { kind: "warn", words: "Words only" };
  return { kind: "good", words: online ? "Ready" : "Ready, offline" };
}
