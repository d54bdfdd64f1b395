// The button that chooses between the system's theme, light and dark.

import { byId } from "../lib/dom.js";
import { load, save } from "../lib/settings.js";

/** @type {("" | "light" | "dark")[]} */
const CHOICES = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };

export function mountTheme() {
  const button = byId("theme");
  /** @type {"" | "light" | "dark"} */
  let theme = load("theme", "");
  const apply = () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.setAttribute("aria-label", `Theme: ${NAMES[theme]}`);
    button.title = `Theme: ${NAMES[theme]}`;
  };
  button.addEventListener("click", () => {
    theme = CHOICES[(CHOICES.indexOf(theme) + 1) % CHOICES.length] ?? "";
    save("theme", theme);
    apply();
  });
  apply();
}
