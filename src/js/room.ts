// Whether there is room for what is about to be written: better said before than found out in the middle.

import { NearfieldError } from "./errors.js";
import type { Document } from "./types.js";

/** Stored bytes for each UTF-16 unit of text: the text, its postings, and a vector of 384 bytes for every 1,000. */
const SHARE = 2;

/** What documents will take. */
export function roomFor(documents: readonly Document[]): number {
  return documents.reduce((sum, { text }) => sum + text.length * SHARE, 0);
}

/** Throws QuotaExceeded where the browser says that there is not so much room. Many do not say. */
export async function checkRoom(wanted: number, what: string): Promise<void> {
  const { usage, quota } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  if (usage === undefined || !quota) return;
  const left = quota - usage;
  if (wanted <= left) return;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const message = `${what} about ${megabytes(wanted)}, and ${megabytes(left)} of ${megabytes(quota)} are left`;
  throw new NearfieldError("QuotaExceeded", `${message}; delete a collection or free disk space`);
}
