// One piece of work that several callers wait for, each with its own patience.

import { aborted } from "./errors.js";

interface Run<T, E> {
  promise: Promise<T>;
  controller: AbortController;
  listeners: Set<(event: E) => void>;
  waiting: number;
  done: boolean;
}

/**
 * Starts at the first `get`, keeps the result, and begins anew after a failure. A caller that aborts stops waiting;
 * when nobody waits any more, the work is aborted.
 */
export class Shared<T, E = never> {
  #start: (signal: AbortSignal, report: (event: E) => void) => Promise<T>;
  #run: Run<T, E> | undefined;

  constructor(start: (signal: AbortSignal, report: (event: E) => void) => Promise<T>) {
    this.#start = start;
  }

  async get(signal?: AbortSignal, listener?: (event: E) => void): Promise<T> {
    if (signal?.aborted) throw aborted(signal);
    const run = (this.#run ??= this.#begin());
    run.waiting++;
    if (listener) run.listeners.add(listener);
    let abort = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        abort = () => reject(aborted(signal));
        signal?.addEventListener("abort", abort);
        run.promise.then(resolve, reject);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
      if (listener) run.listeners.delete(listener);
      if (--run.waiting === 0 && !run.done) {
        // A new caller must not join work that is being given up.
        this.#forget(run);
        run.controller.abort();
      }
    }
  }

  /** Forgets the result; the next `get` begins anew. */
  reset(): void {
    this.#run = undefined;
  }

  #begin(): Run<T, E> {
    const controller = new AbortController();
    const listeners = new Set<(event: E) => void>();
    const report = (event: E) => listeners.forEach((listener) => listener(event));
    const run: Run<T, E> = { controller, listeners, waiting: 0, done: false, promise: this.#start(controller.signal, report) };
    run.promise.then(
      () => (run.done = true),
      () => this.#forget(run),
    );
    return run;
  }

  #forget(run: Run<T, E>): void {
    if (this.#run === run) this.#run = undefined;
  }
}
