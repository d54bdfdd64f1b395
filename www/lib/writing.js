// A language model in this page, for what can be written to find more: loaded when it is first asked, which tells of its
// download, and kept.

import { localGenerator } from "../pkg/nearfield.js";
import { MODELS } from "./library.js";
import { startWorker } from "./trusted.js";

/**
 * @param {(event: import("../pkg/nearfield.js").ProgressEvent) => void} onProgress
 * @returns {import("../pkg/nearfield.js").Generate}
 */
export function writing(onProgress) {
  /** @type {ReturnType<typeof localGenerator> | undefined} */
  let loading;
  return async (prompt, options) => {
    loading ??= localGenerator({ models: MODELS, worker: startWorker, onProgress });
    try {
      return (await loading)(prompt, options);
    } catch (error) {
      // The network may be back at the next question.
      loading = undefined;
      throw error;
    }
  };
}
