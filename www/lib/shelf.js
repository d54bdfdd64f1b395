// What is in the library, for the list beside the search: names, types, sizes. The collection itself is the truth; this
// list is only remembered beside it, and checked against it when the page opens.

import { load, onOtherTab, save } from "./settings.js";

/**
 * `pending`: handed to the engine, not known to be stored yet.
 *
 * @typedef {{ id: string, type: import("./files.js").Type, bytes: number, at: number, url?: string | undefined, pending?: boolean | undefined }} Entry
 */

export class Shelf {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #changed;

  /** @param {(entries: Entry[]) => void} changed called with a new array whenever the list changes */
  constructor(changed) {
    this.#changed = changed;
    const restore = () => {
      this.#entries = new Map(load("shelf", /** @type {Entry[]} */ ([])).map((entry) => [entry.id, entry]));
      changed(this.list());
    };
    restore();
    onOtherTab("shelf", restore);
  }

  /** Stored documents, the newest first. */
  list() {
    return [...this.#entries.values()].filter(({ pending }) => !pending).reverse();
  }

  /** @param {string} id */
  has(id) {
    const entry = this.#entries.get(id);
    return entry !== undefined && !entry.pending;
  }

  /** Writes down what the engine is about to be given, so that a closed tab leaves a trace of it. @param {Entry[]} entries */
  begin(entries) {
    for (const entry of entries) if (!this.has(entry.id)) this.#entries.set(entry.id, { ...entry, pending: true });
    this.#keep();
  }

  /** These are stored now. @param {Entry[]} entries */
  commit(entries) {
    for (const entry of entries) {
      this.#entries.delete(entry.id);
      this.#entries.set(entry.id, { ...entry, pending: undefined });
    }
    this.#keep();
  }

  /** @param {string[]} ids */
  remove(ids) {
    for (const id of ids) this.#entries.delete(id);
    this.#keep();
  }

  clear() {
    this.#entries.clear();
    this.#keep();
  }

  /**
   * Compares the list with the collection: what was pending is looked up, and so is everything else where the numbers
   * differ. Resolves to the ids that are not in the collection after all.
   *
   * @param {number} documents how many the collection holds
   * @param {(id: string) => Promise<boolean>} isStored
   */
  async reconcile(documents, isStored) {
    const all = [...this.#entries.values()];
    const doubtful = all.length === documents ? all.filter(({ pending }) => pending) : all;
    const lost = [];
    for (const entry of doubtful) {
      if (await isStored(entry.id)) delete entry.pending;
      else lost.push(entry.id);
    }
    if (doubtful.length > 0) this.remove(lost);
    return lost;
  }

  #keep() {
    save("shelf", [...this.#entries.values()]);
    this.#changed(this.list());
  }
}
