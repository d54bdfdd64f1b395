// Where embedding, reranking and graph building happen: small jobs at once in the engine's own worker, so that a query
// never waits behind indexing; large ones cut up and dealt out to the pool.

import { Accelerator } from "./accelerator.js";
import { fromWire, NearfieldError } from "./errors.js";
import { HeldModel, isDamage } from "./held-model.js";
import { loadGpu } from "./load-gpu.js";
import { pause } from "./pace.js";
import { Pool, type Lane } from "./pool.js";
import type { HostMethods, ModelSource, PoolMethods, PoolRows, Runtime, UpkeepJob } from "./protocol.js";
import { Peer } from "./rpc.js";
import { cutJobs, gatherRows } from "./schedule.js";
import type { DeviceChoice, DeviceReport, ProgressEvent } from "./types.js";
import type { Instance, Reading, Role, SparseQuery } from "./wasm.js";

/** UTF-16 units from which a job is worth waking the pool: about a second of work. */
const LARGE_EMBED = 16_000;
const LARGE_RERANK = 6_000;

/** Texts that are embedded here between two reports. */
const AT_ONCE = 64;

/** Milliseconds in which a pool worker must be ready. Its script is in the cache and its module compiled. */
const START_LIMIT = 15_000;

type Report = (event: ProgressEvent) => void;

/** A pool worker with the models that it has been given. */
interface Helper {
  peer: Peer<PoolMethods>;
  loaded: Map<string, Promise<unknown>>;
}

export class Compute {
  /** Tokens encoded so far, here and in the pool. */
  tokens = 0;
  /** What the last batch ran on. */
  device: DeviceReport;
  #instance: Instance;
  #host: Peer<HostMethods>;
  #pool: Pool<Helper>;
  #models = new Map<string, HeldModel>();
  /** What to do when the page says that a worker is gone. */
  #deaths = new Map<number, (error: NearfieldError) => void>();
  /** What each model of this worker had counted when we last looked. */
  #counts = new WeakMap<object, number>();
  #choice: DeviceChoice;
  #accelerator: Accelerator;

  constructor(instance: Instance, host: Peer<HostMethods>, { workers, device }: Runtime) {
    this.#instance = instance;
    this.#host = host;
    this.#choice = device;
    this.#accelerator = new Accelerator(device, loadGpu);
    this.device = this.#accelerator.report;
    this.#pool = new Pool(workers, (onDeath) => this.#startHelper(onDeath));
  }

  get workers(): { max: number; running: number } {
    return { max: this.#pool.max, running: this.#pool.running };
  }

  /** Rejects where a GPU was asked for and there is none. */
  async start(): Promise<void> {
    await this.#accelerator.start();
    this.device = this.#accelerator.report;
  }

  /** The model of a source, loaded when it is first needed. */
  hold({ model, base, cache }: ModelSource): HeldModel {
    const source = { model, base, cache };
    const key = JSON.stringify(source);
    let held = this.#models.get(key);
    if (!held) this.#models.set(key, (held = new HeldModel(this.#instance.wasm, source)));
    return held;
  }

  /** Rows of vectors, joined, in the order of the texts; `embedded` hears how many are done. */
  async embed(
    held: HeldModel,
    texts: string[],
    reading: Reading,
    signal: AbortSignal,
    report?: Report,
    embedded: (texts: number) => void = () => {},
  ): Promise<Float32Array> {
    const lengths = texts.map((text) => text.length);
    if (reading.role === "passage" && this.#isLarge(lengths, LARGE_EMBED)) {
      const { info } = await held.bundle(signal, report);
      let done = 0;
      const spread = await this.#spread(lengths, lengths.map(() => info.dims), signal, false, async (helper, job) => {
        const key = await this.#give(helper, held, signal, report);
        const part = await helper.peer.call("embed", [key, pick(texts, job), reading], { signal });
        embedded((done += job.length));
        return part;
      });
      if (spread) return spread;
    }
    const model = await held.model(signal, report);
    const rows: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += AT_ONCE) {
      const some = texts.slice(at, at + AT_ONCE);
      rows.push(await this.#counted(model, () => this.#accelerator.embed(model, some, reading, () => pause(signal))));
      embedded(at + some.length);
    }
    return rows.length === 1 ? rows[0]! : joined(rows);
  }

  /** Rows for the spans of passages that are read whole, joined: of each, start and end in bytes. */
  async embedSpans(
    held: HeldModel,
    texts: string[],
    spans: Uint32Array[],
    reading: Reading,
    signal: AbortSignal,
    report?: Report,
  ): Promise<Float32Array> {
    const lengths = texts.map((text) => text.length);
    if (this.#isLarge(lengths, LARGE_EMBED)) {
      const { info } = await held.bundle(signal, report);
      const sizes = spans.map((ends) => (ends.length / 2) * info.dims);
      const spread = await this.#spread(lengths, sizes, signal, false, async (helper, job) => {
        const key = await this.#give(helper, held, signal, report);
        return helper.peer.call("embedSpans", [key, pick(texts, job), pick(spans, job), reading], { signal });
      });
      if (spread) return spread;
    }
    const model = await held.model(signal, report);
    return this.#counted(model, () => model.embedSpans(texts, spans, reading, () => pause(signal)));
  }

  /** Weighted terms of each text, as rows of `2 * maxTerms` numbers. */
  async weigh(
    held: HeldModel,
    texts: string[],
    role: Role,
    query: SparseQuery | undefined,
    signal: AbortSignal,
    report?: Report,
  ): Promise<Float32Array> {
    const lengths = texts.map((text) => text.length);
    if (role === "passage" && this.#isLarge(lengths, LARGE_EMBED)) {
      const { info } = await held.bundle(signal, report);
      const sizes = texts.map(() => 2 * (info.maxTerms ?? 0));
      const spread = await this.#spread(lengths, sizes, signal, false, async (helper, job) => {
        const key = await this.#give(helper, held, signal, report);
        return helper.peer.call("weigh", [key, pick(texts, job), role], { signal });
      });
      if (spread) return spread;
    }
    const model = await held.model(signal, report);
    return this.#counted(model, () => model.weigh(texts, role, query, () => pause(signal)));
  }

  /** Vectors of the tokens of each text: their number, then as many rows. */
  async encodeTokens(held: HeldModel, texts: string[], role: Role, signal: AbortSignal, report?: Report): Promise<Float32Array> {
    const lengths = texts.map((text) => text.length);
    if (role === "passage" && this.#isLarge(lengths, LARGE_EMBED)) {
      const { info } = await held.bundle(signal, report);
      // How many numbers each text has is known once its worker has answered.
      const sizes = texts.map(() => 0);
      const spread = await this.#spread(lengths, sizes, signal, false, async (helper, job) => {
        const key = await this.#give(helper, held, signal, report);
        const part = await helper.peer.call("encodeTokens", [key, pick(texts, job), role], { signal });
        let at = 0;
        for (const index of job) at += sizes[index] = 1 + part.rows[at]! * info.dims;
        return part;
      });
      if (spread) return spread;
    }
    const model = await held.model(signal, report);
    return this.#counted(model, () => model.encodeTokens(texts, role, () => pause(signal)));
  }

  /** One score for each text, in order. */
  async score(held: HeldModel, query: string, texts: string[], signal: AbortSignal, report?: Report): Promise<Float32Array> {
    const lengths = texts.map((text) => text.length);
    if (this.#isLarge(lengths, LARGE_RERANK)) {
      const spread = await this.#spread(lengths, lengths.map(() => 1), signal, true, async (helper, job) => {
        const key = await this.#give(helper, held, signal, report);
        return helper.peer.call("score", [key, query, pick(texts, job)], { signal });
      });
      if (spread) return spread;
    }
    const model = await held.model(signal, report);
    return this.#counted(model, () => this.#accelerator.score(model, query, texts, () => pause(signal)));
  }

  /** Builds a graph in the pool; without one, here, which holds up everything else. */
  async buildGraph(job: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#pool.max === 0) return this.#instance.wasm.buildGraph(job);
    return this.#pool.submit(({ peer }) => peer.call("buildGraph", [job], { signal }), { signal, blocking: true });
  }

  /** Merges segments and builds graphs of a stored collection. False if there is no pool to do it. */
  async upkeep(job: UpkeepJob, signal: AbortSignal, report: Report): Promise<boolean> {
    const work = ({ peer }: Helper) => peer.call("upkeep", [job], { signal, onProgress: report });
    try {
      await this.#pool.submit(work, { signal, blocking: true });
      return true;
    } catch (error) {
      if (this.#pool.max === 0 && !signal.aborted) return false;
      throw error;
    }
  }

  workerDied(id: number, error: NearfieldError): void {
    this.#deaths.get(id)?.(error);
  }

  close(): void {
    this.#accelerator.close();
    this.#pool.close(new NearfieldError("Aborted", "the collection was closed"));
  }

  #isLarge(lengths: number[], limit: number): boolean {
    return this.#pool.max > 0 && lengths.length > 1 && lengths.reduce((sum, length) => sum + length, 0) >= limit;
  }

  /** Undefined when the pool turned out to be unusable: the caller does the work itself. */
  async #spread(
    lengths: number[],
    sizes: number[],
    signal: AbortSignal,
    urgent: boolean,
    work: (helper: Helper, job: number[]) => Promise<PoolRows>,
  ): Promise<Float32Array | undefined> {
    const jobs = cutJobs(lengths, this.#pool.max);
    // One failure makes the rest pointless.
    const group = new AbortController();
    const either = AbortSignal.any([signal, group.signal]);
    const run = async (job: number[]) => {
      const { rows, tokens, device } = await this.#pool.submit((helper) => work(helper, job), { signal: either, urgent });
      this.tokens += tokens;
      this.device = device;
      return rows;
    };
    try {
      return gatherRows(jobs, await Promise.all(jobs.map(run)), sizes);
    } catch (error) {
      group.abort();
      if (this.#pool.max === 0 && !signal.aborted) return undefined;
      throw error;
    }
  }

  /** Sees to it that the helper has the model; answers by which key. */
  async #give(helper: Helper, held: HeldModel, signal: AbortSignal, report?: Report): Promise<string> {
    const bundle = await held.bundle(signal, report);
    const key = bundle.url;
    const load = async () => {
      try {
        await helper.peer.call("load", [key, bundle]);
      } catch (error) {
        if (!isDamage(error)) throw error;
        await helper.peer.call("load", [key, await held.repair(signal, report)]);
      }
    };
    let loading = helper.loaded.get(key);
    if (!loading) {
      helper.loaded.set(key, (loading = load()));
      loading.catch(() => helper.loaded.delete(key));
    }
    await loading;
    return key;
  }

  async #startHelper(onDeath: (error: NearfieldError) => void): Promise<Lane<Helper>> {
    const { module, build } = this.#instance;
    const { id, port } = await this.#host.call("startWorker", [{ module, build }]);
    const leave = (error: NearfieldError) => {
      this.#deaths.delete(id);
      peer.fail(error);
      port.close();
    };
    const end = () => {
      this.#host.call("endWorker", [id]).catch(() => {});
      leave(new NearfieldError("Aborted", "the worker was ended"));
    };
    const die = (error: NearfieldError) => {
      onDeath(error);
      leave(error);
    };
    const peer = new Peer<PoolMethods>(port, {}, (error) => die(fromWire(error)));
    this.#deaths.set(id, die);
    try {
      // Of a worker that is killed before it holds its lock nobody is told.
      await peer.call("ready", [this.#choice], { signal: AbortSignal.timeout(START_LIMIT) });
    } catch (error) {
      end();
      throw error;
    }
    return { worker: { peer, loaded: new Map() }, end };
  }

  async #counted<T>(model: { tokens(): number }, work: () => Promise<T>): Promise<T> {
    const result = await work();
    this.device = this.#accelerator.report;
    // Calls may have run interleaved: what is new is added once, by whichever ends first.
    const count = (counter: object, now: number) => {
      this.tokens += now - (this.#counts.get(counter) ?? 0);
      this.#counts.set(counter, now);
    };
    count(model, model.tokens());
    count(this.#accelerator, this.#accelerator.tokens);
    return result;
  }
}

function joined(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const pick = <T>(items: T[], job: number[]): T[] => job.map((index) => items[index]!);
