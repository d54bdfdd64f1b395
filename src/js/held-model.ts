// A model that the engine's worker uses: its bundle for the workers of the pool, and a loaded copy of its own.

import { NearfieldError } from "./errors.js";
import { removeCached } from "./model-cache.js";
import { download, findCached, loadBundle, type Bundle } from "./models.js";
import type { ModelSource } from "./protocol.js";
import { Shared } from "./shared.js";
import type { ProgressEvent } from "./types.js";
import type { Wasm, WasmModel } from "./wasm.js";

type Report = (event: ProgressEvent) => void;

export class HeldModel {
  #wasm: Wasm;
  #source: ModelSource;
  /** The copy that quantising left behind, where the model was downloaded just now. */
  #loaded: WasmModel | undefined;
  #bundle: Shared<Bundle, ProgressEvent>;
  #model: Shared<WasmModel, ProgressEvent>;

  constructor(wasm: Wasm, source: ModelSource) {
    this.#wasm = wasm;
    this.#source = source;
    this.#bundle = new Shared(async (signal, report) => {
      return (await findCached(wasm, source)) ?? this.#download(signal, report);
    });
    this.#model = new Shared((signal, report) => this.#load(signal, report));
  }

  /** From the cache, or downloaded. */
  bundle(signal?: AbortSignal, report?: Report): Promise<Bundle> {
    return this.#bundle.get(signal, report);
  }

  /** Ready for use in this worker. */
  model(signal?: AbortSignal, report?: Report): Promise<WasmModel> {
    return this.#model.get(signal, report);
  }

  /** After the cached copy was found damaged: takes it out, and fetches the model anew. */
  async repair(signal?: AbortSignal, report?: Report): Promise<Bundle> {
    const { url } = await this.bundle(signal, report);
    await removeCached(url);
    this.#bundle.reset();
    return this.bundle(signal, report);
  }

  async #download(signal: AbortSignal, report: Report): Promise<Bundle> {
    const { bundle, model } = await download(this.#wasm, this.#source, signal, report);
    this.#loaded?.free();
    this.#loaded = model;
    return bundle;
  }

  async #load(signal: AbortSignal, report: Report): Promise<WasmModel> {
    const bundle = await this.bundle(signal, report);
    return this.#take() ?? (await this.#loadOrRepair(bundle, signal, report));
  }

  async #loadOrRepair(bundle: Bundle, signal: AbortSignal, report: Report): Promise<WasmModel> {
    try {
      return await loadBundle(this.#wasm, bundle, signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      const fresh = await this.repair(signal, report);
      return this.#take() ?? (await loadBundle(this.#wasm, fresh, signal));
    }
  }

  #take(): WasmModel | undefined {
    const model = this.#loaded;
    this.#loaded = undefined;
    return model;
  }
}

/** Whether bytes were not what they should be, or could not be read at all (a Blob whose file is gone). */
export const isDamage = (error: unknown): boolean => {
  if (error instanceof NearfieldError) return error.code === "Integrity" || error.code === "Corrupt";
  return error instanceof DOMException && (error.name === "NotReadableError" || error.name === "NotFoundError");
};
