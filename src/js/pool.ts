// Deals tasks out to workers that start when there is work and end when there is none. Knows nothing of what the tasks
// do: a worker is a lane that somebody else starts, and that may die.

import { aborted, NearfieldError } from "./errors.js";

/** A worker as the pool sees it. */
export interface Lane<W> {
  worker: W;
  /** Ends it; nothing is heard of it again. */
  end(): void;
}

/** Starts a lane. `onDeath` must be called before the tasks on the lane fail, so that they are not taken for failed. */
export type StartLane<W> = (onDeath: (error: NearfieldError) => void) => Promise<Lane<W>>;

export interface TaskOptions {
  signal: AbortSignal;
  /** Goes before everything that waits: somebody looks at a screen. */
  urgent?: boolean;
  /** Never yields, so aborting it takes ending its worker. */
  blocking?: boolean;
}

interface Task<W> {
  run(worker: W): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  urgent: boolean;
  blocking: boolean;
  retries: number;
}

interface Busy<W> extends Lane<W> {
  tasks: Set<Task<W>>;
  dead: boolean;
}

/** How often a task is begun anew because its worker died, before it is the task that is taken for the cause. */
const RETRIES = 2;
/** Starts that may fail one after the other before there are taken to be no more lanes: one may have been killed. */
const FAILED_STARTS = 1;

export class Pool<W> {
  #max: number;
  #start: StartLane<W>;
  #idle: number;
  #lanes = new Set<Busy<W>>();
  #queue: Task<W>[] = [];
  #starting = 0;
  #failedStarts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** At most `max` lanes; all end after `idle` milliseconds without a task. */
  constructor(max: number, start: StartLane<W>, idle = 30_000) {
    this.#max = max;
    this.#start = start;
    this.#idle = idle;
  }

  /** Lanes that may run at once; falls when the browser does not give us that many. 0: the pool cannot be used. */
  get max(): number {
    return this.#max;
  }

  get running(): number {
    return this.#lanes.size;
  }

  submit<T>(run: (worker: W) => Promise<T>, { signal, urgent = false, blocking = false }: TaskOptions): Promise<T> {
    if (signal.aborted) return Promise.reject(aborted(signal));
    clearTimeout(this.#timer);
    return new Promise<unknown>((resolve, reject) => {
      const abort = () => this.#abort(task, aborted(signal));
      const release = () => signal.removeEventListener("abort", abort);
      const task: Task<W> = {
        run,
        resolve: (value) => (release(), resolve(value)),
        reject: (error) => (release(), reject(error)),
        urgent,
        blocking,
        retries: RETRIES,
      };
      signal.addEventListener("abort", abort);
      this.#enqueue(task);
      this.#pump();
    }) as Promise<T>;
  }

  /** Ends all lanes and fails all tasks. */
  close(error: NearfieldError): void {
    clearTimeout(this.#timer);
    this.#max = 0;
    for (const lane of [...this.#lanes]) {
      this.#drop(lane);
      for (const task of lane.tasks) task.reject(error);
    }
    for (const task of this.#queue.splice(0)) task.reject(error);
  }

  #enqueue(task: Task<W>): void {
    const after = task.urgent ? this.#queue.findIndex(({ urgent }) => !urgent) : -1;
    if (after < 0) this.#queue.push(task);
    else this.#queue.splice(after, 0, task);
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      // While much is left each lane is sent one task ahead, so that it never waits for the next message.
      const depth = this.#starting === 0 && this.#queue.length > this.#lanes.size ? 2 : 1;
      const lane = this.#freest();
      if (!lane || lane.tasks.size >= depth) break;
      void this.#work(lane, this.#queue.shift()!);
    }
    for (let wanted = this.#queue.length; wanted > this.#starting && this.#starting + this.#open < this.#max; ) {
      void this.#grow();
    }
    if (this.#queue.length === 0 && [...this.#lanes].every(({ tasks }) => tasks.size === 0)) this.#rest();
  }

  /** Lanes that take tasks: one whose task blocks it for minutes must not keep everything else waiting. */
  get #open(): number {
    return [...this.#lanes].filter((lane) => !isBlocked(lane)).length;
  }

  #freest(): Busy<W> | undefined {
    let best: Busy<W> | undefined;
    for (const lane of this.#lanes) {
      if (!isBlocked(lane) && (!best || lane.tasks.size < best.tasks.size)) best = lane;
    }
    return best;
  }

  async #grow(): Promise<void> {
    this.#starting++;
    let lane: Busy<W> | undefined;
    let early: NearfieldError | undefined;
    try {
      const started = await this.#start((error) => (lane ? this.#die(lane, error) : (early = error)));
      if (early) {
        started.end();
        throw early;
      }
      lane = { ...started, tasks: new Set(), dead: false };
      this.#failedStarts = 0;
      if (this.#max > this.#open) this.#lanes.add(lane);
      else lane.end();
    } catch (error) {
      // Memory or a policy: what runs goes on with the lanes that there are.
      if (++this.#failedStarts > FAILED_STARTS) this.#max = Math.min(this.#max, this.#lanes.size + this.#starting - 1);
      if (this.#max === 0) for (const task of this.#queue.splice(0)) task.reject(error);
    } finally {
      this.#starting--;
    }
    this.#pump();
  }

  async #work(lane: Busy<W>, task: Task<W>): Promise<void> {
    lane.tasks.add(task);
    try {
      task.resolve(await task.run(lane.worker));
    } catch (error) {
      if (lane.dead) return; // #die has put the task back.
      task.reject(error);
    }
    lane.tasks.delete(task);
    this.#pump();
  }

  #die(lane: Busy<W>, error: NearfieldError): void {
    if (lane.dead) return;
    this.#drop(lane);
    for (const task of lane.tasks) {
      if (task.retries-- > 0) this.#queue.unshift(task);
      else task.reject(new NearfieldError(error.code, `gave up after ${RETRIES} retries: ${error.message}`, { cause: error }));
    }
    lane.tasks.clear();
    this.#pump();
  }

  #drop(lane: Busy<W>): void {
    lane.dead = true;
    this.#lanes.delete(lane);
    lane.end();
  }

  #abort(task: Task<W>, error: NearfieldError): void {
    const at = this.#queue.indexOf(task);
    if (at >= 0) this.#queue.splice(at, 1);
    if (task.blocking) for (const lane of [...this.#lanes]) if (lane.tasks.has(task)) this.#drop(lane);
    task.reject(error);
    this.#pump();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      for (const lane of [...this.#lanes]) this.#drop(lane);
    }, this.#idle);
  }
}

const isBlocked = <W>({ tasks }: Busy<W>): boolean => [...tasks].some(({ blocking }) => blocking);
