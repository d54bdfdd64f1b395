// The answer: a line that says what was found, and the hits with their passages, marked words, and reasons.

import { byId, h } from "../lib/dom.js";
import { plain } from "../lib/errors.js";
import { excerpt } from "../lib/excerpt.js";
import { count, milliseconds } from "../lib/format.js";
import { isSample, QUESTIONS } from "../lib/sample.js";
import { keyOf } from "../lib/searching.js";
import { marked } from "./marked.js";
import { reasons } from "./reasons.js";
import { showTimings } from "./timings.js";

/**
 * @typedef {import("../lib/searching.js").Answer} Answer
 * @typedef {import("../lib/searching.js").Hit} Hit
 */

/**
 * @param {import("../lib/state.js").State<import("../app.js").AppState>} state
 * @param {{ read: (hit: Hit) => void, retry: () => void, ask: (question: string) => void }} actions
 */
export function mountResults(state, { read, retry, ask }) {
  const list = byId("results", HTMLOListElement);
  /** Open details and whole passages stay open when the next stage draws the list anew. */
  const opened = { why: new Set(), whole: new Set() };
  let lastQuery = "";

  state.watch(["answer"], ({ answer }) => {
    if (answer?.query !== lastQuery) {
      opened.why.clear();
      opened.whole.clear();
      lastQuery = answer?.query ?? "";
    }
    const focused = document.activeElement?.closest("#results > li");
    const key = focused instanceof HTMLElement ? focused.dataset.key : undefined;
    list.replaceChildren(...(answer?.hits.map((hit, at) => item(hit, at + 1, answer, opened, read)) ?? []));
    list.setAttribute("aria-busy", String(answer !== undefined && !answer.final));
    if (key)
      [...list.children]
        .find((li) => li instanceof HTMLElement && li.dataset.key === key)
        ?.querySelector("button")
        ?.focus();
    showTimings(answer);
    document.body.toggleAttribute("data-answered", answer !== undefined);
  });

  state.watch(["answer", "searching"], ({ answer, searching }) => {
    const status = byId("status");
    status.replaceChildren(...sentence(answer, searching, retry));
  });

  state.watch(["answer", "searching", "documents", "engine"], ({ answer, searching, documents, engine }) => {
    const idle = !answer && !searching && engine !== "opening" && documents.length > 0;
    byId("hint").replaceChildren(...(idle ? suggestions(documents.some(isSample), ask) : []));
  });
}

/** What to do with an empty field. @param {boolean} sample @param {(question: string) => void} ask */
function suggestions(sample, ask) {
  const keys = h("p", {}, "Press ", h("kbd", {}, "/"), " to search, and the arrow keys to move through the results.");
  if (!sample) return [keys];
  const questions = QUESTIONS.map((question) =>
    h("li", {}, h("button", { type: "button", class: "button small", onclick: () => ask(question) }, question)),
  );
  return [h("p", {}, "The sample can tell, for example:"), h("ul", {}, ...questions), keys];
}

/** @param {Answer | undefined} answer @param {boolean} searching @param {() => void} retry @returns {(Node | string)[]} */
function sentence(answer, searching, retry) {
  if (!answer) return searching ? ["Searching…"] : [];
  const { hits, final, wall, stage, error } = answer;
  if (error !== undefined) {
    const { title, advice, code, detail } = plain(error);
    const kept = hits.length > 0 ? "These are the hits by words. " : "";
    return [
      h("span", { class: "problem" }, `${kept}${title} ${advice} `, h("code", { title: detail }, code)),
      " ",
      h("button", { type: "button", class: "button small", onclick: retry }, "Try again"),
    ];
  }
  if (!final) {
    const next = stage === "sparse" ? "reading for meaning…" : "reranking…";
    return [`${count(hits.length, "document")} so far, ${next}`];
  }
  if (hits.length === 0) return ["Nothing found. Try other words, or search by meaning."];
  return [
    h("strong", {}, count(hits.length, "document")),
    ` in ${milliseconds(wall)}`,
    stage === "reranked" ? ", reranked" : "",
  ];
}

/**
 * @param {Hit} hit
 * @param {number} rank
 * @param {Answer} answer
 * @param {{ why: Set<unknown>, whole: Set<unknown> }} opened
 * @param {(hit: Hit) => void} read
 */
function item(hit, rank, { before }, opened, read) {
  const key = keyOf(hit);
  const passage = h("p", { class: "passage" });
  const showWhole = () => {
    passage.classList.add("whole");
    passage.replaceChildren(...marked(hit.text, hit.ranges));
  };
  const short = excerpt(hit.text, hit.ranges);
  if (opened.whole.has(key)) showWhole();
  else passage.append(short.cutBefore ? "… " : "", ...marked(short.text, short.ranges), short.cutAfter ? " …" : "");
  const isCut = (short.cutBefore || short.cutAfter) && !opened.whole.has(key);
  const more =
    isCut &&
    h(
      "button",
      {
        type: "button",
        class: "link",
        onclick: () => (opened.whole.add(key), showWhole(), /** @type {HTMLElement} */ (more).remove()),
      },
      "Whole passage",
    );

  const why = h("details", { class: "why", open: opened.why.has(key) }, h("summary", {}, "Why"), reasons(hit));
  why.addEventListener("toggle", () => (why.open ? opened.why.add(key) : opened.why.delete(key)));

  return h(
    "li",
    { "data-key": key },
    h(
      "article",
      { "aria-labelledby": `hit-${rank}` },
      h(
        "header",
        {},
        h(
          "h3",
          { id: `hit-${rank}` },
          h("button", { type: "button", class: "title", onclick: () => read(hit) }, hit.title || baseName(hit.id)),
        ),
        h(
          "p",
          { class: "where" },
          h("span", { class: "path" }, hit.id),
          hit.context && h("span", { class: "headings" }, hit.context.split(" > ").join(" › ")),
        ),
      ),
      passage,
      h(
        "footer",
        {},
        more,
        why,
        h("span", { class: "score", title: "Score: comparable within this answer only" }, hit.score.toFixed(3)),
        move(rank, before?.get(key)),
      ),
    ),
  );
}

/** How far the reranker moved a hit. @param {number} rank @param {number | undefined} before */
function move(rank, before) {
  if (before === undefined || before === rank) return false;
  const up = before > rank;
  const words = `Reranking moved it ${up ? "up" : "down"} ${count(Math.abs(before - rank), "place")}`;
  return h(
    "span",
    { class: up ? "move up" : "move down", title: words, role: "img", "aria-label": words },
    `${up ? "▲" : "▼"} ${Math.abs(before - rank)}`,
  );
}

/** @param {string} path */
const baseName = (path) => path.split("/").at(-1) ?? path;
