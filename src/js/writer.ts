// One writer at a time: the writes of this collection queue up here, and a Web Lock keeps out other tabs.

import { aborted, NearfieldError } from "./errors.js";

/** Milliseconds that somebody waits for another tab to finish writing. */
export const PATIENCE = 2_000;

/** The right to write. */
export interface Turn {
  /** Lets others write. */
  release(): void;
  /** Waits, as long as it takes, for the next turn. */
  regain(): Promise<void>;
}

export class Writer {
  #collection: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(collection: string) {
    this.#collection = collection;
  }

  /** Runs `work` as the only writer. Throws Locked when another tab does not make room within `patience` milliseconds. */
  async run<T>(signal: AbortSignal, patience: number, work: (turn: Turn) => Promise<T>): Promise<T> {
    let release = await this.#acquire(signal, patience);
    try {
      return await work({
        release: () => release(),
        regain: async () => {
          release = await this.#acquire(signal, Infinity);
        },
      });
    } finally {
      release();
    }
  }

  /** Waits for the turn in this worker, then for the lock among tabs. */
  #acquire(signal: AbortSignal, patience: number): Promise<() => void> {
    const turn = this.#last.then(() => acquireLock(this.#collection, signal, patience));
    this.#last = turn.then(({ released }) => released).catch(() => {});
    return turn.then(({ release }) => release);
  }
}

/**
 * Runs `work` as the only one who merges this collection: two would do the same, and one of them in vain. Who wants both
 * this and a turn to write asks for this first.
 */
export async function alone<T>(collection: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return work();
  try {
    return (await navigator.locks.request(`nearfield:${collection}:upkeep`, { signal }, work)) as T;
  } catch (error) {
    throw signal.aborted ? aborted(signal) : error;
  }
}

interface Held {
  release(): void;
  released: Promise<void>;
}

async function acquireLock(collection: string, signal: AbortSignal, patience: number): Promise<Held> {
  if (signal.aborted) throw aborted(signal);
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  // Insecure origins have no locks; the store's compare-and-set still lets only one of two writers win.
  if (!navigator.locks) return { release, released };

  const waiting = new AbortController();
  const stop = () => waiting.abort();
  const timer = patience < Infinity ? setTimeout(stop, patience) : undefined;
  signal.addEventListener("abort", stop);
  try {
    await new Promise<void>((granted, failed) => {
      const hold = () => (granted(), released);
      navigator.locks.request(`nearfield:${collection}:writer`, { signal: waiting.signal }, hold).catch(failed);
    });
    return { release, released };
  } catch (error) {
    if (signal.aborted) throw aborted(signal);
    if (!waiting.signal.aborted) throw error;
    const message = `another tab has been writing to "${collection}" for more than ${patience / 1000} s; try again later`;
    throw new NearfieldError("Locked", message);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
