// Quantised models in the Cache API: a manifest with the digest of each piece, and the weights. Written after a
// complete and checked download, so a manifest that is there belongs to weights that are there; the pieces are checked
// again when they are read.

import type { Bundle } from "./models.js";

const CACHE = "nearfield-models-1";

/** Bytes of weights that are checked, and passed to the loader, at a time. */
export const PIECE = 4 << 20;

/** Without the Cache API (insecure origins, some private windows) nothing is kept. */
export const openCache = async (): Promise<Cache | undefined> => {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined;
  }
};

const manifestKey = (url: string) => `${url}?nearfield=manifest`;
const weightsKey = (url: string) => `${url}?nearfield=weights`;

/** The copy of the model at `url`, unless it is missing, incomplete or of another digest than expected. */
export async function readCached(url: string, digest: string | undefined): Promise<Bundle | undefined> {
  try {
    const cache = await openCache();
    const [manifest, weights] = await Promise.all([cache?.match(manifestKey(url)), cache?.match(weightsKey(url))]);
    if (!manifest || !weights) return undefined;
    const bundle = { ...((await manifest.json()) as Omit<Bundle, "weights">), weights: await weights.blob() };
    const usable = bundle.weights.size === bundle.bytes && (!digest || bundle.info.digest === digest);
    return usable ? bundle : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a copy. Failing to (a full disk) only means that the next start downloads again. */
export async function writeCached({ weights, ...manifest }: Bundle): Promise<void> {
  const cache = await openCache();
  try {
    await cache?.put(weightsKey(manifest.url), new Response(weights));
    await cache?.put(manifestKey(manifest.url), Response.json(manifest));
  } catch (error) {
    await removeCached(manifest.url);
    console.warn(`Nearfield could not cache the model ${manifest.name}:`, error);
  }
}

export async function removeCached(url: string): Promise<void> {
  const cache = await openCache();
  await cache?.delete(manifestKey(url));
  await cache?.delete(weightsKey(url));
}

/** SHA-256 in hex; undefined on insecure origins, where nothing is cached either. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
