// What a language model would be given to read: the passages that the context stage chooses for the question.

import { byId, h } from "../lib/dom.js";
import { isAborted, plain } from "../lib/errors.js";
import { count, milliseconds } from "../lib/format.js";

/**
 * @param {() => import("../lib/library.js").Collection} collection
 * @param {() => string} query
 */
export function mountPrompt(collection, query) {
  const dialog = byId("prompt", HTMLDialogElement);
  const form = byId("prompt-form", HTMLFormElement);
  const budget = byId("prompt-tokens", HTMLInputElement);
  const order = byId("prompt-order", HTMLSelectElement);
  const diverse = byId("prompt-diverse", HTMLInputElement);
  const status = byId("prompt-status");
  const text = byId("prompt-text", HTMLTextAreaElement);
  /** @type {AbortController | undefined} */
  let running;

  const run = async () => {
    running?.abort();
    const { signal } = (running = new AbortController());
    const options = {
      tokens: Math.max(1, Math.round(Number(budget.value)) || 1),
      order: /** @type {"score" | "edges-first" | "document"} */ (order.value),
      diversity: diverse.checked ? 0.3 : 0,
    };
    try {
      const { context, timings } = await collection().search(query(), { context: options, k: 50, text: false, signal });
      const { passages = [], tokens = 0 } = context ?? {};
      const took = milliseconds(timings.total ?? 0);
      status.textContent = `${count(passages.length, "passage")}, ${count(tokens, "token")}, ${took}`;
      text.value = context ? `${context.text}\n\nQuestion: ${query()}` : "";
    } catch (error) {
      if (isAborted(error)) return;
      const { title, advice, code } = plain(error);
      status.replaceChildren(h("span", { class: "problem" }, `${title} ${advice} `, h("code", {}, code)));
    }
  };

  form.addEventListener("change", run);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("prompt-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.value);
      status.textContent = "Copied.";
    } catch {
      // Without the permission, what is selected can be copied by hand.
      text.select();
      status.textContent = "Selected: copy it with the keyboard.";
    }
  });
  dialog.addEventListener("close", () => running?.abort());
  byId("prompt-open").addEventListener("click", () => {
    dialog.showModal();
    run();
  });
}
