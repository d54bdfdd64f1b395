// Pipelines side by side: the same question, a column for each, with the place that each hit has in the first one.

import { compare, PIPELINES, shared, USUAL } from "../lib/comparing.js";
import { byId, h } from "../lib/dom.js";
import { plain } from "../lib/errors.js";
import { excerpt } from "../lib/excerpt.js";
import { milliseconds, number } from "../lib/format.js";
import { canTranslate } from "../lib/translating.js";
import { marked } from "./marked.js";

/** Characters of a passage. */
const EXCERPT = 110;

/**
 * @param {() => import("../lib/library.js").Collection} collection
 * @param {{ query: () => string, read: (hit: import("../lib/comparing.js").Hit) => void, load: <T>(key: string, fallback: T) => T, save: (key: string, value: unknown) => void, choices: () => import("../lib/choices.js").Choices, generate: import("../lib/writing.js").Writer }} actions
 */
export function mountCompare(collection, { query, read, load, save, choices: made, generate }) {
  const dialog = byId("compare", HTMLDialogElement);
  const field = byId("compare-query", HTMLInputElement);
  const choices = byId("compare-choices", HTMLFieldSetElement);
  const columns = byId("compare-columns");
  /** @type {AbortController | undefined} */
  let running;

  const saved = new Set(load("compare", USUAL));
  choices.append(
    ...PIPELINES.map(({ name, about, needs }) =>
      h("label", { title: about, "data-needs": needs }, h("input", { type: "checkbox", value: name, checked: saved.has(name) }), h("span", {}, name)),
    ),
  );
  const chosen = () => [...choices.querySelectorAll("input")].filter(({ checked, disabled }) => checked && !disabled).map(({ value }) => value);

  const run = async () => {
    running?.abort();
    const { signal } = (running = new AbortController());
    const names = chosen();
    const text = field.value.trim();
    if (text === "" || names.length === 0) {
      columns.replaceChildren(h("p", { class: "muted" }, text === "" ? "Ask something." : "Choose a pipeline."));
      return;
    }
    const places = new Map(names.map((name) => [name, column(name)]));
    columns.replaceChildren(...places.values());
    columns.setAttribute("aria-busy", "true");
    /** @type {import("../lib/comparing.js").Hit[] | undefined} */
    let first;
    for await (const [name, outcome] of compare(collection(), text, names, signal, generate)) {
      places.get(name)?.replaceChildren(...filled(name, outcome, first, read));
      if (!first && "hits" in outcome) first = outcome.hits;
    }
    if (!signal.aborted) columns.setAttribute("aria-busy", "false");
  };

  byId("compare-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  choices.addEventListener("change", () => {
    save("compare", chosen());
    run();
  });
  /** A library has what it was made with; the rest is not offered. */
  const offer = (/** @type {boolean} */ translator) => {
    for (const label of choices.querySelectorAll("label")) {
      const needs = /** @type {import("../lib/comparing.js").Pipeline["needs"]} */ (label.dataset.needs);
      label.hidden = needs !== undefined && !(needs === "translator" ? translator : made()[needs]);
      label.querySelector("input")?.toggleAttribute("disabled", label.hidden);
    }
  };

  dialog.addEventListener("close", () => running?.abort());
  byId("compare-open").addEventListener("click", async () => {
    field.value = query();
    offer(await canTranslate());
    dialog.showModal();
    field.focus();
    run();
  });
}

/** @param {string} name */
const about = (name) => PIPELINES.find((one) => one.name === name)?.about ?? "";

/** A column that waits for its turn. @param {string} name */
const column = (name) =>
  h("section", { "data-pipeline": name, "aria-label": name }, h("h3", {}, name), h("p", { class: "muted" }, about(name)));

/**
 * @param {string} name
 * @param {import("../lib/comparing.js").Outcome} outcome
 * @param {import("../lib/comparing.js").Hit[] | undefined} first hits of the first column
 * @param {(hit: import("../lib/comparing.js").Hit) => void} read
 */
function filled(name, outcome, first, read) {
  const head = h("h3", {}, name);
  if ("error" in outcome) {
    const { title, advice, code, detail } = plain(outcome.error);
    return [head, h("p", { class: "problem" }, `${title} ${advice} `, h("code", { title: detail }, code))];
  }
  const { hits, ms, speed } = outcome;
  const written = speed && h("span", { class: "muted" }, ` · written at ${number(Math.round(speed))} tokens/s`);
  const common = first && h("span", { class: "muted" }, ` · ${shared(hits, first)} of ${hits.length} in common`);
  const items = hits.map((hit, at) => {
    const place = first?.findIndex(({ id }) => id === hit.id) ?? at;
    const { text, ranges, cutBefore, cutAfter } = excerpt(hit.text, hit.ranges, EXCERPT);
    const passage = h("p", {}, cutBefore ? "… " : "", ...marked(text, ranges), cutAfter ? " …" : "");
    const title = h("button", { type: "button", class: "link", onclick: () => read(hit) }, hit.title || hit.id);
    return h("li", {}, title, " ", first && moved(place, at), passage);
  });
  return [head, h("p", {}, h("strong", {}, milliseconds(ms)), written, common), h("ol", {}, ...items)];
}

/** Where the hit stands in the first column. @param {number} place @param {number} at both from 0 */
function moved(place, at) {
  if (place < 0) return h("span", { class: "badge new" }, "new");
  if (place === at) return h("span", { class: "badge" }, "=");
  return h("span", { class: "badge" }, place > at ? `↑ from ${place + 1}` : `↓ from ${place + 1}`);
}
