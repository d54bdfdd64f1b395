// The engine's worker: answers the page. It holds at most one collection, and serves the parts (chunking, embedding,
// reranking, metrics) without one.

import { Compute } from "./compute.js";
import { NearfieldError } from "./errors.js";
import { yieldToEvents } from "./pace.js";
import { importFile } from "./import.js";
import type { CustomEmbedder, EmbedderSource, EngineMethods, HostMethods, ModelSource, Runtime, SearchRequest, Setup } from "./protocol.js";
import { Peer, Transfer, type CallContext, type Handlers, type Port } from "./rpc.js";
import { leastCosine, leastCosineOnGpu } from "./self-check.js";
import { requireFull, Session } from "./session.js";
import { reading } from "./setup.js";
import type { Slice } from "./slices.js";
import type { ChunkOptions, Document, ListOptions, Meta, RepairReport, Stats, VerifyReport } from "./types.js";
import { compile, instantiate, type Instance, type Role } from "./wasm.js";
import { announceDestruction } from "./tabs.js";
import { PATIENCE, Writer } from "./writer.js";

export function serveEngine(port: Port): void {
  const worker = new EngineWorker();
  worker.host = new Peer<HostMethods>(port, worker.handlers);
}

class EngineWorker {
  host!: Peer<HostMethods>;
  #instance: Promise<Instance> | undefined;
  #compute: Compute | undefined;
  #session: Session | undefined;
  #runtime: Runtime = { workers: 0, device: "wasm" };
  #staged = new Map<number, Document[]>();

  handlers: Handlers<EngineMethods> = {
    configure: (_, runtime: Runtime) => {
      this.#runtime = runtime;
    },
    open: async (context, setup: Setup) => {
      this.#runtime = setup;
      const { wasm } = await this.#start();
      const compute = await this.#computing();
      await compute.start();
      this.#session = await Session.open(setup, wasm, compute, this.host, context);
      return { storage: this.#session.storage };
    },
    stage: (_, batch: number, slice: Slice) => {
      const staged = this.#staged.get(batch) ?? [];
      const last = staged.at(-1);
      if (typeof slice !== "string") for (const document of slice) staged.push(document);
      else if (last) last.text += slice;
      this.#staged.set(batch, staged);
    },
    unstage: (_, batch: number) => {
      this.#staged.delete(batch);
    },
    add: (context, batch: number) => {
      const documents = this.#staged.get(batch);
      this.#staged.delete(batch);
      if (!documents) throw new NearfieldError("Internal", "the documents were lost when a worker ended; add them again");
      return this.#collection.add(context, documents);
    },
    delete: (context, ids: string[]) => this.#collection.delete(context, ids),
    get: (context, id: string) => this.#collection.get(context, id),
    listDocuments: (context, options: ListOptions) => this.#collection.list(context, options),
    updateMeta: (context, id: string, meta: Meta) => this.#collection.updateMeta(context, id, meta),
    search: (context, request: SearchRequest) => this.#collection.search(context, request),
    stats: (context) => this.#stats(context),
    verify: async (context) => (await this.#collection.verify(context)) as VerifyReport,
    compact: (context) => this.#collection.compact(context),
    fit: (context) => this.#collection.fit(context),
    repair: async (context) => (await this.#collection.repair(context)) as unknown as RepairReport,
    reembed: (context, embedder: EmbedderSource | CustomEmbedder) => this.#collection.reembed(context, embedder),
    export: (context) => this.#collection.export(context),
    import: async ({ signal, progress }, name: string, file: Blob) => {
      const { wasm } = await this.#start();
      requireFull(wasm.Importer, "importCollection");
      return new Writer(name).run(signal, PATIENCE, () => importFile(wasm, name, file, signal, progress));
    },
    close: async () => {
      const session = this.#session;
      this.#session = undefined;
      await session?.close();
    },

    chunk: async ({ signal, progress }, text: string, options: ChunkOptions, embedder: ModelSource | undefined) => {
      const { wasm } = await this.#start();
      const compute = await this.#computing();
      const bundle = embedder && (await compute.hold(embedder).bundle(signal, progress));
      return wasm.chunk(text, options, bundle?.tokenizer);
    },
    embed: async ({ signal, progress }, texts: string[], role: Role, embedder: EmbedderSource) => {
      const compute = await this.#computing();
      const held = compute.hold(embedder);
      const { info } = await held.bundle(signal, progress);
      const rows = await compute.embed(held, texts, reading(embedder.instructions, role), signal, progress);
      return new Transfer({ rows, dims: info.dims }, [rows.buffer as ArrayBuffer]);
    },
    rerank: async ({ signal, progress }, query: string, texts: string[], reranker: ModelSource) => {
      const compute = await this.#computing();
      return compute.score(compute.hold(reranker), query, texts, signal, progress);
    },
    selfCheck: async ({ signal, progress }, texts: string[], source: ModelSource, device) => {
      const compute = await this.#computing();
      const model = await compute.hold(source).model(signal, progress);
      const cosine = await (device === "webgpu" ? leastCosineOnGpu : leastCosine)(model, texts, signal);
      return { cosine, build: (await this.#start()).build };
    },
    metrics: async (_, run, qrels) => {
      const { wasm } = await this.#start();
      requireFull(wasm.metrics, "evaluation");
      return wasm.metrics(run, qrels);
    },
    list: async () => (await this.#start()).wasm.listCollections(),
    destroy: async ({ signal }, name: string) => {
      const { wasm } = await this.#start();
      await new Writer(name).run(signal, PATIENCE, async () => {
        announceDestruction(name);
        await yieldToEvents();
        await wasm.destroy(name);
      });
    },
    workerDied: (_, id: number, why: string) => this.#compute?.workerDied(id, new NearfieldError("Internal", why)),
  };

  get #collection(): Session {
    if (!this.#session) throw new NearfieldError("InvalidInput", "the collection is closed");
    return this.#session;
  }

  #start(): Promise<Instance> {
    if (!this.#instance) {
      this.#instance = compile().then(instantiate);
      // The network may be back at the next call.
      this.#instance.catch(() => (this.#instance = undefined));
    }
    return this.#instance;
  }

  async #computing(): Promise<Compute> {
    const instance = await this.#start();
    this.#compute ??= new Compute(instance, this.host, this.#runtime);
    return this.#compute;
  }

  async #stats(context: CallContext): Promise<Stats> {
    const collection = this.#collection;
    const { build, memory } = await this.#start();
    const { workers, tokens, device } = await this.#computing();
    const counted = (await collection.stats(context)) as Stats;
    const { storage, embedder } = collection;
    return { ...counted, storage, embedder, build, device, workers, tokens, wasmMemory: memory.buffer.byteLength };
  }
}
