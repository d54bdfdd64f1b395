// Published collections: files on a static host, read in ranges.

import { NearfieldError } from "./errors.js";
import { joined } from "./fetching.js";
import { BLOB_BYTES, MANIFEST_BYTES } from "./limits.js";

/**
 * The file at `url`, or its bytes from `start` to `end` where `end` is not 0; nothing where there is no such file. The
 * manifest is asked for anew each time; what is in a blob never changes.
 */
export async function fetchPublished(url: string, start: number, end: number): Promise<Uint8Array | undefined> {
  const ranged = end > 0;
  const headers: HeadersInit = ranged ? { Range: `bytes=${start}-${end - 1}` } : {};
  const cache = url.includes("/blobs/") ? "default" : "no-cache";
  const response = await fetch(url, { headers, cache }).catch((cause: unknown) => {
    const why = "offline, or the server does not allow this origin";
    throw new NearfieldError("Network", `${url} could not be fetched (${why}): ${String(cause)}`, { cause });
  });
  const { status } = response;
  if (status === 404 || status === 410 || status === 403) {
    await response.body?.cancel();
    return undefined;
  }
  // Beyond the end: the file is shorter than it was when it was published.
  if (status === 416) throw new NearfieldError("Corrupt", `${url} ends before byte ${end}`);
  if (!response.ok) throw new NearfieldError("Network", `${url}: the server answered ${status}`);
  // A host without ranges sends everything.
  const skipped = ranged && status === 200 ? start : 0;
  if (ranged) return part(response, skipped, end - start);
  const most = url.includes("/blobs/") ? BLOB_BYTES : MANIFEST_BYTES;
  const bytes = await part(response, 0, most + 1);
  if (bytes.length > most) throw new NearfieldError("LimitExceeded", `${url} has more than ${most} bytes`);
  return bytes;
}

/** At most so many bytes of an answer, after those that are skipped; the rest is not waited for. */
async function part(response: Response, skipped: number, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let [at, size] = [0, 0];
  const reader = response.body?.getReader();
  try {
    while (reader && size < most) {
      const { value, done } = await reader.read();
      if (done) break;
      const piece = value.subarray(Math.max(skipped - at, 0)).subarray(0, most - size);
      at += value.byteLength;
      size += piece.byteLength;
      pieces.push(piece);
    }
  } catch (cause) {
    throw new NearfieldError("Network", `${response.url}: the connection was lost`, { cause });
  } finally {
    await reader?.cancel().catch(() => {});
  }
  return joined(pieces, size);
}
