// The page's end of an engine worker: starts it, starts the workers of its pool for it, runs the caller's own embedder
// for it, and starts it again after a death.

import { NearfieldError, type ErrorCode } from "./errors.js";
import { describe, runEmbedder } from "./own-embedder.js";
import type { EngineMethods, HostMethods } from "./protocol.js";
import { Peer, Transfer, type CallOptions, type Handlers } from "./rpc.js";
import { spawn, type Spawned, type WorkerFactory } from "./spawn.js";
import type { Embedder } from "./types.js";

type Engine = Peer<EngineMethods>;

interface Live {
  engine: Engine;
  /** Fulfilled when the worker can take calls. */
  ready: Promise<void>;
}

export interface ClientOptions {
  worker: WorkerFactory | undefined;
  /** Of the caller's own, if any. */
  embedders: Embedder[];
  /** Brings a fresh worker into the state that calls expect. */
  boot(engine: Engine, options: CallOptions): Promise<void>;
}

type EngineArgs<K extends keyof EngineMethods> = Parameters<EngineMethods[K]>;

export class EngineClient {
  #options: ClientOptions;
  #live: Live | undefined;
  #spawned: Spawned | undefined;
  #helpers = new Map<number, Spawned>();
  #lastHelper = 0;
  #refusal: NearfieldError | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Starts the worker if it does not run. `options` are those of the call that it is started for. */
  start(options: CallOptions = {}): Promise<void> {
    if (!this.#live) {
      if (this.#refusal) return Promise.reject(this.#refusal);
      this.#live = this.#begin(options);
    }
    return this.#live.ready;
  }

  async call<K extends keyof EngineMethods>(method: K, args: EngineArgs<K>, options: CallOptions = {}) {
    await this.start();
    if (!this.#live) throw this.#refusal ?? new NearfieldError("Internal", "the worker ended");
    return this.#live.engine.call(method, args as never, options);
  }

  /** Lets a running worker put its things in order before it is ended. */
  async stop(): Promise<void> {
    await this.#live?.engine.call("close", []);
  }

  /** Ends all workers; the next call starts them again. */
  rest(): void {
    this.#drop(new NearfieldError("Aborted", "the worker was idle and has ended"));
  }

  /** Ends all workers. Calls that wait, and later ones, fail with the given error. */
  end(code: ErrorCode, message: string): void {
    this.#refusal ??= new NearfieldError(code, message);
    this.#drop(this.#refusal);
  }

  /** Refuses to start again once the worker has ended: what the worker held cannot be brought back. */
  refuse(error: NearfieldError): void {
    this.#refusal ??= error;
  }

  #begin(options: CallOptions): Live {
    const die = (error: NearfieldError) => {
      if (this.#spawned === spawned) this.#drop(error);
    };
    const spawned = spawn("engine", this.#options.worker, die);
    this.#spawned = spawned;
    const engine: Engine = new Peer(spawned.worker as never, this.#handlers(), ({ code, message }) => {
      die(new NearfieldError(code, message));
    });
    const ready = this.#options.boot(engine, options);
    const live = { engine, ready };
    ready.catch((error: unknown) => {
      if (this.#live === live) this.#drop(error as NearfieldError);
    });
    return live;
  }

  #drop(error: NearfieldError): void {
    const live = this.#live;
    this.#live = undefined;
    this.#spawned?.end();
    this.#spawned = undefined;
    for (const helper of this.#helpers.values()) helper.end();
    this.#helpers.clear();
    live?.engine.fail(error);
  }

  #handlers(): Handlers<HostMethods> {
    return {
      startWorker: (_, compiled) => {
        const id = ++this.#lastHelper;
        const { port1, port2 } = new MessageChannel();
        const die = ({ message }: NearfieldError) => {
          this.#helpers.delete(id);
          this.#live?.engine.call("workerDied", [id, message]).catch(() => {});
        };
        this.#helpers.set(id, spawn("pool", this.#options.worker, die, { port: port1, compiled }));
        return new Transfer({ id, port: port2 }, [port2]);
      },
      endWorker: (_, id) => {
        this.#helpers.get(id)?.end();
        this.#helpers.delete(id);
      },
      embed: async ({ signal }, digest, texts, role) => {
        const embedder = this.#options.embedders.find((one) => describe(one).digest === digest);
        if (!embedder) throw new NearfieldError("Internal", "the engine asked for an embedder that was not given");
        const rows = await runEmbedder(embedder, texts, role, signal);
        return new Transfer(rows, [rows.buffer as ArrayBuffer]);
      },
    };
  }
}
