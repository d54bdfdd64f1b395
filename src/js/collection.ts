// An open collection, as the page sees it. Every method sends one message to the engine's worker and waits.

import { EngineClient } from "./client.js";
import { invalid, NearfieldError } from "./errors.js";
import { planExpansion, type EngineExpansion } from "./expand.js";
import { isCustom } from "./own-embedder.js";
import { askToPersist, persisted } from "./persist.js";
import type { Setup } from "./protocol.js";
import { checkCall, checkEmbedder, checkList, checkProgress, checkReembed, checkSearch } from "./schema.js";
import { embedderSetup, engineSetup, withoutUndefined } from "./setup.js";
import { slices } from "./slices.js";
import { requireWorkers } from "./spawn.js";
import { planStages } from "./stages.js";
import { translated, type Translation } from "./translate.js";
import type {
  CallOptions,
  Document,
  Embedder,
  ListOptions,
  ListResult,
  Meta,
  OpenOptions,
  ProgressOptions,
  RepairReport,
  SearchOptions,
  SearchResult,
  SearchStage,
  Stats,
  VerifyReport,
} from "./types.js";
import { metaArgument, textArgument, textsArgument } from "./validate.js";

/** Made by {@link open}. All methods may be called at any time and at once; writes take turns. */
export class Collection {
  /** The name it was opened with. */
  readonly name: string;
  /** Whether it has vectors: without an embedder only lexical search is offered. */
  hasEmbedder: boolean;
  /** Whether searches can be reranked. */
  readonly hasReranker: boolean;
  /** Whether it was opened with a learned sparse model. */
  readonly hasSparseEncoder: boolean;
  /** Whether it was opened with a late-interaction model. */
  readonly hasLateEncoder: boolean;
  #setup: Setup;
  #embedders: Embedder[];
  #client: EngineClient;
  static #lastBatch = 0;
  static #lastSession = 0;

  private constructor(setup: Setup, embedders: Embedder[], client: EngineClient) {
    this.name = setup.name;
    this.#setup = setup;
    this.#embedders = embedders;
    this.hasEmbedder = setup.embedder !== undefined;
    this.hasReranker = setup.reranker !== undefined;
    this.hasSparseEncoder = setup.sparseEncoder !== undefined;
    this.hasLateEncoder = setup.lateEncoder !== undefined;
    this.#client = client;
  }

  /** @internal Use {@link open}. */
  static async open(place: string | URL, options: OpenOptions): Promise<Collection> {
    const { embedder, signal, onProgress } = options;
    requireWorkers(options.worker);
    const setup = engineSetup(place, options);
    const embedders = embedder !== undefined && isCustom(embedder) ? [embedder] : [];
    const client = new EngineClient({
      worker: options.worker,
      embedders,
      boot: async (engine, call) => {
        const { storage } = await engine.call("open", [setup], call);
        if (storage === "memory") {
          // A second start would be an empty collection that pretends to be this one.
          client.refuse(new NearfieldError("Internal", "the worker ended, and this collection was kept in memory only"));
        }
      },
    });
    await client.start({ signal, onProgress });
    return new Collection(setup, embedders, client);
  }

  /**
   * Adds documents; one whose id is already there replaces it, and of two in one call the later wins. They are found
   * as soon as the batch they are in is committed, which `onProgress` tells as `committed`; all are when the promise
   * resolves. After an error or an abort, committed batches stay.
   */
  async add(documents: readonly Document[], options: ProgressOptions = {}): Promise<{ added: number }> {
    checkProgress(options, "options");
    if (!Array.isArray(documents)) throw invalid("documents: an array is expected");
    const { signal, onProgress } = options;
    const batch = ++Collection.#lastBatch;
    askToPersist();
    try {
      for (const slice of slices(documents)) await this.#client.call("stage", [batch, slice], { signal });
      return await this.#client.call("add", [batch], { signal, onProgress, settle: true });
    } catch (error) {
      this.#client.call("unstage", [batch]).catch(() => {});
      throw error;
    }
  }

  /** Deletes documents by id; returns how many there were. Unknown ids are not an error. */
  async delete(ids: string | readonly string[], options: CallOptions = {}): Promise<number> {
    checkCall(options, "options");
    const list = textsArgument(typeof ids === "string" ? [ids] : ids, "ids");
    return this.#client.call("delete", [list], { ...options, settle: true });
  }

  /** A document as it was added, or undefined. */
  async get(id: string, options: CallOptions = {}): Promise<Document | undefined> {
    checkCall(options, "options");
    return this.#client.call("get", [textArgument(id, "id")], options);
  }

  /**
   * What is in the collection, ascending by id (by code points), a page at a time and without texts.
   *
   * @example
   * let next;
   * do {
   *   const page = await db.list({ after: next, filter: { lang: "en" } });
   *   show(page.documents);
   *   next = page.next;
   * } while (next !== undefined);
   */
  async list(options: ListOptions = {}): Promise<ListResult> {
    checkList(options, "options");
    const { signal, ...wanted } = options;
    return this.#client.call("listDocuments", [withoutUndefined(wanted)], { signal });
  }

  /** Replaces the metadata of a document, without embedding it again. Throws NotFound. */
  async updateMeta(id: string, meta: Meta, options: CallOptions = {}): Promise<void> {
    checkCall(options, "options");
    const args: [string, Meta] = [textArgument(id, "id"), metaArgument(meta, "meta") as Meta];
    return this.#client.call("updateMeta", args, { ...options, settle: true });
  }

  /** The best hits for a query. An empty query has none. */
  async search(query: string, options: SearchOptions = {}): Promise<SearchResult> {
    const { signal, onProgress, ...wanted } = this.#searchOptions(options);
    const text = textArgument(query, "query");
    const translation = wanted.translate && (await translated(text, wanted.translate, signal));
    const asked = translation?.query ?? text;
    const expansion = await expanded(asked, wanted, signal);
    const request = { query: asked, sparseQuery: wanted.sparseQuery, options: forEngine(wanted, expansion, translation) };
    const result = await this.#client.call("search", [request], { signal, onProgress });
    return withGeneration(result, expansion, translation);
  }

  /**
   * The same search in stages of growing cost: lexical hits at once, then fused ones, then reranked ones, of which the
   * first ten come before the rest.
   *
   * @example
   * for await (const { stage, hits } of db.searchStages("how do I …?", { rerank: true })) render(hits);
   */
  async *searchStages(query: string, options: SearchOptions = {}): AsyncGenerator<SearchStage, void, void> {
    const { signal, onProgress, ...wanted } = this.#searchOptions(options);
    const text = textArgument(query, "query");
    const session = ++Collection.#lastSession;
    const stages = planStages(wanted);
    let expansion: Expansion | undefined;
    let translation: Translation | undefined;
    // What replaces the query must be there first; all else is asked for once, and not before the first hits are shown.
    const { translate } = wanted;
    if (typeof translate === "object" && translate.replace) translation = await translated(text, translate, signal);
    const asked = translation?.query ?? text;
    for (const [index, { stage, options: one }] of stages.entries()) {
      if (one.translate) translation ??= await translated(text, one.translate, signal);
      expansion ??= await expanded(asked, one, signal);
      const request = { query: asked, sparseQuery: one.sparseQuery, options: forEngine(one, expansion, translation), session };
      const result = await this.#client.call("search", [request], { signal, onProgress });
      yield { ...withGeneration(result, expansion, translation), stage, final: index === stages.length - 1 };
    }
  }

  /** Counts, sizes, and how this collection runs here. */
  async stats(options: CallOptions = {}): Promise<Stats> {
    checkCall(options, "options");
    return { ...(await this.#client.call("stats", [], options)), persisted: await persisted() };
  }

  /** Reads and checks everything that is stored. */
  async verify(options: ProgressOptions = {}): Promise<VerifyReport> {
    checkProgress(options, "options");
    return this.#client.call("verify", [], options);
  }

  /**
   * Turns all vectors into the axes along which they spread most, by which their first dimensions (`dims`) come to say
   * as much as they can. Inner products and distances stay as they are. `vectors.rotation` says when that is done by
   * itself; call it after the collection has changed its subject, or where it is "none". `nearfield/lite` turns by the
   * axes that there are and fits none.
   */
  async fit(options: ProgressOptions = {}): Promise<void> {
    checkProgress(options, "options");
    return this.#client.call("fit", [], { ...options, settle: true });
  }

  /** Rewrites all segments as one, without what was deleted. Fits them as {@link fit} does, where that is due. */
  async compact(options: ProgressOptions = {}): Promise<void> {
    checkProgress(options, "options");
    return this.#client.call("compact", [], { ...options, settle: true });
  }

  /** Drops what is broken and says what was lost; what can be rescued is. Does nothing where `verify` finds nothing. */
  async repair(options: ProgressOptions = {}): Promise<RepairReport> {
    checkProgress(options, "options");
    return this.#client.call("repair", [], { ...options, settle: true });
  }

  /**
   * Changes the model: makes the vectors of another one while the present ones answer, then puts all of them in place
   * at once. After an abort, an error or a reload, the same call goes on where it stopped. Without a model: that of
   * `open`, for a collection that lacks some of its vectors, or whose change was begun with it.
   */
  async reembed(
    embedder?: string | URL | Embedder,
    options: ProgressOptions & Pick<OpenOptions, "models" | "instructions"> = {},
  ): Promise<void> {
    if (embedder !== undefined) checkEmbedder(embedder, "embedder");
    checkReembed(options, "options");
    const { models, instructions, ...call } = options;
    if (embedder === undefined && instructions) throw invalid("instructions: name the embedder that is to follow them");
    const wanted = embedder === undefined ? this.#setup.embedder : embedderSetup(embedder, { models, instructions });
    if (!wanted) throw invalid("reembed: which model? The collection was opened without one");
    if (embedder !== undefined && isCustom(embedder)) this.#embedders.unshift(embedder);
    await this.#client.call("reembed", [wanted], { ...call, settle: true });
    this.#setup.embedder = wanted;
    this.hasEmbedder = true;
  }

  /** The collection as one file, for {@link importCollection}: what can be seen of it now. */
  async export(options: ProgressOptions = {}): Promise<Blob> {
    checkProgress(options, "options");
    return this.#client.call("export", [], options);
  }

  /** Ends the workers. Running calls are aborted; later ones fail. */
  async close(): Promise<void> {
    try {
      await this.#client.stop();
    } finally {
      this.#client.end("InvalidInput", `the collection "${this.name}" is closed`);
    }
  }

  /** @internal For {@link evaluate}. */
  metrics(run: Record<string, string[]>, qrels: Record<string, Record<string, number>>): Promise<Record<string, unknown>> {
    return this.#client.call("metrics", [run, qrels]);
  }

  #searchOptions(given: SearchOptions): SearchOptions {
    checkSearch(given, "options");
    const { preset, ...options } = given.preset ? this.#goldStandard(given) : given;
    this.#checkModels(options);
    if (options.rerank && options.rerank !== true && options.rerank.with === "colbert") this.#needLate();
    else if (options.rerank && !this.hasReranker) throw invalid("rerank: reranking needs the option `reranker` of open");
    const mode = options.mode ?? (this.hasEmbedder ? "hybrid" : "sparse");
    if ((mode === "sparse" || mode === "splade" || mode === "colbert") && options.expand && options.expand.hyde) throw invalid("expand.hyde: hypothetical answers need a mode with vectors");
    return { ...options, mode, group: options.group ?? !options.context };
  }

  #checkModels({ mode, sparse }: SearchOptions): void {
    if ((mode === "dense" || mode === "two-stage" || mode === "joint") && !this.hasEmbedder) {
      throw invalid(`mode: ${mode} search needs the option \`embedder\` of open`);
    }
    if ((mode === "splade" || sparse === "splade") && !this.hasSparseEncoder) {
      throw invalid("splade: weighted terms need the option `sparseEncoder` of open");
    }
    if (mode === "colbert") this.#needLate();
  }

  #needLate(): void {
    if (!this.hasLateEncoder) throw invalid("colbert: token vectors need the option `lateEncoder` of open");
  }

  /** The preset with what was given beside it. */
  #goldStandard(given: SearchOptions): SearchOptions {
    const preset: SearchOptions = { expand: { prf: true }, fusion: { method: "rrf" }, rerank: this.hasReranker && { top: 50 }, context: true };
    const said = Object.entries(given).filter(([, value]) => value !== undefined);
    return { ...preset, ...(Object.fromEntries(said) as SearchOptions) };
  }
}

/** What generators wrote, and how long they took. */
type Expansion = EngineExpansion & { ms: number };

async function expanded(query: string, { expand }: SearchOptions, signal: AbortSignal | undefined): Promise<Expansion | undefined> {
  if (!expand) return undefined;
  const start = performance.now();
  const plan = await planExpansion(query, expand, signal);
  return { ...plan, ms: performance.now() - start };
}

/** Writing and translating happen on the page; the engine timed the rest. */
function withGeneration(
  result: SearchResult,
  expansion: Expansion | undefined,
  translation: Translation | undefined,
): SearchResult {
  const onPage = { ...(expansion && { generate: expansion.ms }), ...(translation && { translate: translation.ms }) };
  return { ...result, timings: { ...result.timings, ...onPage } };
}

function forEngine(
  { rerank, context, expand, translate, sparseQuery: _, ...options }: SearchOptions,
  expansion: Expansion | undefined,
  translation: Translation | undefined,
): object {
  const others = translate && translation ? translation.others : [];
  const { ms: __, ...written } = (expand && expansion) || { ms: 0, queries: [], passages: [] };
  const plan = { ...written, queries: [...new Set([...written.queries, ...others])] };
  return withoutUndefined({
    ...options,
    rerank: rerank === true ? {} : rerank || undefined,
    context: context === true ? {} : context || undefined,
    expand: (expand && expansion) || others.length > 0 ? plan : undefined,
  });
}
