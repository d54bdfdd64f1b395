// The question before everything is deleted.

import { byId } from "../lib/dom.js";
import { count } from "../lib/format.js";

/** Resolves to true if the person agrees. @param {number} documents @returns {Promise<boolean>} */
export function askForDeletion(documents) {
  const dialog = byId("confirm", HTMLDialogElement);
  byId("confirm-text").textContent =
    `${count(documents, "document")} will be removed from this browser. Your files are not touched.`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
