// What nobody waits for: after a write, segments are merged and graphs built, step by step, when things are quiet.

import { toError, type NearfieldError } from "./errors.js";
import type { CallContext } from "./rpc.js";

/** Milliseconds after the last write. */
const QUIET = 300;
/** Our calls are numbered above those of the page. */
const FIRST_ID = 2 ** 31;

let lastId = FIRST_ID;

/** The number of a call that no page made. */
export const nextId = (): number => ++lastId;

export class Maintenance {
  #step: (context: CallContext) => Promise<boolean>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = new AbortController();
  #running = false;

  /** `step` does one thing and says whether there may be more. */
  constructor(step: (context: CallContext) => Promise<boolean>) {
    this.#step = step;
  }

  schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped.signal.aborted) this.#timer = setTimeout(() => void this.#run(), QUIET);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    if (this.#running) return this.schedule();
    this.#running = true;
    const { signal } = this.#stopped;
    const cancel = (reason: NearfieldError) => this.#stopped.abort(reason);
    try {
      while (!signal.aborted && (await this.#step({ id: nextId(), signal, progress: () => {}, cancel })));
    } catch (error) {
      // Nothing is lost by merging later; another write will try again.
      if (!signal.aborted) console.warn("Nearfield: merging was put off:", toError(error).message);
    } finally {
      this.#running = false;
    }
  }
}
