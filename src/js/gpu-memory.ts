// What was found out about a GPU, in the Cache API: so that its kernels are not checked at every visit. One finding, of
// the last device that was checked; the module compares what it is about.

const CACHE = "nearfield-gpu-1";

/** One entry for each origin; the address is only its name, and nothing is fetched from there. */
const key = (): string => `${location.origin}/?nearfield=gpu`;

export interface GpuMemory {
  /** Undefined where there is none. */
  recall(): Promise<unknown>;
  keep(finding: unknown): Promise<void>;
}

export const gpuMemory: GpuMemory = {
  async recall() {
    const cache = await caches.open(CACHE);
    return (await cache.match(key()))?.json();
  },
  async keep(finding) {
    const cache = await caches.open(CACHE);
    await cache.put(key(), Response.json(finding));
  },
};
