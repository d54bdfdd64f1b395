// From a hit's ranges to pieces that a page can turn into text nodes and <mark> elements: no markup is ever parsed.

/** A piece of a text; `mark` is true where the query's words stand. */
export interface Fragment {
  text: string;
  mark: boolean;
}

/**
 * Cuts `text` at `ranges` (pairs of UTF-16 offsets, sorted and apart, as in {@link Hit.ranges}). The pieces joined are
 * the text again; offsets outside it are ignored.
 *
 * @example
 * for (const { text, mark } of highlightFragments(hit.text, hit.ranges)) {
 *   const node = mark ? document.createElement("mark") : document.createElement("span");
 *   node.textContent = text;
 *   paragraph.append(node);
 * }
 */
export function highlightFragments(text: string, ranges: readonly (readonly [number, number])[]): Fragment[] {
  const fragments: Fragment[] = [];
  let at = 0;
  const push = (end: number, mark: boolean) => {
    if (end > at) fragments.push({ text: text.slice(at, end), mark });
    at = Math.max(at, end);
  };
  for (const [start, end] of ranges) {
    push(Math.min(start, text.length), false);
    push(Math.min(end, text.length), true);
  }
  push(text.length, false);
  return fragments;
}
