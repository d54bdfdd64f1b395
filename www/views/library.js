// What is in the library: the documents, each with a button that deletes it, and the figures of the collection.

import { byId, h, icon } from "../lib/dom.js";
import { bytes, count, number } from "../lib/format.js";

const BIN = "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 10.5v5.5M13.5 10.5v5.5";

/** More rows than this are not drawn: the search is the way to them. */
const ROWS = 200;

const BADGES = { markdown: "md", html: "html", text: "txt" };

/**
 * @param {import("../lib/state.js").State<import("../app.js").AppState>} state
 * @param {{ remove: (id: string) => void, read: (id: string) => void, removeAll: () => void, persist: () => void }} actions
 */
export function mountLibrary(state, { remove, read, removeAll, persist }) {
  const list = byId("documents");
  const removeAllButton = byId("delete-all", HTMLButtonElement);
  const persistButton = byId("persist", HTMLButtonElement);
  removeAllButton.addEventListener("click", removeAll);
  persistButton.addEventListener("click", persist);
  const details = byId("library", HTMLDetailsElement);
  // On a phone the list would stand between the search and its results.
  if (matchMedia("(max-width: 899px)").matches) details.open = false;

  /** @param {import("../lib/shelf.js").Entry} entry @param {boolean} busy */
  const row = ({ id, type, bytes: size }, busy) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "name", title: id, onclick: () => read(id) },
        h("span", { class: `badge ${type}` }, BADGES[type]),
        h("span", {}, id),
      ),
      h("span", { class: "muted" }, bytes(size)),
      h(
        "button",
        {
          type: "button",
          class: "icon-button small",
          disabled: busy,
          "aria-label": `Delete ${id}`,
          onclick: () => remove(id),
        },
        icon(BIN),
      ),
    );

  state.watch(["documents", "stats", "job", "engine"], ({ documents, stats, job, engine }) => {
    const total = stats?.documents ?? documents.length;
    document.body.toggleAttribute("data-empty", total === 0 && engine !== "opening");
    byId("count").textContent = total === 0 ? "nothing yet" : count(total, "document");
    removeAllButton.hidden = total === 0 && engine !== "failed";
    removeAllButton.disabled = job !== undefined;
  });

  state.watch(["documents", "job"], ({ documents, job }) => {
    const focused = document.activeElement?.closest("li");
    const at = focused && focused.parentElement === list ? [...list.children].indexOf(focused) : -1;
    list.replaceChildren(...documents.slice(0, ROWS).map((entry) => row(entry, job !== undefined)));
    if (documents.length > ROWS)
      list.append(h("li", { class: "muted" }, `and ${number(documents.length - ROWS)} more`));
    // Deleting with the keyboard goes on at the same place of the list.
    if (at >= 0) list.children[Math.min(at, list.children.length - 1)]?.querySelector("button")?.focus();
  });

  state.watch(["stats"], ({ stats }) => {
    persistButton.hidden =
      !stats || stats.documents === 0 || stats.storage !== "indexeddb" || stats.persisted !== false;
    byId("stats").replaceChildren(
      ...(stats ? figures(stats).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]) : []),
    );
  });
}

/** What the first dimensions of vectors are good for. */
const PREFIXES = {
  matryoshka: "the first say most, as the model was trained",
  pca: "turned, so that the first say most",
  prefix: "as the model gives them",
};

/** @param {import("../pkg/nearfield.js").Stats} stats @returns {[string, string][]} */
function figures({ documents, chunks, bytes: size, storage, persisted, build, workers, embedder, prefixes, wasmMemory }) {
  const kept =
    storage === "memory" ? "in memory only: gone when the page closes" : persisted ? "IndexedDB, kept" : "IndexedDB";
  return [
    ["Passages", documents === 0 ? "0" : number(chunks)],
    ["On disk", bytes(size)],
    ["Stored in", kept],
    ["Model", embedder ? `${embedder.name}, ${embedder.dims} dimensions` : "none, words only"],
    ...(prefixes ? [/** @type {[string, string]} */ (["Dimensions", PREFIXES[prefixes]])] : []),
    ["Runs on", `WebAssembly, ${build}, ${count(Math.max(1, workers.max), "worker")}`],
    ["Memory", bytes(wasmMemory)],
  ];
}
