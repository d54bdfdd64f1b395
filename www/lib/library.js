// The open collection: opening it, with words alone where the models cannot be had, and keeping its figures at hand.

import { destroy, open } from "../pkg/nearfield.js";
import { openOptions } from "./choices.js";
import { isAborted } from "./errors.js";
import { startWorker } from "./trusted.js";

export const COLLECTION = "library";
export const RERANKER = "ms-marco-MiniLM-L-12-v2";

/** @typedef {Awaited<ReturnType<typeof open>>} Collection */
/** @typedef {import("../pkg/nearfield.js").ProgressEvent} ProgressEvent */

export const MODELS = { base: new URL("../models/", import.meta.url) };

const MODEL_ERRORS = new Set(["Network", "Integrity", "NotFound"]);

export class Library {
  /** @type {Collection | undefined} */
  #collection;
  #onProgress;
  #choices;

  /**
   * @param {(event: ProgressEvent) => void} onProgress told about every model that is loaded, whoever asked for it
   * @param {() => import("./choices.js").Choices} choices what it is made with, asked whenever it is opened
   */
  constructor(onProgress, choices) {
    this.#onProgress = onProgress;
    this.#choices = choices;
  }

  /** The collection, once it is open. */
  get collection() {
    if (!this.#collection) throw new Error("the library is not open yet");
    return this.#collection;
  }

  get isOpen() {
    return this.#collection !== undefined;
  }

  /**
   * Opens it. Where the models cannot be loaded it is opened for searching by words, and the reason is returned.
   *
   * @returns {Promise<{ missing: unknown }>} `missing` is the error of the model, or undefined
   */
  async open(choices = this.#choices()) {
    const { embedder, sparseEncoder, lateEncoder, ...kept } = openOptions(choices);
    const options = {
      ...kept,
      reranker: RERANKER,
      models: MODELS,
      worker: startWorker,
      onProgress: this.#onProgress,
    };
    await this.close();
    try {
      this.#collection = await open(COLLECTION, { ...options, embedder, sparseEncoder, lateEncoder });
      return { missing: undefined };
    } catch (error) {
      if (!MODEL_ERRORS.has(/** @type {{ code?: string }} */ (error).code ?? "")) throw error;
      this.#collection = await open(COLLECTION, options);
      return { missing: error };
    }
  }

  /**
   * Makes the vectors of another model; the present ones answer until all are there.
   *
   * @param {string} embedder
   * @param {{ signal: AbortSignal, onProgress: (event: ProgressEvent) => void }} call
   */
  async reembed(embedder, call) {
    await this.collection.reembed(embedder, { ...call, models: MODELS });
  }

  /** Deletes the collection with everything in it, and opens an empty one. */
  async reset() {
    await this.close();
    await destroy(COLLECTION, { worker: startWorker });
    return this.open();
  }

  async close() {
    const collection = this.#collection;
    this.#collection = undefined;
    await collection?.close().catch((error) => {
      if (!isAborted(error)) console.warn("closing the library:", error);
    });
  }
}
