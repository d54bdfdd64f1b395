// Small values that outlive the page. Storage can be forbidden or full: then they live as long as the page does.

const PREFIX = "nearfield-demo.";

/**
 * @template T
 * @param {string} key
 * @param {T} fallback
 * @returns {T}
 */
export function load(key, fallback) {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {unknown} value */
export function save(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // See above.
  }
}

/** Calls `listener` when another tab saves `key`. @param {string} key @param {() => void} listener */
export function onOtherTab(key, listener) {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + key || event.key === null) listener();
  });
}
