// Taking in a collection that was exported, piece by piece.

import { throwIfAborted } from "./errors.js";
import { checkRoom } from "./room.js";
import type { ProgressEvent } from "./types.js";
import type { Wasm } from "./wasm.js";

/** Until the last byte was checked nothing can be seen of the collection; after a failure nothing is left of it. */
export async function importFile(
  wasm: Wasm,
  name: string,
  file: Blob,
  signal: AbortSignal,
  report: (event: ProgressEvent) => void,
): Promise<{ documents: number }> {
  await checkRoom(file.size, "this collection takes");
  const importer = await wasm.Importer.open(name);
  let failure: unknown;
  try {
    const reader = file.stream().getReader();
    let done = 0;
    for (;;) {
      const { value, done: ended } = await reader.read();
      throwIfAborted(signal);
      if (ended) break;
      await importer.push(value);
      done += value.byteLength;
      report({ phase: "copy", unit: "bytes", done, total: file.size });
    }
    return { documents: await importer.finish() };
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    // Gives its connection back, which deleting waits for.
    importer.free();
    if (failure) await wasm.destroy(name).catch(() => {});
  }
}
