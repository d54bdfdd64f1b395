// What the library is made with: the model of its vectors, and what is kept of each document beside its passages.

/**
 * @typedef {object} Choices
 * @property {string} embedder
 * @property {boolean} sparse also weighted terms of a learned sparse model
 * @property {boolean} sentences also a vector for each sentence
 * @property {boolean} late vectors of passages that have seen the text around them
 * @property {boolean} tokens also a vector for each word, of a late-interaction model
 * @property {boolean} writer a language model may imagine answers and word questions anew
 */

/** @type {{ name: string, about: string }[]} */
export const EMBEDDERS = [
  { name: "all-MiniLM-L6-v2", about: "English, quick" },
  { name: "bge-small-en-v1.5", about: "English, more exact, half as quick" },
  { name: "multilingual-e5-small", about: "a hundred languages, and across them; 76 MB" },
  { name: "potion-base-2M", about: "English, words without context; hundreds of times as quick" },
];

export const SPARSE_ENCODER = "splade-tiny";
export const LATE_ENCODER = "answerai-colbert-small-v1";

/** @type {Choices} */
const USUAL = { embedder: "all-MiniLM-L6-v2", sparse: false, sentences: false, late: false, tokens: false, writer: false };

/** What was saved, as far as it can still be had. @param {Partial<Choices>} saved @returns {Choices} */
export function chosen(saved) {
  const known = EMBEDDERS.some(({ name }) => name === saved.embedder);
  return possible({ ...USUAL, ...saved, ...(!known && { embedder: USUAL.embedder }) });
}

/** A model without an encoder reads no passage in its context. @param {Choices} choices @returns {Choices} */
export const possible = (choices) => ({ ...choices, late: choices.late && choices.embedder !== "potion-base-2M" });

/** Options of `open`. @param {Choices} choices */
export const openOptions = ({ embedder, sparse, sentences, late, tokens }) => ({
  embedder,
  language: "auto",
  sparseEncoder: sparse ? SPARSE_ENCODER : undefined,
  lateEncoder: tokens ? LATE_ENCODER : undefined,
  chunk: { sentences, late },
});
