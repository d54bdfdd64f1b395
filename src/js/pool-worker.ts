// A worker of the pool: one WebAssembly instance, up to two models, and the jobs that the engine sends.

import { Accelerator } from "./accelerator.js";
import { NearfieldError, throwIfAborted } from "./errors.js";
import { loadGpu } from "./load-gpu.js";
import { loadBundle, type Bundle } from "./models.js";
import { pause } from "./pace.js";
import type { PoolMethods, UpkeepJob } from "./protocol.js";
import { Peer, Transfer, type CallContext, type Handlers } from "./rpc.js";
import type { DeviceChoice } from "./types.js";
import { keepUp } from "./upkeep.js";
import { instantiate, type Compiled, type Instance, type Reading, type Role, type Wasm, type WasmModel } from "./wasm.js";

export function servePool(port: MessagePort, compiled: Compiled): void {
  new Peer<object>(port, new PoolWorker(compiled));
}

class PoolWorker implements Handlers<PoolMethods> {
  #compiled: Compiled;
  #instance: Instance | undefined;
  #models = new Map<string, WasmModel>();
  #last: Promise<unknown> = Promise.resolve();
  #accelerator = new Accelerator("wasm", loadGpu);

  constructor(compiled: Compiled) {
    this.#compiled = compiled;
  }

  ready = (_: CallContext, device: DeviceChoice): void => {
    this.#instance = instantiate(this.#compiled);
    this.#accelerator = new Accelerator(device, loadGpu);
  };

  load = async ({ signal }: CallContext, key: string, bundle: Bundle): Promise<void> => {
    const model = await loadBundle(this.#wasm, bundle, signal);
    this.#models.get(key)?.free();
    this.#models.set(key, model);
  };

  embed = ({ signal }: CallContext, key: string, texts: string[], reading: Reading) => {
    const model = this.#model(key);
    return this.#inTurn(model, signal, () => this.#accelerator.embed(model, texts, reading, () => pause(signal)));
  };

  embedSpans = ({ signal }: CallContext, key: string, texts: string[], spans: Uint32Array[], reading: Reading) => {
    const model = this.#model(key);
    return this.#inTurn(model, signal, () => model.embedSpans(texts, spans, reading, () => pause(signal)));
  };

  score = ({ signal }: CallContext, key: string, query: string, texts: string[]) => {
    const model = this.#model(key);
    return this.#inTurn(model, signal, () => this.#accelerator.score(model, query, texts, () => pause(signal)));
  };

  weigh = ({ signal }: CallContext, key: string, texts: string[], role: Role) => {
    const model = this.#model(key);
    return this.#inTurn(model, signal, () => model.weigh(texts, role, undefined, () => pause(signal)));
  };

  encodeTokens = ({ signal }: CallContext, key: string, texts: string[], role: Role) => {
    const model = this.#model(key);
    return this.#inTurn(model, signal, () => model.encodeTokens(texts, role, () => pause(signal)));
  };

  buildGraph = (_: CallContext, job: Uint8Array) => {
    const graph = this.#wasm.buildGraph(job);
    return new Transfer(graph, [graph.buffer as ArrayBuffer]);
  };

  upkeep = ({ signal, progress }: CallContext, job: UpkeepJob) => keepUp(this.#wasm, job, signal, progress);

  /** One job after the other: the second that the engine sends ahead must not slow the first. */
  #inTurn(model: WasmModel, signal: AbortSignal, work: () => Promise<Float32Array>) {
    const turn = this.#last.then(async () => {
      throwIfAborted(signal);
      const counted = () => model.tokens() + this.#accelerator.tokens;
      const before = counted();
      const rows = await work();
      const result = { rows, tokens: counted() - before, device: this.#accelerator.report };
      return new Transfer(result, [rows.buffer as ArrayBuffer]);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #model(key: string): WasmModel {
    const model = this.#models.get(key);
    if (!model) throw new NearfieldError("Internal", `a pool worker was sent work before its model ${key}`);
    return model;
  }

  get #wasm(): Wasm {
    if (!this.#instance) throw new NearfieldError("Internal", "a pool worker was sent work before its module");
    return this.#instance.wasm;
  }
}
