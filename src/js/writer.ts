// One writer at a time: the writes of this collection queue up here, and a Web Lock keeps out other tabs.

import { aborted, NearfieldError } from "./errors.js";

/** Milliseconds that somebody waits for another tab to finish writing. */
export const PATIENCE = 2_000;

/** Milliseconds between two looks at the clock. */
const TICK = 50;

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
  /** One of this worker has the lock. */
  #writing = false;

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

  /**
   * Waits for the turn in this worker, then for the lock among tabs. Patience is for other tabs: it does not run out
   * while one of ours writes, but it does while one of ours that came before waits for another tab itself.
   */
  async #acquire(signal: AbortSignal, patience: number): Promise<() => void> {
    if (signal.aborted) throw aborted(signal);
    const waiting = new AbortController();
    let left = patience;
    const timer = setInterval(() => {
      if (!this.#writing && (left -= TICK) <= 0) waiting.abort();
    }, TICK);
    const stop = () => waiting.abort();
    signal.addEventListener("abort", stop);
    const gone = new Promise<never>((_, failed) => {
      waiting.signal.addEventListener("abort", () => failed(waiting.signal.reason as Error));
    });
    const turn = this.#last.then(() => acquireLock(this.#collection, waiting.signal));
    this.#last = turn.then(({ released }) => released).catch(() => {});
    try {
      const { release, released } = await Promise.race([turn, gone]);
      this.#writing = true;
      released.then(() => (this.#writing = false));
      return release;
    } catch (error) {
      // It may be granted in the same moment: then it is given back.
      turn.then(({ release }) => release()).catch(() => {});
      if (signal.aborted) throw aborted(signal);
      if (!waiting.signal.aborted) throw error;
      const what = `another tab has been writing to "${this.#collection}" for more than ${patience / 1000} s`;
      throw new NearfieldError("Locked", `${what}; try again later`);
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
    }
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

async function acquireLock(collection: string, signal: AbortSignal): Promise<Held> {
  signal.throwIfAborted();
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  // Insecure origins have no locks; the store's compare-and-set still lets only one of two writers win.
  if (!navigator.locks) return { release, released };
  await new Promise<void>((granted, failed) => {
    const hold = () => (granted(), released);
    navigator.locks.request(`nearfield:${collection}:writer`, { signal }, hold).catch(failed);
  });
  return { release, released };
}
