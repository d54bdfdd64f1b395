// The module of the language model: fetched only when somebody asks for a local generator.

import * as glue from "#generator";
import { fetchModule } from "./wasm.js";

export interface WasmGenerator {
  /** Begins an answer of at most `most` tokens; returns how many tokens the prompt has. */
  begin(instruction: string | undefined, prompt: string, most: number): number;
  /** Undefined while the prompt is read, then the text of one token after the other, false at the end. */
  step(): string | undefined | false;
  free(): void;
}

export interface GeneratorModule {
  Generator: {
    /** `read(start, end)` gives bytes of the model's file. */
    load(read: (start: number, end: number) => Uint8Array, size: number, tokenizer: Uint8Array): WasmGenerator;
  };
  /** SHA-256 of what is pushed. */
  Hash: new () => { push(bytes: Uint8Array): void; finish(): string; free(): void };
  /** Models that can be named without a URL, and the digests of their files. */
  generators(): { name: string; weights: string; tokenizer: string }[];
}

export async function loadGeneratorModule(): Promise<GeneratorModule> {
  const module = await fetchModule(new URL("./generator.wasm", import.meta.url));
  const wasm = glue as unknown as GeneratorModule & { initSync(options: { module: WebAssembly.Module }): unknown };
  wasm.initSync({ module });
  return wasm;
}
