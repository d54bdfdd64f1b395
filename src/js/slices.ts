// Documents on their way to the worker, in slices small enough that copying one is not felt on the page.

import type { Document } from "./types.js";
import { documentArgument } from "./validate.js";

/** Documents, or the next part of the text of the last one. */
export type Slice = Document[] | string;

/** UTF-16 units and documents of a slice at most. */
const TEXT = 1 << 18;
const COUNT = 500;

/** At least one slice, each checked when its turn comes. A text that is longer than a slice comes in parts. */
export function* slices(documents: readonly unknown[]): Generator<Slice> {
  let slice: Document[] = [];
  let size = 0;
  for (const [index, value] of documents.entries()) {
    const document = documentArgument(value, `documents[${index}]`);
    if (slice.length > 0 && (slice.length >= COUNT || size + document.text.length > TEXT)) {
      yield slice;
      slice = [];
      size = 0;
    }
    const { text } = document;
    slice.push(text.length > TEXT ? { ...document, text: text.slice(0, TEXT) } : document);
    size += Math.min(text.length, TEXT);
    for (let at = TEXT; at < text.length; at += TEXT) {
      if (slice.length > 0) yield slice;
      slice = [];
      size = 0;
      yield text.slice(at, at + TEXT);
    }
  }
  yield slice;
}
