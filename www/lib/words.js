// Texts of an exact number of tokens, for measuring: every word is one token in the vocabulary of BERT.

const WORDS =
  "time water people city light music river history science garden winter morning letter market window mountain " +
  "teacher village summer island bridge forest doctor kitchen evening horse paper stone color number story field " +
  "machine animal country family school street ocean engine";

export const words = WORDS.split(" ");

/**
 * `count` different texts of `tokens` tokens, the two special ones included.
 *
 * @param {number} count
 * @param {number} tokens
 */
export function textsOf(count, tokens) {
  const word = (/** @type {number} */ text, /** @type {number} */ at) => words[(text * 7 + at * (2 * (text % 16) + 3)) % words.length];
  return Array.from({ length: count }, (_, text) => Array.from({ length: tokens - 2 }, (_, at) => word(text, at)).join(" "));
}
