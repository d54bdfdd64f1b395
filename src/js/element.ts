/**
 * `<nearfield-search>`: a search box for a static site. Importing this module defines the element.
 *
 * ```html
 * <script type="module" src="/pkg/element.js"></script>
 * <nearfield-search collection="docs" embedder="all-MiniLM-L6-v2" label="Search the manual"></nearfield-search>
 * ```
 *
 * Attributes: `collection` (its name) or `src` (the URL of a published one), `embedder`, `reranker`, `models` (base of the catalogue), `language`, `k`
 * (default 8), `mode`, `placeholder`, `label`. Or set the property `db` to a collection that is already open.
 *
 * Events, which bubble: `nearfield-select` with `detail.hit`, whose default action is to go to the hit's `url`; and
 * `nearfield-error` with `detail.error`.
 *
 * Style: parts `input`, `list`, `option`, `title`, `path`, `text`, `mark`, `status`; custom properties
 * `--nearfield-accent`, `--nearfield-background`, `--nearfield-border`, `--nearfield-text`, `--nearfield-muted`.
 *
 * @packageDocumentation
 */

import { excerpt } from "./excerpt.js";
import { open, type Collection, type Hit, type OpenOptions, type SearchOptions } from "./index.js";

const STYLE = `
:host { display: block; position: relative; color: var(--nearfield-text, CanvasText); font: inherit; }
:host([hidden]) { display: none; }
input { box-sizing: border-box; width: 100%; padding: .6em .8em; font: inherit; color: inherit;
  background: var(--nearfield-background, Canvas); border: 1px solid var(--nearfield-border, GrayText); border-radius: .5em; }
input:focus-visible { outline: 2px solid var(--nearfield-accent, Highlight); outline-offset: 1px; }
ul { position: absolute; z-index: 10; inset-inline: 0; margin: .25em 0 0; padding: .25em; list-style: none;
  max-height: min(70vh, 32em); overflow-y: auto; overscroll-behavior: contain; border-radius: .5em;
  background: var(--nearfield-background, Canvas); border: 1px solid var(--nearfield-border, GrayText); }
ul:empty { display: none; }
li { padding: .5em .6em; border-radius: .35em; cursor: pointer; overflow-wrap: anywhere; }
li[aria-selected="true"] { outline: 2px solid var(--nearfield-accent, Highlight); outline-offset: -2px; }
.title { font-weight: 600; }
.path, .text { font-size: .9em; color: var(--nearfield-muted, inherit); }
mark { color: inherit; background: none; font-weight: 700; text-decoration: underline; text-decoration-thickness: .12em;
  text-decoration-color: var(--nearfield-accent, Highlight); }
.status { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

/** Milliseconds without a key before a search begins. */
const DEBOUNCE = 120;
/** UTF-16 units of text shown for a hit. */
const EXCERPT = 220;

let sheet: CSSStyleSheet | undefined;

/** A constructed style sheet needs no permission from a content security policy, unlike a <style> element. */
function styleSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
}

/** An element with its part, class and text; never from markup. */
function make<K extends keyof HTMLElementTagNameMap>(tag: K, part: string, text = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = part;
  element.setAttribute("part", part);
  element.textContent = text;
  return element;
}

// On a server there is no HTMLElement to extend, and importing must still work.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

export class NearfieldSearch extends Base {
  static observedAttributes = ["placeholder", "label"];

  /** Makes the worker, where the page's policies need that; see {@link OpenOptions.worker}. */
  worker: OpenOptions["worker"];
  #db: Promise<Collection> | undefined;
  #own = false;
  #input = make("input", "input");
  #list = make("ul", "list");
  #status = make("div", "status");
  #hits: Hit[] = [];
  #active = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #search: AbortController | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [styleSheet()];
    root.append(this.#input, this.#list, this.#status);
    this.#prepare();
  }

  /** The collection that is searched, if the element is not to open one itself. It is not closed by the element. */
  set db(db: Collection | undefined) {
    this.#close();
    this.#db = db && Promise.resolve(db);
  }

  connectedCallback(): void {
    this.attributeChangedCallback();
  }

  disconnectedCallback(): void {
    this.#hide();
    this.#close();
  }

  attributeChangedCallback(): void {
    this.#input.placeholder = this.getAttribute("placeholder") ?? "Search";
    this.#input.setAttribute("aria-label", this.getAttribute("label") ?? "Search");
    this.#list.setAttribute("aria-label", this.getAttribute("label") ?? "Results");
  }

  #prepare(): void {
    const input = this.#input;
    input.type = "search";
    input.autocomplete = "off";
    input.spellcheck = false;
    const roles = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "list" };
    for (const [name, value] of Object.entries(roles)) input.setAttribute(name, value);
    this.#list.id = "list";
    this.#list.setAttribute("role", "listbox");
    this.#status.setAttribute("role", "status");
    input.addEventListener("focus", () => void this.#open().catch(() => {}));
    input.addEventListener("input", () => this.#later());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => this.#hide());
    // Before `blur`, which would take the list away under the pointer.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = (event.target as Element).closest("li");
      if (option) this.#choose(Number(option.dataset.index));
    });
  }

  #open(): Promise<Collection> {
    if (this.#db) return this.#db;
    const attribute = (name: string) => this.getAttribute(name) ?? undefined;
    const src = attribute("src");
    const place = src === undefined ? (attribute("collection") ?? "") : new URL(src, document.baseURI);
    const opening = open(place, {
      embedder: attribute("embedder"),
      reranker: attribute("reranker"),
      language: attribute("language"),
      models: { base: attribute("models") },
      worker: this.worker,
    });
    this.#db = opening;
    this.#own = true;
    opening.catch((error: unknown) => {
      if (this.#db === opening) this.#db = undefined;
      this.#fail(error);
    });
    return opening;
  }

  #close(): void {
    if (this.#own) this.#db?.then((db) => db.close()).catch(() => {});
    this.#db = undefined;
    this.#own = false;
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#search?.abort();
    const query = this.#input.value.trim();
    if (query === "") this.#show([]);
    else this.#timer = setTimeout(() => void this.#run(query), DEBOUNCE);
  }

  async #run(query: string): Promise<void> {
    const { signal } = (this.#search = new AbortController());
    const mode = this.getAttribute("mode") as SearchOptions["mode"] | null;
    try {
      const db = await this.#open();
      const options = { k: Number(this.getAttribute("k")) || 8, rerank: this.hasAttribute("reranker"), signal };
      for await (const { hits } of db.searchStages(query, mode ? { ...options, mode } : options)) this.#show(hits);
      this.#say(this.#hits.length === 0 ? "Nothing found" : `${this.#hits.length} results`);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  #show(hits: Hit[]): void {
    const active = this.#hits[this.#active];
    this.#hits = hits;
    this.#list.replaceChildren(...hits.map((hit, index) => this.#option(hit, index)));
    this.#input.setAttribute("aria-expanded", String(hits.length > 0));
    // A later stage may move the chosen hit: the choice moves with it.
    this.#mark(active ? hits.findIndex(({ id, chunk }) => id === active.id && chunk === active.chunk) : -1);
  }

  #option(hit: Hit, index: number): HTMLLIElement {
    const option = make("li", "option");
    option.id = `option-${index}`;
    option.dataset.index = String(index);
    option.setAttribute("role", "option");
    option.append(make("div", "title", hit.title || hit.id));
    if (hit.context) option.append(make("div", "path", hit.context));
    const text = make("div", "text");
    for (const piece of excerpt(hit.text, hit.ranges, EXCERPT)) {
      text.append(piece.mark ? make("mark", "mark", piece.text) : piece.text);
    }
    option.append(text);
    return option;
  }

  #mark(index: number): void {
    this.#active = index;
    for (const [at, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    if (index < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `option-${index}`);
  }

  #key(event: KeyboardEvent): void {
    const count = this.#hits.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && count > 0) {
      // One place more than there are hits: the box itself.
      this.#mark(((this.#active + 1 + step + count + 1) % (count + 1)) - 1);
    } else if (event.key === "Enter" && count > 0) {
      this.#choose(Math.max(this.#active, 0));
    } else if (event.key === "Escape" && count > 0) {
      this.#hide();
    } else {
      return;
    }
    event.preventDefault();
  }

  #choose(index: number): void {
    const hit = this.#hits[index];
    if (!hit) return;
    const event = new CustomEvent("nearfield-select", { detail: { hit }, bubbles: true, composed: true, cancelable: true });
    const proceed = this.dispatchEvent(event);
    this.#hide();
    if (!proceed || !hit.url) return;
    const url = new URL(hit.url, document.baseURI);
    // What was indexed is not trusted to be a link and not a script.
    if (/^https?:$/.test(url.protocol)) location.assign(url);
  }

  #hide(): void {
    clearTimeout(this.#timer);
    this.#search?.abort();
    this.#show([]);
  }

  #fail(error: unknown): void {
    this.#show([]);
    this.#say(error instanceof Error ? error.message : String(error));
    this.dispatchEvent(new CustomEvent("nearfield-error", { detail: { error }, bubbles: true, composed: true }));
  }

  #say(text: string): void {
    this.#status.textContent = text;
  }
}

if (typeof customElements !== "undefined" && !customElements.get("nearfield-search")) {
  customElements.define("nearfield-search", NearfieldSearch);
}

declare global {
  interface HTMLElementTagNameMap {
    "nearfield-search": NearfieldSearch;
  }
}
