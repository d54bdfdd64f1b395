// The demo application: state, actions, and the views that are told of both. The engine works in workers of its own;
// what runs here only reads files piece by piece, sends messages and draws.

import { chosen, possible } from "./lib/choices.js";
import { byId } from "./lib/dom.js";
import { isAborted, plain } from "./lib/errors.js";
import { index, summarize } from "./lib/indexing.js";
import { Library } from "./lib/library.js";
import { loadSample } from "./lib/sample.js";
import { Searcher } from "./lib/searching.js";
import { load, onOtherTab, save } from "./lib/settings.js";
import { Shelf } from "./lib/shelf.js";
import { State } from "./lib/state.js";
import { registerServiceWorker } from "./lib/trusted.js";
import { writing } from "./lib/writing.js";
import { mountAdding } from "./views/adding.js";
import { mountChoices } from "./views/choices.js";
import { mountCompare } from "./views/compare.js";
import { mountEngine } from "./views/engine.js";
import { mountJob } from "./views/job.js";
import { mountKeyboard } from "./views/keyboard.js";
import { mountLibrary } from "./views/library.js";
import { dismiss, notify, notifyError } from "./views/notices.js";
import { askForDeletion } from "./views/confirm.js";
import { mountPrompt } from "./views/prompt.js";
import { showDocument } from "./views/reader.js";
import { mountResults } from "./views/results.js";
import { mountSearch } from "./views/search.js";
import { mountTheme } from "./views/theme.js";

/**
 * @typedef {object} AppState
 * @property {"opening" | "ready" | "words" | "failed"} engine "words": open, but without the embedding model
 * @property {{ model: string, done: number, total: number | undefined } | undefined} download
 * @property {boolean} online
 * @property {import("./lib/shelf.js").Entry[]} documents
 * @property {import("./pkg/nearfield.js").Stats | undefined} stats
 * @property {import("./lib/indexing.js").Job | undefined} job
 * @property {import("./lib/searching.js").Answer | undefined} answer
 * @property {boolean} searching
 */

/** @type {State<AppState>} */
const state = new State(
  /** @type {AppState} */ ({
    engine: "opening",
    download: undefined,
    online: navigator.onLine,
    documents: [],
    stats: undefined,
    job: undefined,
    answer: undefined,
    searching: false,
  }),
);

const shelf = new Shelf((documents) => state.set({ documents }));
const library = new Library(onModel, choices);
const searcher = new Searcher(
  () => library.collection,
  (answer) => state.set({ answer, download: undefined }),
  onModel,
);

/** @type {AbortController | undefined} the indexing that runs */
let running;

/** What the library is made with. */
function choices() {
  return chosen(load("choices", {}));
}

/** @param {import("./pkg/nearfield.js").ProgressEvent} event */
function onModel({ unit, model = "the model", done, total }) {
  if (unit !== "bytes") return;
  state.set({ download: done === total ? undefined : { model, done, total } });
}

/** Settles when the library is open, or cannot be opened. Never rejects. */
let opening = Promise.resolve();

function start() {
  opening = openLibrary();
  return opening;
}

async function openLibrary() {
  state.set({ engine: "opening" });
  dismiss("open");
  try {
    opened(await library.open());
    await refresh();
    sayIfDamaged();
    sayIfNotKept();
    await checkShelf();
    await search.run();
  } catch (error) {
    state.set({ engine: "failed", download: undefined });
    notifyError(error, { key: "open", doing: "Opening the library", action: { label: "Try again", run: start } });
  }
}

/** @param {{ missing: unknown }} result */
function opened({ missing }) {
  state.set({ engine: missing === undefined ? "ready" : "words", download: undefined });
  if (missing === undefined) return;
  notifyError(missing, { key: "open", doing: "Loading the model", action: { label: "Try again", run: start } });
}

/** A damaged part of the library costs that part only, but must be said. */
function sayIfDamaged() {
  const broken = /** @type {string[]} */ (state.value.stats?.broken ?? []);
  if (broken.length === 0) return;
  const { title, advice } = plain({ code: "Corrupt" });
  const detail = { code: "Corrupt", detail: broken.join("; ") };
  notify("bad", title, { key: "open", text: advice, detail });
}

/** Private windows, and browsers told to store nothing. */
function sayIfNotKept() {
  if (state.value.stats?.storage !== "memory") return;
  const text = "The library is in memory only and will be gone when it closes. A private window may be the reason.";
  notify("note", "The browser lets this page store nothing.", { key: "kept", text });
}

async function refresh() {
  if (library.isOpen) state.set({ stats: await library.collection.stats() });
}

/** What was being added when the page was closed is there or not; the collection knows. */
async function checkShelf() {
  const documents = state.value.stats?.documents ?? 0;
  const lost = await shelf.reconcile(documents, async (id) => (await library.collection.get(id)) !== undefined);
  if (lost.length === 0) return;
  const lines = lost.map((path) => ({ path, why: "please add it again" }));
  notify("note", "Some documents are not in the library.", {
    text: "The page was closed before they were stored.",
    lines,
  });
}

/** @param {import("./lib/files.js").Source[]} sources */
async function add(sources) {
  if (sources.length === 0) return notify("note", "No files in there.", { key: "job" });
  if (state.value.engine === "opening") {
    notify("note", "The library is still opening.", { key: "job", text: "Adding begins as soon as it is open." });
    await opening;
  }
  if (!library.isOpen) return notify("note", "Nothing was added.", { key: "job", text: "The library did not open." });
  if (running) return notify("note", "One thing at a time.", { key: "job", text: "Add these when the others are in." });
  if (state.value.engine === "words")
    return notify("note", "Adding needs the model.", { key: "job", text: "Load it with “Try again” first." });
  running = new AbortController();
  const started = performance.now();
  dismiss("job");
  const outcome = await index(sources, {
    collection: library.collection,
    shelf,
    signal: running.signal,
    report: (job) => state.set({ job: { ...job, stopping: running?.signal.aborted ?? false } }),
    stored: () => refresh().catch(() => {}),
  });
  await refresh().catch((error) => notifyError(error, { doing: "Counting" }));
  running = undefined;
  state.set({ job: undefined, download: undefined });
  report(outcome, sources.length, performance.now() - started);
  await search.run();
}

/** @param {import("./lib/indexing.js").Outcome} outcome @param {number} asked @param {number} ms */
function report(outcome, asked, ms) {
  const { added, refused, notes, stopped, error } = outcome;
  if (notes.length > 0) notify("note", "Added, but look:", { lines: notes });
  if (refused.length > 0)
    notify("note", `${refused.length === 1 ? "One file was" : `${refused.length} files were`} not added.`, {
      lines: refused,
    });
  if (error !== undefined) notifyError(error, { key: "job", doing: "Adding" });
  if (added > 0 || stopped) notify(stopped ? "note" : "good", summarize(outcome, asked, ms), { key: "added" });
}

function stop() {
  running?.abort();
  const { job } = state.value;
  if (job) state.set({ job: { ...job, stopping: true } });
}

async function addSample() {
  try {
    await add(await loadSample());
  } catch (error) {
    notifyError(error, { key: "job", doing: "Loading the sample" });
  }
}

/** @param {string} id */
async function remove(id) {
  try {
    await library.collection.delete([id]);
    shelf.remove([id]);
    await refresh();
    await search.run();
  } catch (error) {
    notifyError(error, { doing: `Deleting ${id}` });
  }
}

async function removeAll() {
  if (!(await askForDeletion(state.value.stats?.documents ?? 0))) return;
  search.clear();
  state.set({ engine: "opening" });
  try {
    const result = await library.reset();
    shelf.clear();
    opened(result);
    await refresh();
  } catch (error) {
    state.set({ engine: library.isOpen ? "ready" : "failed" });
    notifyError(error, { key: "open", doing: "Deleting everything", action: { label: "Open again", run: start } });
  }
}

/** @param {import("./lib/choices.js").Choices} next */
async function choose(next) {
  const { embedder } = choices();
  const changed = next.embedder !== embedder;
  const documents = state.value.stats?.documents ?? 0;
  try {
    if (changed && documents > 0) {
      // The new model is to do what it can, which may be less than the present one.
      await library.open({ ...possible(next), embedder });
      await reembed(next.embedder, documents);
    }
    save("choices", next);
    // A library that was never used with this model, or is empty, need not be changed: it begins anew.
    if (changed && documents === 0 && library.isOpen) await library.reset();
    await start();
  } catch (error) {
    if (!isAborted(error)) notifyError(error, { key: "job", doing: "Changing the model" });
  } finally {
    running = undefined;
    state.set({ job: undefined, download: undefined });
  }
}

/** @param {string} embedder @param {number} documents */
async function reembed(embedder, documents) {
  running = new AbortController();
  const { signal } = running;
  const started = performance.now();
  dismiss("job");
  /** @param {Partial<import("./lib/indexing.js").Job>} patch */
  const show = (patch) => {
    const job = { phase: "Embedding anew", done: 0, total: documents, fraction: 0, started, tokensPerSecond: undefined };
    state.set({ job: { ...job, stopping: signal.aborted, ...patch } });
  };
  show({});
  await library.reembed(embedder, {
    signal,
    onProgress: (event) => {
      if (event.unit !== "documents") return onModel(event);
      const { done, total = documents, tokensPerSecond } = event;
      show({ done: Math.min(done, total), total, fraction: total > 0 ? done / total : 0, tokensPerSecond });
    },
  });
}

async function persist() {
  const kept = await navigator.storage.persist();
  if (!kept)
    notify("note", "The browser does not promise it.", {
      text: "It may delete this library when the disk gets full. Adding the page to your bookmarks can help.",
    });
  await refresh();
}

/** @param {string} id @param {import("./lib/searching.js").Hit} [hit] */
async function read(id, hit) {
  try {
    const document = await library.collection.get(id);
    if (!document) throw Object.assign(new Error(`"${id}" is not in the library`), { code: "NotFound" });
    showDocument(document, hit);
  } catch (error) {
    if (!isAborted(error)) notifyError(error, { doing: `Opening ${id}` });
  }
}

const search = mountSearch(state, searcher, { load, save });
mountEngine(state);
mountTheme();
mountAdding({ add, sample: addSample, fail: (error, doing) => notifyError(error, { doing }) });
mountJob(state, { stop });
mountLibrary(state, { remove, removeAll, persist, read: (id) => read(id) });
mountResults(state, { read: (hit) => read(hit.id, hit), retry: search.run, ask: search.ask });
mountChoices(state, { current: choices, apply: choose });
mountKeyboard({ clear: search.clear });
const query = () => byId("query", HTMLInputElement).value;
mountCompare(() => library.collection, { query, read: (hit) => read(hit.id, hit), load, save, choices, generate: writing(onModel) });
mountPrompt(() => library.collection, query);

onOtherTab("shelf", () => refresh().catch(() => {}));
addEventListener("online", () => state.set({ online: true }));
addEventListener("offline", () => state.set({ online: false }));
addEventListener("beforeunload", (event) => {
  // What is stored is safe, but the rest would have to be added again.
  if (running) event.preventDefault();
});
registerServiceWorker().then(
  () => navigator.serviceWorker.ready.then(() => (byId("footnote").textContent = "This page opens offline too.")),
  (error) => console.info("The page will not open offline:", error.message),
);

await start();
