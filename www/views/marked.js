// A passage with the words of the question marked: text nodes and <mark>. Whatever a document holds, it stays text.

import { h } from "../lib/dom.js";
import { highlightFragments } from "../pkg/nearfield.js";

/**
 * @param {string} text
 * @param {[start: number, end: number][]} ranges UTF-16 offsets, sorted and apart
 * @returns {(string | HTMLElement)[]}
 */
export const marked = (text, ranges) =>
  highlightFragments(text, ranges).map(({ text, mark }) => (mark ? h("mark", {}, text) : text));
