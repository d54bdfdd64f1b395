// The question and its options. Searches while one types, and keeps the question in the address, so that a reload or a
// bookmark asks it again.

import { byId } from "../lib/dom.js";

/** Milliseconds of quiet before a search while typing; longer where each search costs the reranker's work. */
const QUIET = { plain: 120, rerank: 450 };

/**
 * @param {import("../lib/state.js").State<import("../app.js").AppState>} state
 * @param {import("../lib/searching.js").Searcher} searcher
 * @param {{ load: <T>(key: string, fallback: T) => T, save: (key: string, value: unknown) => void }} settings
 */
export function mountSearch(state, searcher, settings) {
  const form = byId("search", HTMLFormElement);
  const query = byId("query", HTMLInputElement);
  const rerank = byId("rerank", HTMLInputElement);
  const k = byId("k", HTMLSelectElement);
  const type = byId("type", HTMLSelectElement);
  const modes = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input[name=mode]")]);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @returns {import("../lib/searching.js").Choice} */
  const choice = () => ({
    mode: /** @type {import("../lib/searching.js").Choice["mode"]} */ (
      modes.find(({ checked }) => checked)?.value ?? "hybrid"
    ),
    rerank: rerank.checked && !rerank.disabled,
    k: Number(k.value),
    type: type.value,
  });

  const saved = settings.load("choice", /** @type {Partial<import("../lib/searching.js").Choice>} */ ({}));
  for (const mode of modes) if (mode.value === saved.mode) mode.checked = true;
  rerank.checked = saved.rerank ?? false;
  if (saved.k) k.value = String(saved.k);
  query.value = new URLSearchParams(location.hash.slice(1)).get("q") ?? "";

  const run = async () => {
    clearTimeout(timer);
    const text = query.value.trim();
    history.replaceState(
      null,
      "",
      text ? `#${new URLSearchParams({ q: text.slice(0, 500) })}` : location.pathname + location.search,
    );
    const { engine, stats } = state.value;
    // As long as nobody knows how many documents there are, there may be some.
    if (engine === "opening" || engine === "failed" || stats?.documents === 0 || text === "") {
      searcher.cancel();
      state.set({ answer: undefined, searching: false });
      return;
    }
    const mine = ++runs;
    state.set({ searching: true });
    await searcher.search(text, choice());
    if (mine === runs) state.set({ searching: false });
  };
  let runs = 0;

  const clear = () => {
    query.value = "";
    return run();
  };

  query.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(run, query.value.trim() === "" ? 0 : rerank.checked ? QUIET.rerank : QUIET.plain);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  form.addEventListener("change", (event) => {
    if (event.target === query) return;
    settings.save("choice", choice());
    run();
  });

  // Without the model there are only the words; once it is there, what was chosen before holds again.
  let before = choice().mode;
  state.watch(["engine"], ({ engine }) => {
    const lacking = engine === "words";
    if (lacking && !rerank.disabled) before = choice().mode;
    for (const mode of modes) {
      mode.disabled = lacking && mode.value !== "sparse";
      if (lacking || rerank.disabled) mode.checked = mode.value === (lacking ? "sparse" : before);
    }
    rerank.disabled = lacking;
  });
  // Both need something to read, and the second a question.
  const tools = ["compare-open", "prompt-open"].map((id) => byId(id, HTMLButtonElement));
  const allow = () => {
    const { engine, stats } = state.value;
    const empty = engine === "opening" || engine === "failed" || !stats?.documents;
    for (const tool of tools) tool.disabled = empty || (tool.id === "prompt-open" && query.value.trim() === "");
  };
  state.watch(["engine", "stats", "answer"], allow);
  query.addEventListener("input", allow);
  state.watch(["searching"], ({ searching }) => form.toggleAttribute("data-searching", searching));

  /** Asks a question that was not typed. @param {string} question */
  const ask = (question) => {
    query.value = question;
    query.focus();
    return run();
  };

  return { run, clear, ask };
}
