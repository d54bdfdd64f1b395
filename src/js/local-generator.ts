// A generator of text that runs in this browser, in a worker of its own: nothing leaves the tab.

import { NearfieldError } from "./errors.js";
import type { GeneratorMethods } from "./protocol.js";
import { Peer, type CallOptions as RpcOptions } from "./rpc.js";
import { checkLocalGenerator, checkGenerate } from "./schema.js";
import { modelSource } from "./setup.js";
import { requireWorkers, spawn } from "./spawn.js";
import type { RuntimeOptions } from "./types.js";
import { textArgument } from "./validate.js";

export interface LocalGeneratorOptions extends Omit<RuntimeOptions, "workers"> {
  /**
   * A language model of the catalogue, or the URL of a directory with `model.gguf` (Llama in Q8_0) and `tokenizer.json`
   * of the SmolLM2 family. Default "SmolLM2-135M-Instruct": 145 MB, in memory while it is open beside 113 MB of words in f32.
   */
  model?: string | URL | undefined;
  /** Tokens of an answer at most. Default 128. */
  maxTokens?: number | undefined;
  /** What the model is told before each prompt. */
  instruction?: string | undefined;
}

/** What a local generator has done since it was made. */
export interface LocalUsage {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  /** Tokens of prompts read in a second. */
  readTokensPerSecond: number;
  /** Tokens of answers written in a second. */
  tokensPerSecond: number;
}

export interface GenerateOptions {
  signal?: AbortSignal | undefined;
  /** Hears each piece of the answer as it is written. */
  onText?: ((piece: string) => void) | undefined;
}

/** A generator as `expand` takes it. */
export interface LocalGenerator {
  (prompt: string, options?: GenerateOptions): Promise<string>;
  usage: LocalUsage;
  /** Ends the worker and gives its memory back. Prompts that wait fail with Aborted. */
  close(): void;
}

/**
 * Loads a small language model and resolves when it can be asked. It writes the likeliest answer, the same each time.
 * Models of this size know little and write fluently: what their hypothetical answers gain, `evaluate` says.
 *
 * @example
 * const generate = await localGenerator({ models: { base: "/models/" }, onProgress: console.log });
 * await db.search("why do leaves fall?", { expand: { hyde: generate } });
 * generate.usage.tokensPerSecond;
 * generate.close();
 */
export async function localGenerator(options: LocalGeneratorOptions = {}): Promise<LocalGenerator> {
  checkLocalGenerator(options, "options");
  const { model = "SmolLM2-135M-Instruct", maxTokens = 128, instruction, models, worker: factory, signal, onProgress } = options;
  requireWorkers(factory);
  let peer: Peer<GeneratorMethods> | undefined;
  const { worker, end } = spawn("generator", factory, (error) => peer?.fail(error));
  peer = new Peer<GeneratorMethods>(worker as never, {}, end);
  const remote = peer;
  const close = () => {
    end();
    remote.fail(new NearfieldError("Aborted", "the generator was closed"));
  };
  try {
    await remote.call("load", [modelSource(model, models)], { signal, onProgress: onProgress as RpcOptions["onProgress"] });
  } catch (error) {
    close();
    throw error;
  }

  const usage: LocalUsage = { requests: 0, inputTokens: 0, outputTokens: 0, readTokensPerSecond: 0, tokensPerSecond: 0 };
  let [readSeconds, writeSeconds] = [0, 0];
  const generate = async (prompt: string, given: GenerateOptions = {}): Promise<string> => {
    checkGenerate(given, "options");
    const { signal, onText } = given;
    const answer = await remote.call("generate", [instruction, textArgument(prompt, "prompt"), maxTokens], {
      signal,
      onProgress: onText as RpcOptions["onProgress"],
    });
    usage.requests += 1;
    usage.inputTokens += answer.inputTokens;
    usage.outputTokens += answer.outputTokens;
    readSeconds += answer.readSeconds;
    writeSeconds += answer.writeSeconds;
    usage.readTokensPerSecond = readSeconds > 0 ? usage.inputTokens / readSeconds : 0;
    usage.tokensPerSecond = writeSeconds > 0 ? usage.outputTokens / writeSeconds : 0;
    return answer.text.trim();
  };
  return Object.assign(generate, { usage, close });
}
