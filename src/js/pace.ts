// Long computations in a worker stop now and then so that messages get in: an abort, or a query while documents are
// being indexed.

import { aborted } from "./errors.js";

/** Milliseconds of work after which the event loop is let in. */
const SLICE = 4;

/** Milliseconds that other work waits for searches at most, since a search may wait for that work, or for a service. */
const COURTESY = 30;

// A message to oneself is a task of the event loop, unlike a resolved promise, and is not delayed like a timer.
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Lets every message that has arrived be handled first. */
export const yieldToEvents = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });

/** Signals of the searches under way. */
const searches = new Set<AbortSignal>();
const waitingForSearches: (() => void)[] = [];

/** Runs a search, for which all other work in this worker waits at its next pause. */
export async function urgently<T>(signal: AbortSignal, search: () => Promise<T>): Promise<T> {
  searches.add(signal);
  try {
    return await search();
  } finally {
    searches.delete(signal);
    if (searches.size === 0) for (const go of waitingForSearches.splice(0)) go();
  }
}

const searched = (): Promise<void> =>
  new Promise((resolve) => {
    waitingForSearches.push(resolve);
    setTimeout(resolve, COURTESY);
  });

let last = performance.now();

/** Undefined while the current slice lasts; after it, a promise that lets the event loop in. Throws when aborted. */
export function pause(signal: AbortSignal | undefined): Promise<void> | undefined {
  if (signal?.aborted) throw aborted(signal);
  if (performance.now() - last < SLICE) return undefined;
  return letIn(signal);
}

async function letIn(signal: AbortSignal | undefined): Promise<void> {
  await yieldToEvents();
  if (searches.size > 0 && !(signal && searches.has(signal))) await searched();
  last = performance.now();
  if (signal?.aborted) throw aborted(signal);
}
