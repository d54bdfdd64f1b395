// One object holds what the page shows; views subscribe to it and are told which keys changed.

/**
 * @template {object} T
 */
export class State {
  /** @type {T} */
  #value;
  /** @type {{ keys: (keyof T)[], listener: (value: T) => void }[]} */
  #listeners = [];

  /** @param {T} initial */
  constructor(initial) {
    this.#value = { ...initial };
  }

  get value() {
    return this.#value;
  }

  /** @param {Partial<T>} patch */
  set(patch) {
    const before = this.#value;
    this.#value = { ...before, ...patch };
    const changed = /** @type {(keyof T)[]} */ (Object.keys(patch)).filter((key) => before[key] !== this.#value[key]);
    for (const { keys, listener } of this.#listeners) {
      if (keys.some((key) => changed.includes(key))) listener(this.#value);
    }
  }

  /**
   * Calls `listener` now, and whenever one of `keys` changes.
   *
   * @param {(keyof T)[]} keys
   * @param {(value: T) => void} listener
   */
  watch(keys, listener) {
    this.#listeners.push({ keys, listener });
    listener(this.#value);
  }
}
