// Requests for the files of a model, and what a server can do wrong, said plainly.

import { aborted, NearfieldError } from "./errors.js";

/** The answer to a request that must succeed. */
export async function fetchFile(url: string, signal: AbortSignal): Promise<Response> {
  const response = await request(url, signal);
  if (!response.ok) throw new NearfieldError("Network", `${url}: the server answered ${response.status}`);
  if (isPage(response)) {
    const advice = "many servers answer so where a file is missing";
    throw new NearfieldError("Network", `${url}: the server answered with an HTML page instead of the file (${advice})`);
  }
  return response;
}

/** A file of at most so many bytes. */
export async function fetchBytes(url: string, most: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  return atMost(await fetchFile(url, signal), most, signal);
}

/** The text of a file of at most so many bytes. */
export async function fetchText(url: string, most: number, signal: AbortSignal): Promise<string> {
  return new TextDecoder().decode(await fetchBytes(url, most, signal));
}

/** The same, or undefined where the server does not have it. */
export async function fetchOptional(url: string, most: number, signal: AbortSignal): Promise<string | undefined> {
  const response = await request(url, signal);
  const missing = response.status === 404 || response.status === 410 || response.status === 403 || isPage(response);
  if (missing) {
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok) throw new NearfieldError("Network", `${url}: the server answered ${response.status}`);
  return new TextDecoder().decode(await atMost(response, most, signal));
}

async function atMost(response: Response, most: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const { bytes, done } of readBody(response, signal)) {
    if (done > most) throw new NearfieldError("LimitExceeded", `${response.url} has more than ${most} bytes`);
    pieces.push(bytes);
    size = done;
  }
  return joined(pieces, size);
}

/** Pieces of `size` bytes altogether, as one. */
export function joined(pieces: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}

/** The body piece by piece as it arrives, with the bytes so far and, if the server says, altogether. */
export async function* readBody(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<{ bytes: Uint8Array; done: number; total: number | undefined }> {
  // Of a compressed answer the length is that of the compressed bytes, which never appear here.
  const plain = !response.headers.get("content-encoding");
  const length = Number(plain ? response.headers.get("content-length") : 0);
  const total = length > 0 ? length : undefined;
  const reader = response.body?.getReader();
  if (!reader) throw new NearfieldError("Network", `${response.url}: the answer has no body`);
  let done = 0;
  try {
    for (;;) {
      const { value: bytes, done: ended } = await reader.read().catch((cause: unknown) => {
        if (signal.aborted) throw aborted(signal);
        const of = total === undefined ? "" : ` of ${total}`;
        throw new NearfieldError("Integrity", `${response.url}: the connection was lost after ${done}${of} bytes`, { cause });
      });
      if (ended) break;
      done += bytes.byteLength;
      yield { bytes, done, total };
    }
  } finally {
    // Also when the consumer stopped early: the rest of the body is not wanted.
    await reader.cancel().catch(() => {});
  }
  if (total !== undefined && done < total) {
    throw new NearfieldError("Integrity", `${response.url}: truncated, ${done} of ${total} bytes arrived`);
  }
}

const request = async (url: string, signal: AbortSignal): Promise<Response> => {
  try {
    return await fetch(url, { signal });
  } catch (cause) {
    if (signal.aborted) throw aborted(signal);
    const why = "offline, or the server does not allow this origin";
    throw new NearfieldError("Network", `${url} could not be fetched (${why}): ${String(cause)}`, { cause });
  }
};

const isPage = (response: Response): boolean => /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
