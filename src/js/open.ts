import { Collection } from "./collection.js";
import { invalid } from "./errors.js";
import { checkOpen } from "./schema.js";
import type { OpenOptions } from "./types.js";

/**
 * Opens a collection, and creates it if it is not there. Starts the engine's worker; a model that is not in the cache
 * is downloaded before the promise resolves.
 *
 * @param place a name: the collection of this name in this origin's IndexedDB, at most 200 characters. Or a URL: the
 * folder in which a collection was published that `nearfield index` wrote; it can be searched, not changed, and only
 * what a query needs is fetched.
 *
 * @example
 * const db = await open("docs", { embedder: "all-MiniLM-L6-v2" });
 * await db.add([{ id: "1", text: "The cat sat on the mat." }]);
 * const { hits } = await db.search("where is the cat?");
 */
export async function open(place: string | URL, options: OpenOptions = {}): Promise<Collection> {
  if (!(place instanceof URL)) collectionName(place);
  checkOpen(options, "options");
  return Collection.open(place, options);
}

export function collectionName(name: unknown): string {
  if (typeof name !== "string" || name.length === 0 || name.length > 200) {
    throw invalid("the name of a collection must be a string of 1 to 200 characters");
  }
  return name;
}
