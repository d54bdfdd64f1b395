// A document in full, at the passage that was found.

import { byId, h } from "../lib/dom.js";
import { marked } from "./marked.js";

/** A very long document is shown around the passage only: laying out all of it would hold up the page. */
const AROUND = 60_000;

/**
 * @param {import("../pkg/nearfield.js").Document} document as it is stored
 * @param {import("../lib/searching.js").Hit} [hit]
 */
export function showDocument({ id, title, text }, hit) {
  byId("reader-title").textContent = hit?.title || title || id;
  byId("reader-path").textContent = [id, hit?.context?.split(" > ").join(" › ")].filter(Boolean).join(" · ");
  const [start, end] = hit ? locate(text, hit) : [0, 0];
  const from = Math.max(0, start - AROUND);
  const to = Math.min(text.length, end + AROUND);
  const found = h("span", { class: "found" }, ...(hit && end > start ? marked(hit.text, hit.ranges) : []));
  const body = byId("reader-text");
  body.replaceChildren(
    from > 0 ? "[…]\n" : "",
    text.slice(from, start),
    found,
    text.slice(end, to),
    to < text.length ? "\n[…]" : "",
  );
  byId("reader", HTMLDialogElement).showModal();
  if (end > start) found.scrollIntoView({ block: end - start > 1500 ? "start" : "center" });
  else body.scrollTop = 0;
}

/**
 * Where the passage stands in the stored text, as UTF-16 offsets. `source` counts bytes of the document as it was added,
 * which for HTML is another text than the one that is stored: there the passage itself is looked for.
 *
 * @param {string} text
 * @param {import("../lib/searching.js").Hit} hit
 * @returns {[number, number]}
 */
function locate(text, hit) {
  const bytes = new TextEncoder().encode(text);
  const start = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, hit.source[0])).length;
  const at = text.startsWith(hit.text, start) ? start : text.indexOf(hit.text);
  return at < 0 ? [0, 0] : [at, at + hit.text.length];
}
