// Building elements. Text always becomes text nodes: this application never parses a string as markup.

/**
 * An element with properties, attributes and children.
 *
 * Keys that start with "on" are event listeners, `class` and `data-…`/`aria-…` are attributes, the rest are properties.
 * Children that are `undefined`, `null` or `false` are left out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Node | string | number | false | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (key === "class" || key === "role" || key.includes("-")) element.setAttribute(key, String(value));
    else Reflect.set(element, key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false).map(asNode));
  return element;
}

/** @param {unknown} child */
const asNode = (child) => (child instanceof Node ? child : String(child));

/** @param {string} path a path on a 24 by 24 grid, drawn as a line */
export function icon(path) {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", "18");
  svg.setAttribute("height", "18");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(name, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/**
 * The element with this id, which the page must have.
 *
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} [type]
 * @returns {E}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!element || (type && !(element instanceof type))) throw new Error(`index.html has no fitting #${id}`);
  return /** @type {E} */ (element);
}
