// The ways in: dropping anywhere on the page, choosing files or a folder, pasting a text, loading the sample.

import { byId } from "../lib/dom.js";
import { fromDrop, fromFile, fromFolder } from "../lib/files.js";

/** @param {{ add: (sources: import("../lib/files.js").Source[]) => void, sample: () => void, fail: (error: unknown, doing: string) => void }} actions */
export function mountAdding({ add, sample, fail }) {
  mountDrop(add, fail);
  mountPickers(add);
  mountPaste(add);
  byId("sample").addEventListener("click", sample);
}

/** @param {(sources: import("../lib/files.js").Source[]) => void} add @param {(error: unknown, doing: string) => void} fail */
function mountDrop(add, fail) {
  const veil = byId("veil");
  const bringsFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  // Entering a child fires before leaving its parent: only when all were left has the drag left the page.
  let depth = 0;
  const show = () => veil.classList.toggle("shown", depth > 0);
  addEventListener("dragenter", (event) => {
    if (!bringsFiles(event)) return;
    depth++;
    show();
  });
  addEventListener("dragleave", (event) => {
    if (!bringsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show();
  });
  addEventListener("dragover", (event) => {
    if (bringsFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!event.dataTransfer || !bringsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    fromDrop(event.dataTransfer).then(add, (error) => fail(error, "Reading what was dropped"));
  });
}

/** @param {(sources: import("../lib/files.js").Source[]) => void} add */
function mountPickers(add) {
  const files = byId("pick-files", HTMLInputElement);
  const folder = byId("pick-folder", HTMLInputElement);
  // Phones have no folders to pick.
  byId("folder-label").hidden =
    !("webkitdirectory" in folder) || matchMedia("(pointer: coarse) and (hover: none)").matches;
  files.addEventListener("change", () => {
    add([...(files.files ?? [])].map((file) => fromFile(file)));
    // The same file may be chosen again.
    files.value = "";
  });
  folder.addEventListener("change", () => {
    add(fromFolder(folder.files ?? []));
    folder.value = "";
  });
}

/** @param {(sources: import("../lib/files.js").Source[]) => void} add */
function mountPaste(add) {
  const dialog = byId("paste-dialog", HTMLDialogElement);
  const form = byId("paste-form", HTMLFormElement);
  const name = byId("paste-name", HTMLInputElement);
  const text = byId("paste-text", HTMLTextAreaElement);
  byId("paste").addEventListener("click", () => {
    form.reset();
    dialog.returnValue = "";
    dialog.showModal();
    text.focus();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "add" || text.value.trim() === "") return;
    const title = name.value.trim() || firstWords(text.value);
    const path = `Pasted: ${title}`;
    add([
      {
        path,
        title,
        blob: new Blob([text.value]),
        type: looksLikeMarkdown(text.value) ? "markdown" : "text",
        modified: Date.now(),
      },
    ]);
  });
}

/** @param {string} text */
const firstWords = (text) =>
  text
    .trim()
    .split(/\s+/)
    .slice(0, 8)
    .join(" ")
    .replace(/^#+\s*/, "")
    .slice(0, 80);

/** @param {string} text */
const looksLikeMarkdown = (text) => /^(#{1,6} |```|[-*] |\| )/m.test(text);
