// Requests to an endpoint that the caller named: JSON in, JSON out, patient where the server asks for patience.

import { aborted, NearfieldError, throwIfAborted } from "./errors.js";

/** An HTTP endpoint of the caller's. Nothing is sent to it but what the calls that use it say. */
export interface Endpoint {
  url: string | URL;
  /** Sent as `Authorization: Bearer …`. Everybody who opens the page can read it: use a proxy of your own in public. */
  key?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** Tries after the first, on status 408, 429, 5xx and lost connections. Default 3. */
  retries?: number | undefined;
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Milliseconds before the first repetition; each next one waits twice as long. */
const FIRST_WAIT = 500;
/** Longest wait that a server may ask for. */
const LONGEST_WAIT = 60_000;

/** Posts `body` as JSON and resolves with the answer's JSON. Throws Network, Aborted, or InvalidInput for 4xx. */
export async function postJson(endpoint: Endpoint, body: unknown, signal?: AbortSignal): Promise<unknown> {
  const { url, key, headers, retries = 3 } = endpoint;
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }), ...headers },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  };
  for (let left = retries, wait = FIRST_WAIT; ; left--, wait *= 2) {
    throwIfAborted(signal);
    const answer = await (endpoint.fetch ?? globalThis.fetch)(url, request).catch((cause: unknown) => {
      throwIfAborted(signal);
      return new NearfieldError("Network", `${url}: no connection`, { cause });
    });
    if (!(answer instanceof NearfieldError) && answer.ok) return readJson(answer, url);
    const error = answer instanceof NearfieldError ? answer : await refusal(answer, url);
    if (left <= 0 || error.code !== "Network") throw error;
    await sleep(asked(answer) ?? wait, signal);
  }
}

async function readJson(answer: Response, url: string | URL): Promise<unknown> {
  try {
    return await answer.json();
  } catch (cause) {
    throw new NearfieldError("Network", `${url}: the answer is not JSON`, { cause });
  }
}

/** Network where trying again may help. */
async function refusal(answer: Response, url: string | URL): Promise<NearfieldError> {
  const text = (await answer.text().catch(() => "")).slice(0, 300);
  const again = answer.status === 408 || answer.status === 429 || answer.status >= 500;
  return new NearfieldError(again ? "Network" : "InvalidInput", `${url}: status ${answer.status}: ${text}`);
}

/** What `Retry-After` says, seconds or a date, in milliseconds. */
function asked(answer: Response | NearfieldError): number | undefined {
  const header = answer instanceof NearfieldError ? null : answer.headers.get("retry-after");
  if (!header) return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), LONGEST_WAIT) : undefined;
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(aborted(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
