// Starting workers from the page, and noticing when one dies. A worker that fails tells so by an `error` event; one
// that is killed tells nobody. But each worker holds a Web Lock as long as it lives, and the page queues for it: when
// the page gets the lock, the worker is gone.

import { NearfieldError, toError } from "./errors.js";
import type { Compiled } from "./wasm.js";

export type WorkerFactory = () => Worker;

/** The first message to every worker. */
export interface Hello {
  role: "engine" | "pool" | "generator";
  /** Name of the lock to hold for life; the worker answers with the name once it holds it. */
  alive: string;
  /**
   * For the pool. A compiled module passes between a page and its workers, but in some browsers not through a
   * MessagePort: hence with the first message.
   */
  compiled?: Compiled | undefined;
}

export interface Spawned {
  worker: Worker;
  /** Ends the worker. `onDeath` is not called. */
  end(): void;
}

// Bundlers find the worker by exactly this expression.
const plainFactory: WorkerFactory = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined;

/** Under Trusted Types the plain expression is refused; a policy of ours then vouches for the one URL. */
const defaultFactory: WorkerFactory = () => {
  try {
    return plainFactory();
  } catch (error) {
    const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
    if (!trustedTypes || !(error instanceof TypeError)) throw error;
    const url = new URL("./worker.js", import.meta.url).href;
    policy ??= trustedTypes.createPolicy("nearfield", { createScriptURL: () => url });
    return new Worker(policy.createScriptURL(url), { type: "module" });
  }
};

export function spawn(
  role: Hello["role"],
  factory: WorkerFactory = defaultFactory,
  onDeath: (error: NearfieldError) => void,
  pool?: { port: MessagePort; compiled: Compiled },
): Spawned {
  const worker = start(factory);
  const watch = new AbortController();
  const end = () => {
    watch.abort();
    worker.terminate();
  };
  const die = (why: string) => {
    if (watch.signal.aborted) return;
    end();
    onDeath(new NearfieldError("Internal", `a worker of Nearfield ended: ${why}`));
  };

  let started = false;
  worker.addEventListener("error", (event) => {
    const hint = "its script did not start; is worker.js where the page expects it, and allowed by its policies?";
    die(event.message || (started ? "it failed without a message" : hint));
  });
  worker.addEventListener("messageerror", () => die("a message to it could not be read"));
  const alive = `nearfield-worker-${crypto.randomUUID?.() ?? Math.random()}`;
  worker.addEventListener("message", ({ data }) => {
    if (data !== alive) return;
    started = true;
    navigator.locks?.request(alive, { signal: watch.signal }, () => die("the browser or the page stopped it")).catch(() => {
      // Rejected because the watch was called off.
    });
  });
  worker.postMessage({ role, alive, compiled: pool?.compiled } satisfies Hello, pool ? [pool.port] : []);
  return { worker, end };
}

/** Says plainly what is missing on a server, where importing is fine and opening is not. */
export function requireWorkers(factory: WorkerFactory | undefined): void {
  if (factory || typeof Worker !== "undefined") return;
  throw new NearfieldError("Unsupported", "workers do not exist here: Nearfield runs in browsers (importing it is safe anywhere)");
}

function start(factory: WorkerFactory): Worker {
  try {
    return factory();
  } catch (cause) {
    const advice = "where a policy forbids this (Trusted Types, another origin), pass your own as the option `worker`";
    throw new NearfieldError("Unsupported", `a worker could not be started; ${advice}: ${toError(cause).message}`, { cause });
  }
}
