// The keyboard's way through the page: / to the question, arrows through the hits, Escape back and clear.

import { byId } from "../lib/dom.js";

/** @param {{ clear: () => void }} actions */
export function mountKeyboard({ clear }) {
  const query = byId("query", HTMLInputElement);
  const titles = () => [
    .../** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#results button.title")),
  ];

  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]"))
      return;
    const isTyping =
      target instanceof HTMLElement && target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
    if (key === "/" && !isTyping) {
      event.preventDefault();
      query.focus();
      query.select();
    } else if (key === "Escape" && (target === query || !isTyping)) {
      event.preventDefault();
      if (target === query || query.value === "") clear();
      query.focus();
    } else if ((key === "ArrowDown" || key === "ArrowUp") && target instanceof HTMLElement) {
      const inList = target.closest("#results > li");
      if (target !== query && !inList) return;
      const all = titles();
      const at = inList ? all.findIndex((title) => inList.contains(title)) : -1;
      const next = key === "ArrowDown" ? at + 1 : at - 1;
      if (target === query && key === "ArrowUp") return;
      event.preventDefault();
      if (next < 0) query.focus();
      else all[next]?.focus();
      all[next]?.closest("li")?.scrollIntoView({ block: "nearest" });
    }
  });
}
