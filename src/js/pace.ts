// Long computations in a worker stop now and then so that messages get in: an abort, or a query while documents are
// being indexed.

import { aborted } from "./errors.js";

/** Milliseconds of work after which the event loop is let in. */
const SLICE = 8;

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

let last = performance.now();

/** Undefined while the current slice lasts; after it, a promise that lets the event loop in. Throws when aborted. */
export function pause(signal: AbortSignal | undefined): Promise<void> | undefined {
  if (signal?.aborted) throw aborted(signal);
  if (performance.now() - last < SLICE) return undefined;
  return yieldToEvents().then(() => {
    last = performance.now();
    if (signal?.aborted) throw aborted(signal);
  });
}
