// What went wrong in plain words, and what a person can do about it. The engine's own words stand below as detail.

/** @typedef {{ title: string, advice: string, code: string, detail: string }} Plain */

/** @type {Record<string, [title: string, advice: string]>} */
const WORDS = {
  Network: [
    "A file could not be fetched.",
    "Check the connection, and that the server has the models; then try again. Searching by words works without them.",
  ],
  Integrity: [
    "A download arrived damaged.",
    "Try again. If it happens again, the file on the server is not the right one.",
  ],
  QuotaExceeded: [
    "The browser's storage is full.",
    "Delete some documents here or free disk space, then add the rest again. What is in the library is safe.",
  ],
  Locked: [
    "Another tab is writing to this library.",
    "Close the other tab, or wait until it has finished, then try again. Searching works meanwhile.",
  ],
  ConnectionLost: ["The browser closed its database.", "Reload the page. What is in the library is safe."],
  Corrupt: [
    "Part of the stored library is damaged.",
    "The rest still answers. To mend it, delete everything and add your files again.",
  ],
  FormatTooNew: [
    "The library was written by a newer version of this page.",
    "Reload the page to get the newer version.",
  ],
  FormatTooOld: [
    "The library was written by a version that this one no longer reads.",
    "Delete everything and add your files again.",
  ],
  ModelMismatch: [
    "The library was made with another model.",
    "Searching by words works. To search by meaning, delete everything and add your files again.",
  ],
  LimitExceeded: ["That is more than the engine takes at once.", "Use a smaller file or a shorter question."],
  InvalidInput: ["The engine does not accept this.", "The detail below says which part."],
  Unsupported: [
    "This browser lacks something that is needed.",
    "Use a recent Chrome, Edge, Firefox or Safari, outside of restricted modes.",
  ],
  NotFound: ["It is no longer there.", "Another tab may have deleted it. Reload the page."],
};

const OTHER = ["Something went wrong in the engine.", "Reload the page and try again. What is in the library is safe."];

/** @param {unknown} error @returns {Plain} */
export function plain(error) {
  const { code = "Internal", message = String(error) } = /** @type {{ code?: string, message?: string }} */ (
    error ?? {}
  );
  const [title = "", advice = ""] = WORDS[code] ?? OTHER;
  return { title, advice, code, detail: message };
}

/** True for the rejection of work that was called off. @param {unknown} error */
export const isAborted = (error) => {
  const { code, name } = /** @type {{ code?: string, name?: string }} */ (error ?? {});
  return code === "Aborted" || name === "AbortError";
};
