// The dialog in which a person chooses what the library is made with.

import { EMBEDDERS } from "../lib/choices.js";
import { byId, h } from "../lib/dom.js";

/**
 * @param {import("../lib/state.js").State<import("../app.js").AppState>} state
 * @param {{ current: () => import("../lib/choices.js").Choices, apply: (choices: import("../lib/choices.js").Choices) => void }} actions
 */
export function mountChoices(state, { current, apply }) {
  const dialog = byId("choices", HTMLDialogElement);
  const opener = byId("choices-open", HTMLButtonElement);
  const models = byId("choices-models");
  const flags = /** @type {const} */ (["sparse", "tokens", "sentences", "late", "writer"]);
  const box = (/** @type {string} */ name) => byId(`choices-${name}`, HTMLInputElement);

  models.append(
    ...EMBEDDERS.map(({ name, about }) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "embedder", value: name }),
        h("span", {}, h("strong", {}, name), h("span", { class: "muted" }, ` ${about}`)),
      ),
    ),
  );
  const radios = [...models.querySelectorAll("input")];

  opener.addEventListener("click", () => {
    const choices = current();
    for (const radio of radios) radio.checked = radio.value === choices.embedder;
    for (const flag of flags) box(flag).checked = choices[flag];
    dialog.returnValue = "";
    dialog.showModal();
  });
  // Not a submit button: Enter in a field means the one that applies.
  byId("choices-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "apply") return;
    const embedder = radios.find(({ checked }) => checked)?.value ?? current().embedder;
    const [sparse, tokens, sentences, late, writer] = flags.map((flag) => box(flag).checked);
    apply({
      embedder,
      sparse: Boolean(sparse),
      tokens: Boolean(tokens),
      sentences: Boolean(sentences),
      late: Boolean(late),
      writer: Boolean(writer),
    });
  });

  state.watch(["engine", "job"], ({ engine, job }) => {
    opener.disabled = engine === "opening" || job !== undefined;
  });
}
