// From what a person drops or picks to texts that can be indexed, or to the reason why not.

const MB = 1 << 20;

/** As the engine's own limit on a document. */
export const MAX_BYTES = 64 * MB;

/** Decoded in slices of this size, so that a large file never holds up the page. */
const SLICE = MB / 2;

/** @typedef {"markdown" | "html" | "text"} Type */

/** How the engine cuts a document of each type. @type {Record<Type, "markdown" | "html" | "recursive">} */
export const STRATEGY = { markdown: "markdown", html: "html", text: "recursive" };

/**
 * Something to index. `blob` is not read before its turn comes.
 *
 * @typedef {{ path: string, blob: Blob, type: Type, modified?: number | undefined, title?: string | undefined, url?: string | undefined }} Source
 */

/** @typedef {{ text: string, note?: string | undefined } | { refused: string }} Reading */

const TYPES = {
  markdown: /\.(md|markdown|mdown|mkd|mdx)$/i,
  html: /\.(html?|xhtml)$/i,
};

/** @param {string} path @param {string} [mime] @returns {Type} */
export function typeOf(path, mime = "") {
  if (TYPES.markdown.test(path) || mime === "text/markdown") return "markdown";
  if (TYPES.html.test(path) || /^(text\/html|application\/xhtml)/.test(mime)) return "html";
  return "text";
}

/** @param {File} file @param {string} [path] @returns {Source} */
export function fromFile(file, path = file.webkitRelativePath || file.name) {
  return { path, blob: file, type: typeOf(path, file.type), modified: file.lastModified };
}

/**
 * Files of a drop, those in folders included. Hidden files and folders are left out.
 * The items of a drop are gone after the first `await`, so they are taken first.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<Source[]>}
 */
export async function fromDrop(transfer) {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry?.() ?? undefined)
    .filter((e) => e !== undefined);
  if (entries.length === 0) return [...transfer.files].map((file) => fromFile(file));
  const sources = [];
  for (const entry of entries) {
    for await (const file of walk(entry)) sources.push(file);
  }
  return sources;
}

/** Files of a picked folder, hidden ones left out. @param {Iterable<File>} files */
export const fromFolder = (files) =>
  [...files].map((file) => fromFile(file)).filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));

/** @param {FileSystemEntry} entry @returns {AsyncGenerator<Source>} */
async function* walk(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    yield fromFile(file, path);
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // A reader gives at most 100 entries at a time, and none at the end.
    const some = /** @type {FileSystemEntry[]} */ (
      await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    );
    if (some.length === 0) return;
    for (const child of some) {
      if (!child.name.startsWith(".")) yield* walk(child);
    }
  }
}

/** Starts of files that are not text, whatever they are called. */
const SIGNATURES = [
  { what: "a PDF", bytes: "%PDF-" },
  { what: "a Zip archive or an office document", bytes: "PK\x03\x04" },
  { what: "an image", bytes: "\x89PNG" },
  { what: "an image", bytes: "\xff\xd8\xff" },
  { what: "an image", bytes: "GIF8" },
  { what: "a compressed file", bytes: "\x1f\x8b" },
  { what: "a program", bytes: "\x7fELF" },
  { what: "a program", bytes: "\0asm" },
];

/** Reads and decodes a source. Refuses what is not text, and says what was mended. @param {Blob} blob @returns {Promise<Reading>} */
export async function read(blob) {
  if (blob.size === 0) return { refused: "it is empty" };
  if (blob.size > MAX_BYTES) return { refused: `it is larger than ${MAX_BYTES / MB} MiB` };
  const head = new Uint8Array(await blob.slice(0, 8192).arrayBuffer());
  const encoding = unicodeMark(head);
  const binary = encoding === "utf-8" ? binaryKind(head) : undefined;
  if (binary) return { refused: `it is ${binary}, not text` };

  const exact = await decode(blob, encoding, true);
  if (exact !== undefined) return !/\S/.test(exact) ? { refused: "it holds nothing but spaces" } : { text: exact };
  const text = (await decode(blob, encoding, false)) ?? "";
  const bad = text.split("\ufffd").length - 1;
  if (bad > text.length / 10) return { refused: `it is not text in ${encoding.toUpperCase()}` };
  return {
    text,
    note: `${bad} unreadable ${bad === 1 ? "byte was" : "bytes were"} replaced: it is not clean ${encoding.toUpperCase()}`,
  };
}

/** @param {Uint8Array} head */
function unicodeMark(head) {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  return "utf-8";
}

/** @param {Uint8Array} head */
function binaryKind(head) {
  const start = String.fromCharCode(...head.subarray(0, 8));
  const known = SIGNATURES.find(({ bytes }) => start.startsWith(bytes));
  return known?.what ?? (head.includes(0) ? "a binary file" : undefined);
}

/** @param {Blob} blob @param {string} encoding @param {boolean} fatal @returns {Promise<string | undefined>} undefined where a strict decoder gives up */
async function decode(blob, encoding, fatal) {
  const decoder = new TextDecoder(encoding, { fatal });
  const parts = [];
  try {
    for (let at = 0; at < blob.size; at += SLICE) {
      parts.push(decoder.decode(await blob.slice(at, at + SLICE).arrayBuffer(), { stream: true }));
    }
    parts.push(decoder.decode());
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
  const text = parts.join("");
  // What comes next takes its own time for a large text: the page gets its turn in between.
  if (blob.size > SLICE) await new Promise((done) => setTimeout(done));
  return text;
}
