// Queries in other languages: what the caller's translator makes of a query, and where the search takes it.

import { throwIfAborted } from "./errors.js";
import type { SearchOptions } from "./types.js";
import { textArgument, textsArgument } from "./validate.js";

export interface Translation {
  /** What is searched for in the first place. */
  query: string;
  /** What is searched for besides. */
  others: string[];
  ms: number;
}

/** Ends with the signal, also where the work does not heed it. */
async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  throwIfAborted(signal);
  let wake = () => {};
  const aborted = new Promise<void>((done) => (wake = done));
  signal?.addEventListener("abort", wake, { once: true });
  try {
    const result = await Promise.race([work(), aborted]);
    throwIfAborted(signal);
    return result as T;
  } finally {
    signal?.removeEventListener("abort", wake);
  }
}

/** Asks the translator. What it leaves empty or as it was adds nothing. */
export async function translated(
  query: string,
  translate: NonNullable<SearchOptions["translate"]>,
  signal: AbortSignal | undefined,
): Promise<Translation> {
  const { by, replace = false } = typeof translate === "function" ? { by: translate } : translate;
  const start = performance.now();
  const answer: unknown = await unlessAborted(async () => by(query, { signal }), signal);
  const what = "what options.translate returned";
  const texts = typeof answer === "string" ? [textArgument(answer, what)] : textsArgument(answer, what);
  const said = [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== "");
  const [first = query] = said;
  const main = replace ? first : query;
  return { query: main, others: said.filter((text) => text !== main), ms: performance.now() - start };
}
