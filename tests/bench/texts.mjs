// What is embedded: texts of an exact number of tokens, and texts as long as people write them.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { words } from "../../www/lib/words.js";
import { root } from "../tools/paths.mjs";
import { random } from "./random.mjs";

/** `count` different texts of `length` words. */
export function ofWords(count, length, seed = 1) {
  const next = random(seed);
  const text = () => Array.from({ length }, () => words[Math.floor(next() * words.length)]).join(" ");
  return Array.from({ length: count }, text);
}

/** `count` different texts of `tokens` tokens, the two special ones included. */
export const ofTokens = (count, tokens, seed) => ofWords(count, tokens - 2, seed);

/**
 * `count` texts of real lengths: documents of the collection, evenly taken, title and text as one; without a
 * collection, stretches of this project's own documentation, as long as abstracts are.
 */
export async function real(count, collection) {
  if (!collection) return fromDocumentation(count);
  const step = Math.max(Math.floor(collection.documents.length / count), 1);
  return collection.documents.filter((_, i) => i % step === 0).slice(0, count).map(({ text }) => text);
}

async function fromDocumentation(count) {
  const files = await Promise.all(["README.md", "ARCHITECTURE.md"].map((file) => readFile(join(root, file), "utf8")));
  const all = files.join("\n").split(/\s+/);
  const next = random(7);
  return Array.from({ length: count }, () => {
    const length = 90 + Math.floor(next() * 160);
    const start = Math.floor(next() * (all.length - length));
    return all.slice(start, start + length).join(" ");
  });
}
