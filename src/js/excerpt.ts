// A line or two of a chunk, around the words that were found.

import { highlightFragments, type Fragment } from "./highlight.js";

/** Of `length`, the share that stands before the first match. */
const LEAD = 0.25;

/**
 * At most about `length` UTF-16 units of `text` around its first range, cut at spaces where there are any near, with an
 * ellipsis where something was left out.
 */
export function excerpt(text: string, ranges: readonly (readonly [number, number])[], length: number): Fragment[] {
  if (text.length <= length) return highlightFragments(text, ranges);
  const first = ranges[0]?.[0] ?? 0;
  const from = wordStart(text, Math.max(0, Math.min(first - Math.floor(length * LEAD), text.length - length)));
  const to = wordEnd(text, Math.min(text.length, from + length));
  const inside = ranges.filter(([start, end]) => start >= from && end <= to);
  const fragments = highlightFragments(text.slice(from, to), inside.map(([start, end]) => [start - from, end - from]));
  if (from > 0) fragments.unshift({ text: "… ", mark: false });
  if (to < text.length) fragments.push({ text: " …", mark: false });
  return fragments;
}

/** How far a cut may move to find a space. */
const REACH = 20;

function wordStart(text: string, at: number): number {
  if (at === 0) return 0;
  const space = text.slice(at, at + REACH).search(/\s/);
  return space < 0 ? whole(text, at) : at + space + 1;
}

function wordEnd(text: string, at: number): number {
  if (at === text.length) return at;
  const space = text.slice(at - REACH, at).search(/\s\S*$/);
  return space < 0 ? whole(text, at) : at - REACH + space;
}

/** Never between the halves of a surrogate pair. */
const whole = (text: string, at: number): number => (/^[\uDC00-\uDFFF]/.test(text.slice(at, at + 1)) ? at - 1 : at);
