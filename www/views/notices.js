// Messages that stay until they are dismissed: what was added, what was refused and why, what went wrong and what to do.
// Those about adding stand beside the ways in, those about the library as a whole above everything.

import { byId, h, icon } from "../lib/dom.js";
import { plain } from "../lib/errors.js";

const CROSS = "m7 7 10 10M17 7 7 17";

/** Keys of notices about the library as a whole. */
const ABOVE = ["open", "kept"];

/** A long list of refused files is cut here; the rest is counted. */
const LINES = 8;

/** @typedef {{ label: string, run: () => void }} Action */

/**
 * @param {"good" | "note" | "bad"} kind
 * @param {string} title
 * @param {object} [more]
 * @param {string} [more.key] a later notice with the same key takes the place of this one
 * @param {string} [more.text]
 * @param {{ path: string, why: string }[]} [more.lines]
 * @param {{ code: string, detail: string }} [more.detail]
 * @param {Action} [more.action]
 */
export function notify(kind, title, { key, text, lines = [], detail, action } = {}) {
  const close = h("button", { type: "button", class: "icon-button small", "aria-label": "Dismiss" }, icon(CROSS));
  const item = h(
    "li",
    { class: `notice ${kind}`, "data-key": key },
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, title), text && ` ${text}`),
      lines.length > 0 &&
        h(
          "ul",
          {},
          ...lines.slice(0, LINES).map(({ path, why }) => h("li", {}, h("span", { class: "path" }, path), `: ${why}`)),
        ),
      lines.length > LINES && h("p", {}, `and ${lines.length - LINES} more`),
      detail &&
        h(
          "details",
          {},
          h("summary", {}, "Details ", h("code", {}, detail.code)),
          h("p", { class: "detail" }, detail.detail),
        ),
      action &&
        h(
          "button",
          { type: "button", class: "button small", onclick: () => (item.remove(), action.run()) },
          action.label,
        ),
    ),
    close,
  );
  close.addEventListener("click", () => item.remove());
  if (key) dismiss(key);
  byId(key && ABOVE.includes(key) ? "alerts" : "notices").prepend(item);
}

/** Removes the notice with this key, if there is one. @param {string} key */
export function dismiss(key) {
  for (const item of document.querySelectorAll(".notice")) {
    if (item instanceof HTMLElement && item.dataset.key === key) item.remove();
  }
}

/** An error in plain words. @param {unknown} error @param {{ key?: string, doing: string, action?: Action }} context */
export function notifyError(error, { key, doing, action }) {
  console.warn(`${doing}:`, error);
  const { title, advice, code, detail } = plain(error);
  notify("bad", `${doing} did not work. ${title}`, {
    text: advice,
    detail: { code, detail },
    ...(key && { key }),
    ...(action && { action }),
  });
}
