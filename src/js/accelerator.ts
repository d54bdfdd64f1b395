// Where a worker's models run: on the GPU by choice, or for the batches that it was measured to do faster; on the CPU
// otherwise. A batch that fails on the GPU is done on the CPU, and a device that was lost is asked for again later.

import { NearfieldError, toError } from "./errors.js";
import type { Gpu, GpuModel, OpenGpu } from "./gpu.js";
import { Race } from "./race.js";
import type { DeviceChoice, DeviceReport } from "./types.js";
import type { Pause, Reading, WasmModel } from "./wasm.js";

/** UTF-16 units below which "auto" does not ask: a query is answered before a GPU has begun. */
const SMALL = 1_000;

/** UTF-16 units of a batch: the first is small, and batches grow while they take less than `BATCH_TIME` milliseconds. */
const FIRST_BATCH = 4_000;
const LARGEST_BATCH = 32_000;
const BATCH_TIME = 60;

/** Milliseconds after which a device that was lost is asked for again. */
const RETRY = 60_000;

/** A device, and the models on it. */
interface Open {
  gpu: Gpu;
  models: WeakMap<WasmModel, Promise<GpuModel>>;
}

interface Tokens {
  ids: Uint32Array;
  /** Empty where all are 0. */
  types: Uint32Array;
}

export class Accelerator {
  /** Encoded on the GPU so far. */
  tokens = 0;
  #choice: DeviceChoice;
  #open: OpenGpu;
  #now: () => number;
  #device: Open | undefined;
  #opening: Promise<Open | undefined> | undefined;
  /** Why there is none. */
  #reason: string | undefined;
  #retryAt = 0;
  /** Whether there ever was one. */
  #worked = false;
  #closed = false;
  #race = new Race();
  #batch = FIRST_BATCH;
  /** Whether the last batch ran there. */
  #used = false;

  constructor(choice: DeviceChoice, open: OpenGpu, now: () => number = () => performance.now()) {
    this.#choice = choice;
    this.#open = open;
    this.#now = now;
  }

  get report(): DeviceReport {
    const adapter = this.#device?.gpu.description();
    const reason = this.#reason;
    return { runs: this.#used ? "webgpu" : "wasm", ...(adapter && { adapter }), ...(reason !== undefined && { reason }) };
  }

  /** Where the GPU is a must, rejects if there is none. */
  async start(): Promise<void> {
    if (this.#choice === "webgpu") await this.#required();
  }

  embed(model: WasmModel, texts: string[], reading: Reading, pause: Pause): Promise<Float32Array> {
    const onCpu = (some: string[]) => model.embed(some, reading, pause);
    // The pooling there counts every token.
    if (model.unpooled(reading) > 0) return onCpu(texts);
    const tokens = (text: string): Tokens => ({ ids: model.tokenIds(text, reading), types: new Uint32Array() });
    return this.#run(model, texts, onCpu, tokens, pause);
  }

  score(model: WasmModel, query: string, texts: string[], pause: Pause): Promise<Float32Array> {
    const onCpu = (some: string[]) => model.score(query, some, pause);
    const tokens = (text: string): Tokens => {
      const both = model.pairTokens(query, text);
      return { ids: both.subarray(0, both.length / 2), types: both.subarray(both.length / 2) };
    };
    return this.#run(model, texts, onCpu, tokens, pause);
  }

  /** Gives the device back. */
  close(): void {
    this.#closed = true;
    this.#device?.gpu.close();
    this.#device = undefined;
  }

  async #run(
    model: WasmModel,
    texts: string[],
    onCpu: (some: string[]) => Promise<Float32Array>,
    tokens: (text: string) => Tokens,
    pause: Pause,
  ): Promise<Float32Array> {
    if (!(await this.#may(model, texts))) return onCpu(texts);
    const rows: Float32Array[] = [];
    for (let at = 0; at < texts.length; ) {
      await pause();
      const some = take(texts, at, this.#batch);
      at += some.length;
      rows.push(await this.#one(model, some, onCpu, tokens));
    }
    return joined(rows);
  }

  /** Whether the GPU comes into question. In "auto" nobody waits for it to be opened. */
  async #may(model: WasmModel, texts: string[]): Promise<boolean> {
    if (this.#choice === "wasm" || this.#closed || !model.readout()) return false;
    if (this.#choice === "webgpu") return (await this.#required()) !== undefined;
    if (sizeOf(texts) < SMALL) return false;
    if (!this.#device) void this.#acquire();
    return this.#device !== undefined;
  }

  async #one(
    model: WasmModel,
    texts: string[],
    onCpu: (some: string[]) => Promise<Float32Array>,
    tokens: (text: string) => Tokens,
  ): Promise<Float32Array> {
    const size = sizeOf(texts);
    const isForced = this.#choice === "webgpu";
    const way = isForced ? "webgpu" : this.#device ? this.#race.next(size) : "wasm";
    if (way === "webgpu") {
      const device = await this.#required();
      try {
        return await this.#onGpu(device, model, texts, tokens);
      } catch (error) {
        this.#lose(device, error);
        // Once more on a new device; what fails twice is the caller's to know.
        if (isForced) return await this.#onGpu(await this.#required(), model, texts, tokens);
      }
    }
    const start = this.#now();
    const rows = await onCpu(texts);
    this.#race.record("wasm", size, this.#now() - start);
    this.#used = false;
    return rows;
  }

  async #onGpu({ gpu, models }: Open, model: WasmModel, texts: string[], tokens: (text: string) => Tokens): Promise<Float32Array> {
    const size = sizeOf(texts);
    let loading = models.get(model);
    if (!loading) models.set(model, (loading = gpu.load(model.config(), model.readout()!, model)));
    const loaded = await loading;
    const start = this.#now();
    const inputs = texts.map(tokens);
    const rows = await runBatches(model, loaded, inputs);
    this.tokens += inputs.reduce((sum, { ids }) => sum + ids.length, 0);
    const took = this.#now() - start;
    this.#race.record("webgpu", size, took);
    if (took < BATCH_TIME && size > this.#batch / 2) this.#batch = Math.min(2 * this.#batch, LARGEST_BATCH);
    this.#used = true;
    return rows;
  }

  async #required(): Promise<Open> {
    const device = this.#device ?? (await this.#acquire());
    if (device) return device;
    throw new NearfieldError("Unsupported", `device "webgpu": ${this.#reason ?? "the GPU was closed"}`);
  }

  /** Undefined where there is none, or none again yet. */
  #acquire(): Promise<Open | undefined> {
    if (this.#closed || this.#now() < this.#retryAt) return Promise.resolve(undefined);
    this.#opening ??= this.#begin().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #begin(): Promise<Open | undefined> {
    try {
      const gpu = await this.#open({ software: this.#choice === "webgpu" });
      if (this.#closed) return gpu.close(), undefined;
      this.#reason = undefined;
      this.#worked = true;
      return (this.#device = { gpu, models: new WeakMap() });
    } catch (error) {
      this.#reason = toError(error).message;
      // Where there never was one, there will be none later either.
      if (this.#choice === "auto") this.#retryAt = this.#worked ? this.#now() + RETRY : Infinity;
      return undefined;
    }
  }

  /** Another batch may have noticed before, and have a new device. */
  #lose(device: Open, error: unknown): void {
    device.gpu.close();
    if (this.#device !== device) return;
    this.#reason = toError(error).message;
    this.#device = undefined;
    this.#race.forget();
    this.#batch = FIRST_BATCH;
    if (this.#choice === "auto") this.#retryAt = this.#now() + RETRY;
  }
}

/** In as many submissions as the device needs; most often one. */
async function runBatches(model: WasmModel, loaded: GpuModel, inputs: Tokens[]): Promise<Float32Array> {
  const most = loaded.mostTokens();
  const rows: Float32Array[] = [];
  for (let at = 0; at < inputs.length; ) {
    const some: Tokens[] = [];
    for (let count = 0; at < inputs.length; at++) {
      count += inputs[at]!.ids.length;
      if (count > most && some.length > 0) break;
      some.push(inputs[at]!);
    }
    const lengths = Uint32Array.from(some, ({ ids }) => ids.length);
    const sums = model.lookUp(flat(some.map(({ ids }) => ids)), flat(some.map(({ types }) => types)), lengths);
    rows.push(await loaded.run(sums, lengths));
  }
  return joined(rows);
}

/** Some of the texts, from `at` on: as many as make up `size`, at least one. */
function take(texts: string[], at: number, size: number): string[] {
  let end = at;
  for (let sum = 0; end < texts.length && (end === at || sum + texts[end]!.length <= size); end++) sum += texts[end]!.length;
  return texts.slice(at, end);
}

const sizeOf = (texts: string[]): number => texts.reduce((sum, { length }) => sum + length, 0);

function flat(parts: Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function joined(parts: Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
