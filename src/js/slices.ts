// Documents on their way to the worker, in slices small enough that copying one is not felt on the page.

import type { Document } from "./types.js";
import { documentArgument } from "./validate.js";

/** UTF-16 units and documents of a slice at most; one larger document is a slice of its own. */
const TEXT = 1 << 18;
const COUNT = 500;

/** At least one slice, each checked when its turn comes. */
export function* slices(documents: readonly unknown[]): Generator<Document[]> {
  let slice: Document[] = [];
  let size = 0;
  for (const [index, value] of documents.entries()) {
    const document = documentArgument(value, `documents[${index}]`);
    if (slice.length > 0 && (slice.length >= COUNT || size + document.text.length > TEXT)) {
      yield slice;
      slice = [];
      size = 0;
    }
    slice.push(document);
    size += document.text.length;
  }
  yield slice;
}
