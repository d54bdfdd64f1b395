// Asking the browser not to evict what is stored. Only a page may ask, and it may be refused: that is no error.

let asked: Promise<boolean | undefined> | undefined;

/** Once for each page, with the first documents: by then there is something worth keeping. */
export function askToPersist(): void {
  asked ??= Promise.resolve(navigator.storage?.persist?.()).catch(() => undefined);
}

/** Whether the browser promised it; undefined where it was not asked or does not say. */
export async function persisted(): Promise<boolean | undefined> {
  return navigator.storage?.persisted?.().catch(() => undefined);
}
