// From what a caller asks for in `expand` to what the engine searches for: prompts for the caller's generator, and its
// answers taken apart.

import { throwIfAborted } from "./errors.js";
import type { ExpandOptions, Generate } from "./types.js";
import { textArgument, textsArgument } from "./validate.js";

/** What the engine understands. */
export interface EngineExpansion {
  rewrite?: string | undefined;
  queries: string[];
  passages: string[];
  feedback?: object | undefined;
}

/** Queries that one prompt may add: what a model writes beyond that repeats itself. */
const MOST = 5;

// Instructions first, so that an endpoint that caches prefixes can reuse them.
const PROMPTS = {
  hyde: (query: string) =>
    `Write a short passage, at most five sentences, that answers the question as a reference work would. Write the passage only.\n\nQuestion: ${query}`,
  queries: (query: string) =>
    `Write four other ways to ask the following search engine query, with other words and the same meaning. One per line, nothing else.\n\nQuery: ${query}`,
  decompose: (query: string) =>
    `Break the following question into the simpler questions, at most four, whose answers together answer it. If it is simple, repeat it. One per line, nothing else.\n\nQuestion: ${query}`,
  rewrite: (query: string) =>
    `Rewrite the following as a query for a search engine: complete, precise, without filler words. Write the query only.\n\nText: ${query}`,
};

/** Asks the generators, all at once. */
export async function planExpansion(
  query: string,
  { prf, hyde, queries, decompose, rewrite }: ExpandOptions,
  signal: AbortSignal | undefined,
): Promise<EngineExpansion> {
  const ask = async (kind: keyof typeof PROMPTS, generate: Generate): Promise<string> => {
    const text: unknown = await generate(PROMPTS[kind](query), { signal });
    throwIfAborted(signal);
    return textArgument(text, `the text that expand.${kind} generated`);
  };
  const list = async (kind: "queries" | "decompose", given: Generate | string[] = []) =>
    typeof given === "function" ? lines(await ask(kind, given)) : textsArgument(given, `expand.${kind}`);
  const written = async (given: Generate | string[] = []) =>
    typeof given === "function" ? [await ask("hyde", given)] : textsArgument(given, "expand.hyde");
  const reworded = async (given: Generate | string = "") =>
    typeof given === "function" ? ask("rewrite", given) : textArgument(given, "expand.rewrite");
  const answers = [list("queries", queries), list("decompose", decompose), written(hyde)] as const;
  const [others, parts, passages, text] = await Promise.all([...answers, reworded(rewrite)]);
  return {
    rewrite: text.trim() || undefined,
    queries: [...new Set([...others, ...parts])].filter((other) => other !== query),
    passages: passages.filter((passage) => passage.trim() !== ""),
    feedback: prf === true ? {} : prf || undefined,
  };
}

/** Lines of a list as language models write it, without bullets, numbers and quotes. */
export function lines(text: string): string[] {
  const bare = (line: string) => line.replace(/^\s*(?:[-*•]|\d+[.)])\s*/, "").replace(/^["“](.*)["”]$/, "$1").trim();
  return text.split("\n").map(bare).filter((line) => line !== "").slice(0, MOST);
}
