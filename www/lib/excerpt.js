// Which part of a passage to show first: the part in which the words of the question stand closest together.

const LENGTH = 420;

/**
 * @typedef {[start: number, end: number]} Range UTF-16 offsets
 */

/**
 * Cuts `text` to about `length` characters around as many of `ranges` as fit, at word borders.
 *
 * @param {string} text
 * @param {Range[]} ranges sorted
 * @param {number} [length]
 * @returns {{ text: string, ranges: Range[], cutBefore: boolean, cutAfter: boolean }}
 */
export function excerpt(text, ranges, length = LENGTH) {
  if (text.length <= length * 1.2) return { text, ranges, cutBefore: false, cutAfter: false };
  const [first, last] = densest(ranges, length);
  const spare = Math.max(0, length - (last - first));
  const start = wordStart(text, Math.max(0, Math.min(first - spare / 2, text.length - length)));
  const end = wordEnd(text, Math.min(text.length, start + length));
  const inside = ranges.filter(([from, to]) => from >= start && to <= end);
  return {
    text: text.slice(start, end),
    ranges: inside.map(([from, to]) => [from - start, to - start]),
    cutBefore: start > 0,
    cutAfter: end < text.length,
  };
}

/** The window of `length` with the most ranges in it. @param {Range[]} ranges @param {number} length @returns {Range} */
function densest(ranges, length) {
  /** @type {Range} */
  let best = [0, 0];
  let most = 0;
  let from = 0;
  for (let to = 0; to < ranges.length; to++) {
    const end = ranges[to]?.[1] ?? 0;
    while (from < to && end - (ranges[from]?.[0] ?? 0) > length) from++;
    if (to - from + 1 > most) [most, best] = [to - from + 1, [ranges[from]?.[0] ?? 0, end]];
  }
  return best;
}

const REACH = 24;

/** @param {string} text @param {number} at */
function wordStart(text, at) {
  const from = Math.floor(at);
  if (from === 0) return 0;
  const space = text.slice(from, from + REACH).search(/\s/);
  return whole(text, space < 0 ? from : from + space + 1);
}

/** @param {string} text @param {number} at */
function wordEnd(text, at) {
  const to = Math.ceil(at);
  if (to >= text.length) return text.length;
  const space = text.slice(to, to + REACH).search(/\s/);
  return whole(text, space < 0 ? to : to + space);
}

/** Never between the halves of a surrogate pair. @param {string} text @param {number} at */
const whole = (text, at) => (/[\udc00-\udfff]/.test(text[at] ?? "") ? at + 1 : at);
