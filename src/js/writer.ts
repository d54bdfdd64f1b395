// One writer at a time: writes of this collection queue up here, and a Web Lock keeps out other tabs.

import { aborted, NearfieldError } from "./errors.js";

/** Milliseconds that a write waits for another tab to finish. */
const PATIENCE = 2_000;

export const lockName = (collection: string): string => `nearfield:${collection}:writer`;

export class Writer {
  #name: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(collection: string) {
    this.#name = collection;
  }

  /** Runs `work` as the only writer. Throws Locked when another tab does not make room in time. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => withLock(this.#name, signal, work));
    this.#last = turn.catch(() => {});
    return turn;
  }
}

export async function withLock<T>(collection: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw aborted(signal);
  // Insecure origins have no locks; the store's compare-and-set still lets only one of two writers win.
  if (!navigator.locks) return work();
  const patience = new AbortController();
  const stop = () => patience.abort();
  const timer = setTimeout(stop, PATIENCE);
  signal.addEventListener("abort", stop);
  const settle = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  };
  let started = false;
  try {
    return (await navigator.locks.request(lockName(collection), { signal: patience.signal }, () => {
      started = true;
      settle();
      return work();
    })) as T;
  } catch (error) {
    if (started) throw error;
    if (signal.aborted) throw aborted(signal);
    if (!patience.signal.aborted) throw error;
    const message = `another tab has been writing to "${collection}" for more than ${PATIENCE / 1000} s; try again later`;
    throw new NearfieldError("Locked", message);
  } finally {
    settle();
  }
}
