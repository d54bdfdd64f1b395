// An open collection in its worker: the wasm engine, its models, the writer's lock, and the other tabs.

import { NearfieldError, toError } from "./errors.js";
import type { Compute } from "./compute.js";
import type { HeldModel } from "./held-model.js";
import { Maintenance, nextId } from "./maintenance.js";
import { isVerified } from "./models.js";
import { pause, urgently } from "./pace.js";
import type { CustomEmbedder, EmbedderSource, HostMethods, SearchRequest, Setup } from "./protocol.js";
import { fetchPublished } from "./published.js";
import { checkRoom, roomFor } from "./room.js";
import type { CallContext, Peer } from "./rpc.js";
import { reading } from "./setup.js";
import { Tabs, type News } from "./tabs.js";
import type { Document, Instructions, ListOptions, Meta, ProgressEvent, Stats } from "./types.js";
import type { EngineHooks, EngineProgress, Role, SparseQuery, Wasm, WasmEngine } from "./wasm.js";
import { alone, PATIENCE, Writer, type Turn } from "./writer.js";

/**
 * Milliseconds after opening at which vectors, graphs and the model are loaded although nobody needs them yet. Loading
 * keeps this worker busy for a few hundred, and the first search, which may be lexical, should not wait for that.
 */
const WARM_UP = 100;

/** A call in progress, of the page or of our own maintenance. */
interface Running {
  context: CallContext;
  /** For calls that write. */
  turn: Turn | undefined;
  started: number;
  /** `Compute.tokens` when it began. */
  tokens: number;
  committed: number;
  memo: Map<string, number> | undefined;
  sparseQuery: SparseQuery | undefined;
  /** Of its progress. */
  last?: EngineProgress;
  /** The model that it works with. */
  model: Model;
}

/** An embedder: of the caller, or held in this worker. */
interface Model {
  info?: CustomEmbedder | undefined;
  held?: HeldModel | undefined;
  /** What the caller puts before texts, for a model that is held. */
  instructions?: Instructions | undefined;
  /** Whether these very weights were tested. */
  verified?: boolean | undefined;
  tokenizer?: string | undefined;
}

/** Milliseconds for which a published collection is believed to be the newest; what is missing is noticed at once. */
const PUBLISHED_FOR = 60_000;

/** Chunks from which on a collection is rewritten by another worker. */
const LARGE = 2_000;

/** Texts that an embedder of the caller's is asked for at once. */
const OWN_BATCH = 256;

/** How a call is run. */
interface Manner {
  turn?: Turn | undefined;
  memo?: Running["memo"];
  sparseQuery?: Running["sparseQuery"];
  model?: Model | undefined;
}

export class Session {
  readonly storage: Setup["storage"];
  #setup: Setup;
  #wasm: Wasm;
  #compute: Compute;
  #host: Peer<HostMethods>;
  #engine!: WasmEngine;
  #model: Model = {};
  #sparse: HeldModel | undefined;
  #late: HeldModel | undefined;
  #writer: Writer;
  #tabs: Tabs | undefined;
  #calls = new Map<number, Running>();
  /** Scores of the search that is shown stage by stage, by text. */
  #memo: { session: number; query: string; scores: Map<string, number> } | undefined;
  #maintenance: Maintenance;
  /** Another tab has committed since we last looked. */
  #stale = false;
  #destroyed = false;
  /** When the manifest of a published collection was last asked for. */
  #looked = performance.now();
  #warmUp: ReturnType<typeof setTimeout> | undefined;

  private constructor(setup: Setup, storage: Setup["storage"], wasm: Wasm, compute: Compute, host: Peer<HostMethods>) {
    this.storage = storage;
    this.#setup = setup;
    this.#wasm = wasm;
    this.#compute = compute;
    this.#host = host;
    this.#writer = new Writer(setup.name);
    this.#maintenance = new Maintenance((context) => this.#maintain(context));
  }

  static async open(
    setup: Setup,
    wasm: Wasm,
    compute: Compute,
    host: Peer<HostMethods>,
    context: CallContext,
  ): Promise<Session> {
    const storage = setup.storage !== "indexeddb" || (await hasIndexedDb()) ? setup.storage : "memory";
    const session = new Session(setup, storage, wasm, compute, host);
    session.#model = await session.#prepare(context, setup.embedder);
    const { info, held, tokenizer } = session.#model;
    const sparse = await session.#prepareSparse(context);
    const late = await session.#prepareLate(context);
    const encoders = { ...(sparse && { sparseEncoder: sparse.info }), ...(late && { lateEncoder: late }) };
    const options = { ...setup.options, store: storage, url: setup.url, embedder: info, ...encoders };
    session.#engine = await session.#track(context, () => {
      return wasm.Engine.open(setup.name, options, session.#hooks(), tokenizer, sparse?.tokenizer);
    });
    if (storage === "indexeddb") session.#tabs = new Tabs(setup.name, (news) => session.#hear(news));
    // Lexical search can begin; the rest and the weights of a cached model follow. What goes wrong, the first use will
    // report.
    session.#warmUp = setTimeout(() => {
      session.#aside((call) => session.#engine.complete(call)).catch(() => {});
      held?.model().catch(() => {});
      // What documents were added without, they get now.
      if (storage !== "http" && (session.#sparse || session.#late)) session.#maintenance.schedule();
    }, WARM_UP);
    return session;
  }

  get embedder(): Stats["embedder"] {
    const { info, verified = false } = this.#model;
    return info && { ...info, verified };
  }

  add = (context: CallContext, documents: Document[]) =>
    this.#write(context, async (call) => {
      if (this.storage === "indexeddb") await checkRoom(roomFor(documents), "these documents take");
      return this.#engine.add(call, documents);
    });
  delete = (context: CallContext, ids: string[]) => this.#write(context, (call) => this.#engine.delete(call, ids));
  repair = (context: CallContext) => this.#write(context, (call) => this.#engine.repair(call));
  async fit(context: CallContext): Promise<void> {
    requireFull(this.#engine.fit, "fit");
    return this.#write(context, (call) => this.#engine.fit(call));
  }
  updateMeta = (context: CallContext, id: string, meta: Meta) =>
    this.#write(context, (call) => this.#engine.updateMeta(call, id, meta));

  list = (context: CallContext, options: ListOptions) => this.#read(context, (call) => this.#engine.list(call, options));
  get = (context: CallContext, id: string) => this.#read(context, (call) => this.#engine.get(call, id));
  stats = (context: CallContext) => this.#read(context, (call) => this.#engine.stats(call));
  verify = (context: CallContext) => this.#read(context, (call) => this.#engine.verify(call));

  async compact(context: CallContext): Promise<void> {
    if (this.storage === "indexeddb") {
      const { bytes } = (await this.stats(context)) as Stats;
      await checkRoom(bytes, "until it has replaced the old one, the rewritten collection takes");
    }
    if (!(await this.#elsewhere(context, true))) {
      const work = () => this.#write(context, (call) => this.#engine.compact(call));
      return alone(this.#setup.name, context.signal, work);
    }
  }

  /** One step of what nobody waits for; true if there may be more. */
  async #maintain(context: CallContext): Promise<boolean> {
    if (await this.#elsewhere(context, false)) return false;
    const work = () => this.#exclusively(context, Infinity, (call) => this.#engine.maintain(call));
    return alone(this.#setup.name, context.signal, work);
  }

  /**
   * Rewriting a large collection takes much memory, which this worker would keep for good, and holds up queries: a
   * worker of the pool does it with an engine of its own, on the same database. False if it cannot, or need not and
   * there may be something else to do.
   */
  async #elsewhere(context: CallContext, all: boolean): Promise<boolean> {
    if (this.storage !== "indexeddb" || this.#compute.workers.max === 0) return false;
    const { chunks } = (await this.stats(context)) as { chunks: number };
    if (chunks < LARGE) return false;
    if (!all && !(await this.#track(context, (call) => this.#engine.due(call)))) {
      // What is left to do needs a model, which is here: weighted terms or token vectors that are missing.
      return !this.#sparse && !this.#late;
    }
    const { signal, progress } = context;
    const { name, options } = this.#setup;
    try {
      return await this.#compute.upkeep({ name, options, all }, signal, progress);
    } finally {
      // Also after a failure: some of the steps may have been committed.
      await this.#catchUp();
    }
  }

  /** One part after the other, each in a turn of its own, so that others can write meanwhile. */
  async reembed(context: CallContext, wanted: EmbedderSource | CustomEmbedder): Promise<void> {
    requireFull(this.#engine.reembed, "reembed");
    const model = await this.#prepare(context, wanted);
    const { info, tokenizer } = model;
    if (!info) throw new NearfieldError("Internal", "a model without a description");
    if (this.storage === "indexeddb") {
      const { chunks } = (await this.stats(context)) as Stats;
      await checkRoom(chunks * info.dims, "until they have replaced the old ones, the new vectors take");
    }
    let going = true;
    while (going) {
      const step = (call: number) => this.#engine.reembed(call, info, tokenizer);
      going = await this.#write(context, step, model);
    }
    this.#model = model;
  }

  /** The pieces are joined to larger ones as they come; the browser may keep those on disk. */
  async export(context: CallContext): Promise<Blob> {
    requireFull(this.#engine.export, "export");
    let file = new Blob([]);
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    const gather = () => {
      file = new Blob([file, ...pieces]);
      pieces = [];
      bytes = 0;
    };
    const emit = (piece: Uint8Array) => {
      pieces.push(piece as Uint8Array<ArrayBuffer>);
      bytes += piece.byteLength;
      if (bytes > 1 << 24) gather();
    };
    await this.#read(context, (call) => this.#engine.export(call, emit));
    gather();
    return file;
  }

  search(context: CallContext, { query, options, sparseQuery, session }: SearchRequest) {
    const find = (call: number) => this.#find(context, call, query, options);
    if (session === undefined) return this.#read(context, find, { sparseQuery });
    if (this.#memo?.session !== session || this.#memo.query !== query) {
      this.#memo = { session, query, scores: new Map() };
    }
    const { scores } = this.#memo;
    return this.#read(context, find, { memo: scores, sparseQuery });
  }

  /** What it waits for is read first, and not in haste. */
  async #find(context: CallContext, call: number, query: string, options: { mode?: string }) {
    if (options.mode !== "sparse") await this.#engine.complete(call);
    return urgently(context.signal, () => this.#engine.search(call, query, options));
  }

  /** Running calls are aborted; what they have committed stays. */
  async close(): Promise<void> {
    clearTimeout(this.#warmUp);
    this.#tabs?.close();
    this.#maintenance.stop();
    this.#cancel(new NearfieldError("Aborted", "the collection was closed"));
    this.#compute.close();
    await this.#engine.close();
  }

  async #prepare(context: CallContext, wanted: Setup["embedder"]): Promise<Model> {
    if (!wanted) return {};
    if (!("model" in wanted)) return { info: wanted };
    const held = this.#compute.hold(wanted);
    const { info, tokenizer } = await held.bundle(context.signal, context.progress);
    const { name, dims, maxTokens, matryoshka = false } = info;
    const { instructions } = wanted;
    // Passages that are read in another way have other vectors.
    const digest = this.#wasm.readingDigest(info.digest, reading(instructions, "passage"));
    const verified = isVerified(this.#wasm, info);
    return { info: { name, digest, dims, maxTokens, matryoshka }, held, instructions, verified, tokenizer };
  }

  async #prepareSparse({ signal, progress }: CallContext) {
    const source = this.#setup.sparseEncoder;
    if (!source) return undefined;
    this.#sparse = this.#compute.hold(source);
    const { info, tokenizer } = await this.#sparse.bundle(signal, progress);
    if (info.kind !== "sparse") {
      throw new NearfieldError("InvalidInput", `sparseEncoder: "${info.name}" is a ${info.kind}, not a learned sparse model`);
    }
    return { info: { name: info.name, digest: info.digest }, tokenizer };
  }

  async #prepareLate({ signal, progress }: CallContext) {
    const source = this.#setup.lateEncoder;
    if (!source) return undefined;
    this.#late = this.#compute.hold(source);
    const { info } = await this.#late.bundle(signal, progress);
    if (info.kind !== "late") {
      throw new NearfieldError("InvalidInput", `lateEncoder: "${info.name}" is a ${info.kind}, not a late-interaction model`);
    }
    return { info: { name: info.name, digest: info.digest }, dims: info.dims };
  }

  #read<T>(context: CallContext, work: (call: number) => Promise<T>, manner: Manner = {}): Promise<T> {
    const freshly = async (call: number) => {
      if (this.#stale || this.#overdue()) {
        this.#stale = false;
        await this.#engine.refresh(call).catch((error: unknown) => this.#unlessOffline(error));
      }
      return work(call);
    };
    return this.#track(context, freshly, manner);
  }

  /** Whether it is time to look if another collection was published in place of this one. */
  #overdue(): boolean {
    if (this.storage !== "http" || performance.now() - this.#looked < PUBLISHED_FOR) return false;
    this.#looked = performance.now();
    return true;
  }

  /** What was fetched of a published collection goes on answering without the network. */
  #unlessOffline(error: unknown): void {
    if (this.storage !== "http" || toError(error).code !== "Network") throw error;
  }

  async #write<T>(context: CallContext, work: (call: number) => Promise<T>, model?: Model): Promise<T> {
    if (this.storage === "http") throw new NearfieldError("Unsupported", "a published collection is read only");
    try {
      return await this.#exclusively(context, PATIENCE, work, model);
    } finally {
      this.#maintenance.schedule();
    }
  }

  #exclusively<T>(
    context: CallContext,
    patience: number,
    work: (call: number) => Promise<T>,
    model?: Model,
  ): Promise<T> {
    return this.#writer.run(context.signal, patience, (turn) => {
      const onNewest = async (call: number) => {
        await this.#engine.refresh(call);
        try {
          return await work(call);
        } finally {
          // Also after a failure: batches before it may have been committed.
          this.#tabs?.announce();
        }
      };
      return this.#track(context, onNewest, { turn, model });
    });
  }

  async #track<T>(
    context: CallContext,
    work: (call: number) => Promise<T>,
    { turn, memo, sparseQuery, model = this.#model }: Manner = {},
  ): Promise<T> {
    if (this.#destroyed) throw new NearfieldError("NotFound", `the collection "${this.#setup.name}" was destroyed`);
    const started = performance.now();
    const { tokens } = this.#compute;
    this.#calls.set(context.id, { context, turn, memo, sparseQuery, model, started, tokens, committed: 0 });
    try {
      return await work(context.id);
    } finally {
      this.#calls.delete(context.id);
    }
  }

  #hear(news: News): void {
    if (news === "rewritten") return void this.#catchUp();
    if (news === "committed") {
      this.#stale = true;
      return;
    }
    this.#destroyed = true;
    this.#maintenance.stop();
    this.#cancel(new NearfieldError("NotFound", "the collection was destroyed"));
    this.#engine.close().catch(() => {});
  }

  /** Queries go on with the segments that there were while the new ones are read. */
  async #catchUp(): Promise<void> {
    await this.#aside((call) => this.#engine.refresh(call)).catch(() => (this.#stale = true));
  }

  /** A call that nobody made; it ends when the collection is closed. */
  #aside<T>(work: (call: number) => Promise<T>): Promise<T> {
    const stopped = new AbortController();
    const cancel = (reason: NearfieldError) => stopped.abort(reason);
    return this.#track({ id: nextId(), signal: stopped.signal, progress: () => {}, cancel }, work);
  }

  #cancel(reason: NearfieldError): void {
    for (const { context } of this.#calls.values()) context.cancel(reason);
  }

  #running(call: number): Running {
    const running = this.#calls.get(call);
    if (!running) throw new NearfieldError("Internal", `the engine works for a call ${call} that nobody made`);
    return running;
  }

  #hooks(): EngineHooks {
    return {
      now: () => performance.now(),
      release: (call) => this.#running(call).turn?.release(),
      regain: async (call) => this.#running(call).turn?.regain(),
      pause: (call) => pause(this.#running(call).context.signal),
      progress: (call, event) => this.#progress(this.#running(call), event),
      embed: (call, texts, role) => this.#embed(this.#running(call), texts, role),
      embedSpans: (call, texts, spans) => this.#embedSpans(this.#running(call), texts, spans),
      weigh: (call, texts, role) => this.#weigh(this.#running(call), texts, role),
      encodeTokens: (call, texts, role) => this.#encodeTokens(this.#running(call), texts, role),
      score: (call, query, texts) => this.#score(this.#running(call), query, texts),
      buildGraph: (call, job) => this.#buildGraph(call, job),
      fetch: fetchPublished,
    };
  }

  async #embedSpans({ context, model }: Running, texts: string[], spans: Uint32Array[]): Promise<Float32Array> {
    if (!model.held) throw new NearfieldError("Unsupported", "chunk.late: an own embedder shows no states of tokens");
    const passage = reading(model.instructions, "passage");
    return this.#compute.embedSpans(model.held, texts, spans, passage, context.signal, context.progress);
  }

  async #embed(running: Running, texts: string[], role: Role): Promise<Float32Array> {
    const { context, model } = running;
    const { signal, progress } = context;
    // One large document may be all that a batch holds: its chunks tell how far it is.
    const embedded = (done: number) => {
      const { last } = running;
      if (role === "passage" && last) this.#progress(running, last, { done, total: texts.length });
    };
    if (model.held) return this.#compute.embed(model.held, texts, reading(model.instructions, role), signal, progress, embedded);
    const rows = new Float32Array(texts.length * (model.info?.dims ?? 0));
    for (let at = 0; at < texts.length; at += OWN_BATCH) {
      const some = texts.slice(at, at + OWN_BATCH);
      const part = await this.#host.call("embed", [model.info?.digest ?? "", some, role], { signal });
      rows.set(part, at * (model.info?.dims ?? 0));
      embedded(at + some.length);
    }
    return rows;
  }

  #weigh({ context: { signal, progress }, sparseQuery = this.#setup.sparseQuery }: Running, texts: string[], role: Role): Promise<Float32Array> {
    if (!this.#sparse) throw new NearfieldError("Internal", "weighted terms without a sparse encoder");
    return this.#compute.weigh(this.#sparse, texts, role, sparseQuery, signal, progress);
  }

  #encodeTokens({ context: { signal, progress } }: Running, texts: string[], role: Role): Promise<Float32Array> {
    if (!this.#late) throw new NearfieldError("Internal", "token vectors without a late-interaction model");
    return this.#compute.encodeTokens(this.#late, texts, role, signal, progress);
  }

  /** Building takes up to minutes and needs nothing but the job, so others may write meanwhile. */
  async #buildGraph(call: number, job: Uint8Array): Promise<Uint8Array> {
    const { context, turn } = this.#running(call);
    turn?.release();
    const graph = await this.#compute.buildGraph(job, context.signal);
    await turn?.regain();
    await this.#engine.refresh(call);
    return graph;
  }

  async #score({ context, memo }: Running, query: string, texts: string[]): Promise<Float32Array> {
    const source = this.#setup.reranker;
    if (!source) throw new NearfieldError("InvalidInput", "rerank: the collection was opened without a reranker");
    const fresh = memo ? texts.filter((text) => !memo.has(text)) : texts;
    const reranker = this.#compute.hold(source);
    const scores = await this.#compute.score(reranker, query, fresh, context.signal, context.progress);
    if (!memo) return scores;
    fresh.forEach((text, index) => memo.set(text, scores[index]!));
    return Float32Array.from(texts, (text) => memo.get(text)!);
  }

  #progress(running: Running, latest: EngineProgress, chunks?: ProgressEvent["chunks"]): void {
    running.last = latest;
    const { phase, done, total, committed } = latest;
    const { context, started, tokens } = running;
    if (committed !== undefined && committed > running.committed) {
      running.committed = committed;
      this.#tabs?.announce();
    }
    const rate = (this.#compute.tokens - tokens) / ((performance.now() - started) / 1000);
    const event: ProgressEvent = { phase, unit: "documents", done, total, committed, ...(chunks && { chunks }) };
    context.progress(rate > 0 ? { ...event, tokensPerSecond: Math.round(rate) } : event);
  }
}

/** The lite build lacks what few of its users need. */
export function requireFull(part: unknown, what: string): void {
  if (!part) throw new NearfieldError("Unsupported", `${what}: the lite build does not have it; use "nearfield"`);
}

/** Private windows and blocked storage show themselves only when a database is opened. */
function hasIndexedDb(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open("nearfield-probe");
      request.onerror = () => resolve(false);
      request.onblocked = () => resolve(true);
      request.onsuccess = () => {
        request.result.close();
        indexedDB.deleteDatabase("nearfield-probe");
        resolve(true);
      };
    } catch {
      resolve(false);
    }
  });
}
