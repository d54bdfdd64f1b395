// Published collections: files on a static host, read in ranges.

import { NearfieldError } from "./errors.js";

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
  const bytes = await response.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    (cause: unknown) => {
      throw new NearfieldError("Network", `${url}: the connection was lost`, { cause });
    },
  );
  // A host without ranges sends everything.
  return ranged && status === 200 ? bytes.slice(start, end) : bytes;
}
