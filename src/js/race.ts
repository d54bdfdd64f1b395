// Which of two ways does a batch faster? Measured for each size, since a GPU has its price for every batch and pays it
// back only on large ones.

export type Way = "wasm" | "webgpu";

/** Times that each way is tried before one is preferred: the first may have to warm up. */
const TRIES = 2;

/** Batches after which the slower way is tried again: what else the device has to do changes. */
const ANEW = 50;

interface Times {
  count: number;
  /** Milliseconds for one unit, of the last tries. */
  rates: Record<Way, number[]>;
}

export class Race {
  /** By the size's power of two. */
  #times = new Map<number, Times>();

  /** How the next batch of this size is to be done. */
  next(size: number): Way {
    const { count, rates } = this.#of(size);
    if (rates.wasm.length < TRIES) return "wasm";
    if (rates.webgpu.length < TRIES) return "webgpu";
    const [faster, slower]: [Way, Way] = best(rates.webgpu) < best(rates.wasm) ? ["webgpu", "wasm"] : ["wasm", "webgpu"];
    return count % ANEW === 0 ? slower : faster;
  }

  record(way: Way, size: number, milliseconds: number): void {
    const times = this.#of(size);
    times.count++;
    const rates = times.rates[way];
    rates.push(milliseconds / size);
    if (rates.length > TRIES) rates.shift();
  }

  /** What was measured on a device that is gone says nothing of the next. */
  forget(): void {
    for (const { rates } of this.#times.values()) rates.webgpu.length = 0;
  }

  #of(size: number): Times {
    const power = Math.floor(Math.log2(Math.max(size, 1)));
    let times = this.#times.get(power);
    if (!times) this.#times.set(power, (times = { count: 0, rates: { wasm: [], webgpu: [] } }));
    return times;
  }
}

const best = (rates: number[]): number => Math.min(...rates);
