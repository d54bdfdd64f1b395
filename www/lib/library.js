// The open collection: opening it, with words alone where the models cannot be had, and keeping its figures at hand.

import { destroy, open } from "../pkg/nearfield.js";
import { isAborted } from "./errors.js";
import { startWorker } from "./trusted.js";

export const COLLECTION = "demo";
export const EMBEDDER = "all-MiniLM-L6-v2";
export const RERANKER = "ms-marco-MiniLM-L-12-v2";

/** @typedef {Awaited<ReturnType<typeof open>>} Collection */
/** @typedef {import("../pkg/nearfield.js").ProgressEvent} ProgressEvent */

const MODEL_ERRORS = new Set(["Network", "Integrity", "NotFound"]);

export class Library {
  /** @type {Collection | undefined} */
  #collection;
  #onProgress;

  /** @param {(event: ProgressEvent) => void} onProgress told about every model that is loaded, whoever asked for it */
  constructor(onProgress) {
    this.#onProgress = onProgress;
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
  async open() {
    const options = {
      reranker: RERANKER,
      models: { base: new URL("../models/", import.meta.url) },
      worker: startWorker,
      onProgress: this.#onProgress,
    };
    await this.close();
    try {
      this.#collection = await open(COLLECTION, { ...options, embedder: EMBEDDER });
      return { missing: undefined };
    } catch (error) {
      if (!MODEL_ERRORS.has(/** @type {{ code?: string }} */ (error).code ?? "")) throw error;
      this.#collection = await open(COLLECTION, options);
      return { missing: error };
    }
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
