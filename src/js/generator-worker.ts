// The worker of a local language model: loads it once and answers one prompt after the other.

import { NearfieldError, throwIfAborted } from "./errors.js";
import type { WasmGenerator } from "./generator.js";
import { generatorFiles } from "./generator-files.js";
import { yieldToEvents } from "./pace.js";
import type { GeneratorMethods, ModelSource } from "./protocol.js";
import { Peer, type CallContext, type Handlers, type Port } from "./rpc.js";
import type { ProgressEvent } from "./types.js";

/** Of workers only, so that it is in no list of what pages have. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

export function serveGenerator(port: Port): void {
  new Peer<object>(port, new GeneratorWorker());
}

class GeneratorWorker implements Handlers<GeneratorMethods> {
  #model: WasmGenerator | undefined;
  #last: Promise<unknown> = Promise.resolve();

  load = async ({ signal, progress }: CallContext, source: ModelSource): Promise<{ name: string }> => {
    const { loadGeneratorModule } = await import("./generator.js");
    const wasm = await loadGeneratorModule();
    const { name, weights, tokenizer } = await generatorFiles(wasm, source, signal, progress as (event: ProgressEvent) => void);
    const reader = new FileReaderSync();
    const read = (start: number, end: number) => new Uint8Array(reader.readAsArrayBuffer(weights.slice(start, end)));
    this.#model = wasm.Generator.load(read, weights.size, tokenizer);
    return { name };
  };

  /** Progress events are the pieces of the text. */
  generate = (context: CallContext, instruction: string | undefined, prompt: string, most: number) => {
    const turn = this.#last.then(() => this.#answer(context, instruction, prompt, most));
    this.#last = turn.catch(() => {});
    return turn;
  };

  async #answer({ signal, progress }: CallContext, instruction: string | undefined, prompt: string, most: number) {
    throwIfAborted(signal);
    const model = this.#model;
    if (!model) throw new NearfieldError("Internal", "a prompt before the model was loaded");
    const start = performance.now();
    const inputTokens = model.begin(instruction, prompt, most);
    let [text, outputTokens, began] = ["", 0, start];
    for (let piece = model.step(); piece !== false; piece = model.step()) {
      if (piece === undefined) {
        began = performance.now();
      } else {
        outputTokens++;
        text += piece;
        progress(piece);
      }
      await yieldToEvents();
      throwIfAborted(signal);
    }
    const end = performance.now();
    return { text, inputTokens, outputTokens, readSeconds: (began - start) / 1000, writeSeconds: (end - began) / 1000 };
  }
}
