// Calls between threads, in both directions over one port. A call has a number; its progress, its abort and its
// outcome carry the same number. Errors arrive with their code.

import { aborted, fromWire, NearfieldError, toWire, type WireError } from "./errors.js";

/** What Worker, MessagePort and a worker's global scope have in common. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onmessageerror?: ((event: MessageEvent) => unknown) | null;
}

/** What a handler knows of the call it answers. */
export interface CallContext {
  /** Number of the call, unique on its port. */
  id: number;
  /** Raised when the caller gives up, or when the other side is gone. */
  signal: AbortSignal;
  progress: (event: unknown) => void;
  /** Raises the signal from this side. */
  cancel(reason: NearfieldError): void;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((event: never) => void) | undefined;
  transfer?: Transferable[] | undefined;
  /**
   * On abort, wait for the other side's answer and do not reject at once. For writes: the caller learns what really
   * happened, which may be that the call was already done.
   */
  settle?: boolean | undefined;
}

/** A result whose buffers move to the other side. */
export class Transfer<T> {
  constructor(
    readonly value: T,
    readonly buffers: Transferable[],
  ) {}
}

type Args<F> = F extends (...args: infer A) => unknown ? A : never;
type Returned<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;
type Answer<R> = R | Transfer<R>;

/** The functions that answer the methods of `M`; each gets the call's context first. */
export type Handlers<M> = {
  [K in keyof M]: (context: CallContext, ...args: Args<M[K]>) => Answer<Returned<M[K]>> | Promise<Answer<Returned<M[K]>>>;
};

type Message =
  | { t: "call"; id: number; method: string; args: unknown[] }
  | { t: "abort"; id: number }
  | { t: "progress"; id: number; event: unknown }
  | { t: "done"; id: number; value: unknown }
  | { t: "fail"; id: number; error: WireError };

interface Pending {
  resolve(value: unknown): void;
  reject(error: NearfieldError): void;
  onProgress: ((event: never) => void) | undefined;
  release(): void;
}

type AnyHandler = (context: CallContext, ...args: unknown[]) => unknown;

/** One end of a port. `Remote` is what the other end answers. */
export class Peer<Remote> {
  #port: Port;
  #handlers: Record<string, AnyHandler>;
  #pending = new Map<number, Pending>();
  #running = new Map<number, AbortController>();
  #lastId = 0;
  #broken: NearfieldError | undefined;
  #onFatal: (error: WireError) => void;

  /** `onFatal` hears of answers that say the other side can no longer be trusted. */
  constructor(port: Port, handlers: object, onFatal: (error: WireError) => void = () => {}) {
    this.#port = port;
    this.#handlers = handlers as Record<string, AnyHandler>;
    this.#onFatal = onFatal;
    port.onmessage = (event) => this.#receive(event.data as Message);
    port.onmessageerror = () => this.fail(new NearfieldError("Internal", "a message between threads could not be read"));
  }

  call<K extends keyof Remote & string>(
    method: K,
    args: Args<Remote[K]>,
    { signal, onProgress, transfer = [], settle = false }: CallOptions = {},
  ): Promise<Returned<Remote[K]>> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (signal?.aborted) return Promise.reject(aborted(signal));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#post({ t: "abort", id });
        if (!settle) this.#take(id)?.reject(aborted(signal));
      };
      const release = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress, release });
      signal?.addEventListener("abort", abort);
      try {
        this.#post({ t: "call", id, method, args: args as unknown[] }, transfer);
      } catch (error) {
        const message = `${method}: the arguments cannot be sent to the worker: ${(error as Error).message}`;
        this.#take(id)?.reject(new NearfieldError("InvalidInput", message, { cause: error }));
      }
    });
  }

  /** Rejects everything that waits, aborts everything that runs, and refuses further calls. */
  fail(error: NearfieldError): void {
    this.#broken ??= error;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
    for (const controller of this.#running.values()) controller.abort(error);
    this.#running.clear();
    this.#port.onmessage = null;
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.release();
    return pending;
  }

  #post(message: Message, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #receive(message: Message): void {
    switch (message?.t) {
      case "call":
        void this.#answer(message.id, message.method, message.args);
        break;
      case "abort":
        this.#running.get(message.id)?.abort();
        break;
      case "progress":
        report(this.#pending.get(message.id)?.onProgress, message.event);
        break;
      case "done":
        this.#take(message.id)?.resolve(message.value);
        break;
      case "fail":
        this.#take(message.id)?.reject(fromWire(message.error));
        if (message.error.fatal) this.#onFatal(message.error);
        break;
      default: // Not ours: a worker factory may listen to and send messages of its own.
    }
  }

  async #answer(id: number, method: string, args: unknown[]): Promise<void> {
    const controller = new AbortController();
    const progress = (event: unknown) => this.#running.has(id) && this.#post({ t: "progress", id, event });
    this.#running.set(id, controller);
    try {
      const handler = Object.hasOwn(this.#handlers, method) ? this.#handlers[method] : undefined;
      if (!handler) throw new NearfieldError("Internal", `no method ${method} on this side`);
      const cancel = (reason: NearfieldError) => controller.abort(reason);
      const result = await handler({ id, signal: controller.signal, progress, cancel }, ...args);
      const [value, buffers] = result instanceof Transfer ? [result.value, result.buffers] : [result, []];
      this.#post({ t: "done", id, value }, buffers);
    } catch (error) {
      this.#post({ t: "fail", id, error: toWire(error) });
    } finally {
      this.#running.delete(id);
    }
  }
}

/** A listener's own mistake must not break the call it listens to: it goes to the console, as with DOM events. */
function report(listener: ((event: never) => void) | undefined, event: unknown): void {
  try {
    listener?.(event as never);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
