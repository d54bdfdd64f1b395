// Ready-made generators of text for query expansion: an endpoint that speaks OpenAI's chat completions, and the
// language model that the browser may have built in.

import { postJson, type Endpoint } from "./endpoint.js";
import { invalid, NearfieldError } from "./errors.js";
import type { Generate } from "./types.js";
import { textArgument } from "./validate.js";

export interface ChatOptions extends Endpoint {
  /** As the endpoint names it. */
  model: string;
  /** Default 0: the same answer each time, as far as the endpoint keeps to it. */
  temperature?: number | undefined;
  /** Tokens of an answer at most. Default 256. */
  maxTokens?: number | undefined;
  /** What the answers cost, for `usage`: price of a million tokens. */
  price?: { input: number; output: number } | undefined;
}

/** What a generator has used since it was made. */
export interface Usage {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  /** In the currency of `price`. */
  cost: number;
}

/**
 * A generator that asks an endpoint with OpenAI's wire format (`POST …/chat/completions`), which many servers speak.
 *
 * @example
 * const generate = chatGenerator({ url: "http://localhost:8080/v1/chat/completions", model: "small" });
 * await db.search("why do leaves fall?", { expand: { hyde: generate } });
 * generate.usage.outputTokens;
 */
export function chatGenerator(options: ChatOptions): Generate & { usage: Usage } {
  if (!options?.url || !options.model) throw invalid("chatGenerator: url and model are needed");
  const { model, temperature = 0, maxTokens = 256, price } = options;
  const usage: Usage = { requests: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
  const generate: Generate = async (prompt, { signal } = {}) => {
    const body = { model, temperature, max_tokens: maxTokens, messages: [{ role: "user", content: textArgument(prompt, "prompt") }] };
    const answer = (await postJson(options, body, signal)) as ChatAnswer;
    usage.requests += 1;
    usage.inputTokens += answer.usage?.prompt_tokens ?? 0;
    usage.outputTokens += answer.usage?.completion_tokens ?? 0;
    usage.cost = price ? (usage.inputTokens * price.input + usage.outputTokens * price.output) / 1e6 : 0;
    const text = answer.choices?.[0]?.message?.content;
    if (typeof text !== "string") throw new NearfieldError("Network", `${options.url}: an answer without choices[0].message.content`);
    return text;
  };
  return Object.assign(generate, { usage });
}

interface ChatAnswer {
  choices?: { message?: { content?: unknown } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number };
}

/** As far as it is used here; see the Prompt API of the W3C's Web Machine Learning group. */
interface LanguageModel {
  availability(): Promise<"unavailable" | "downloadable" | "downloading" | "available">;
  create(options?: object): Promise<{ prompt(text: string, options?: object): Promise<string>; destroy(): void }>;
}

/**
 * A generator that uses the browser's own language model. Nothing leaves the machine.
 *
 * Throws Unsupported where the browser has none, or would have to download it first and `download` is not true.
 */
export async function builtInGenerator({ download = false }: { download?: boolean } = {}): Promise<Generate> {
  const model = (globalThis as { LanguageModel?: LanguageModel }).LanguageModel;
  const state = model ? await model.availability() : "unavailable";
  if (!model || state === "unavailable") throw new NearfieldError("Unsupported", "this browser has no built-in language model");
  if (state !== "available" && !download) {
    throw new NearfieldError("Unsupported", `the built-in language model is ${state}: pass { download: true } to wait for it`);
  }
  return async (prompt, { signal } = {}) => {
    // A session remembers what was said: each prompt gets its own.
    const session = await model.create(signal ? { signal } : {});
    try {
      return await session.prompt(prompt, signal ? { signal } : {});
    } finally {
      session.destroy();
    }
  };
}
