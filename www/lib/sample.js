// The sample: this project's own documentation, as the server lists it.

import { typeOf } from "./files.js";

const FOLDER = new URL("../sample/", import.meta.url);

/** Questions that the sample answers. */
export const QUESTIONS = [
  "What happens when the page is closed in the middle of adding?",
  "Why is there a second pool of workers?",
  "Which models can I use?",
];

/** Whether a document of the library is one of the sample. @param {{ url?: string | undefined }} entry */
export const isSample = ({ url }) => url?.startsWith(FOLDER.href) ?? false;

/** @returns {Promise<import("./files.js").Source[]>} */
export async function loadSample() {
  const paths = /** @type {string[]} */ (await (await get("index.json")).json());
  return Promise.all(
    paths.map(async (path) => ({
      path,
      blob: await (await get(path)).blob(),
      type: typeOf(path),
      url: new URL(path, FOLDER).href,
    })),
  );
}

/** @param {string} path */
async function get(path) {
  const fail = (/** @type {string} */ why) =>
    Object.assign(new Error(`${new URL(path, FOLDER)}: ${why}`), { code: "Network" });
  const response = await fetch(new URL(path, FOLDER)).catch((error) => Promise.reject(fail(error.message)));
  if (!response.ok) throw fail(`the server answered ${response.status}`);
  return response;
}
