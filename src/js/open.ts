import { Collection } from "./collection.js";
import { invalid } from "./errors.js";
import { checkOpen } from "./schema.js";
import type { OpenOptions } from "./types.js";

/**
 * Opens a collection, and creates it if it is not there. Starts the engine's worker; a model that is not in the cache
 * is downloaded before the promise resolves.
 *
 * @param name of the collection in this origin's IndexedDB: at most 200 characters.
 *
 * @example
 * const db = await open("docs", { embedder: "all-MiniLM-L6-v2" });
 * await db.add([{ id: "1", text: "The cat sat on the mat." }]);
 * const { hits } = await db.search("where is the cat?");
 */
export async function open(name: string, options: OpenOptions = {}): Promise<Collection> {
  collectionName(name);
  checkOpen(options, "options");
  return Collection.open(name, options);
}

export function collectionName(name: unknown): string {
  if (typeof name !== "string" || name.length === 0 || name.length > 200) {
    throw invalid("the name of a collection must be a string of 1 to 200 characters");
  }
  return name;
}
