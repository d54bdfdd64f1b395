// A language model in this page, for what can be written to find more: loaded when it is first asked, which tells of its
// download, and kept.

import { localGenerator } from "../pkg/nearfield.js";
import { MODELS } from "./library.js";
import { startWorker } from "./trusted.js";

/**
 * @typedef {import("../pkg/nearfield.js").Generate & { speed: () => number | undefined }} Writer `speed`: tokens a second,
 *   once it has written
 */

/**
 * @param {(event: import("../pkg/nearfield.js").ProgressEvent) => void} onProgress
 * @returns {Writer}
 */
export function writing(onProgress) {
  /** @type {ReturnType<typeof localGenerator> | undefined} */
  let loading;
  /** @type {number | undefined} */
  let speed;
  /** @type {import("../pkg/nearfield.js").Generate} */
  const write = async (prompt, options) => {
    loading ??= localGenerator({ models: MODELS, worker: startWorker, onProgress });
    try {
      const generate = await loading;
      const text = await generate(prompt, options);
      speed = generate.usage.tokensPerSecond;
      return text;
    } catch (error) {
      // The network may be back at the next question.
      loading = undefined;
      throw error;
    }
  };
  return Object.assign(write, { speed: () => speed });
}
