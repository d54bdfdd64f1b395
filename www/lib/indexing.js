// Adding documents: read a few, hand them to the engine, write down what is stored, and so on. Files are read in their
// turn, so that a large folder never stands in memory as a whole; what is stored stays when the rest is called off.

import { isAborted, plain } from "./errors.js";
import { read, STRATEGY } from "./files.js";

/** Each call of the engine gets about so much text: enough for its workers, and little enough to show progress. */
const BATCH_BYTES = 256 << 10;
const BATCH_DOCUMENTS = 64;

/**
 * @typedef {import("./files.js").Source} Source
 * @typedef {import("./shelf.js").Entry} Entry
 * @typedef {import("../pkg/nearfield.js").Document} Document
 * @typedef {{ document: Document, entry: Entry }} Item
 */

/**
 * What the progress bar shows.
 *
 * @typedef {object} Job
 * @property {string} phase what is being done, in words
 * @property {number} done documents that are stored, or were refused
 * @property {number} total
 * @property {number} fraction of the bytes, 0 to 1
 * @property {number} started as performance.now() gives it
 * @property {number | undefined} tokensPerSecond
 * @property {boolean} stopping
 */

/**
 * @typedef {object} Outcome
 * @property {number} added
 * @property {number} replaced of those, how many were in the library before
 * @property {{ path: string, why: string }[]} refused
 * @property {{ path: string, why: string }[]} notes added, but with something to say
 * @property {boolean} stopped by the person
 * @property {unknown} error that ended it early
 */

const PHASES = {
  chunk: "Cutting into passages",
  embed: "Embedding",
  commit: "Saving",
  merge: "Tidying up",
  graph: "Building the graph",
  rotate: "Turning the vectors",
};

/**
 * @param {Source[]} sources
 * @param {object} context
 * @param {import("./library.js").Collection} context.collection
 * @param {import("./shelf.js").Shelf} context.shelf
 * @param {AbortSignal} context.signal
 * @param {(job: Job) => void} context.report
 * @param {() => void} context.stored called after each batch that can be searched
 * @returns {Promise<Outcome>}
 */
export async function index(sources, { collection, shelf, signal, report, stored }) {
  const total = { documents: sources.length, bytes: sources.reduce((sum, { blob }) => sum + blob.size, 0) };
  const done = { documents: 0, bytes: 0 };
  /** @type {Outcome} */
  const outcome = { added: 0, replaced: 0, refused: [], notes: [], stopped: false, error: undefined };
  /** @type {Job} */
  const job = {
    phase: "Reading",
    done: 0,
    total: sources.length,
    fraction: 0,
    started: performance.now(),
    tokensPerSecond: undefined,
    stopping: false,
  };
  /** `ahead`: what the engine has stored of the batch that runs. */
  const show = (/** @type {Partial<Job>} */ patch, ahead = { documents: 0, bytes: 0 }) => {
    const fraction = total.bytes === 0 ? 0 : Math.min(1, (done.bytes + ahead.bytes) / total.bytes);
    Object.assign(job, patch, { done: done.documents + ahead.documents, fraction });
    report({ ...job });
  };
  show({});

  /** @param {Item[]} batch */
  const add = async (batch) => {
    const size = batch.reduce((sum, { entry }) => sum + entry.bytes, 0);
    shelf.begin(batch.map(({ entry }) => entry));
    const onProgress = (/** @type {import("../pkg/nearfield.js").ProgressEvent} */ event) => {
      if (event.unit !== "documents") return;
      const { phase, tokensPerSecond = job.tokensPerSecond, committed = 0 } = event;
      const words = PHASES[/** @type {keyof typeof PHASES} */ (phase)] ?? job.phase;
      show({ phase: words, tokensPerSecond }, { documents: committed, bytes: (size * committed) / batch.length });
    };
    await collection.add(
      batch.map(({ document }) => document),
      { signal, onProgress },
    );
    outcome.replaced += batch.filter(({ entry }) => shelf.has(entry.id)).length;
    outcome.added += batch.length;
    done.documents += batch.length;
    done.bytes += size;
    shelf.commit(batch.map(({ entry }) => entry));
    stored();
  };

  /** Adds what it can of a batch of which something cannot be added. @param {Item[]} batch */
  const addAll = async (batch) => {
    try {
      if (batch.length > 0) await add(batch);
    } catch (error) {
      const { code, detail } = plain(error);
      if (isAborted(error) || (code !== "InvalidInput" && code !== "LimitExceeded")) {
        await settle(batch);
        throw error;
      }
      if (batch.length > 1) {
        for (const item of batch) await addAll([item]);
        return;
      }
      for (const { entry } of batch) refuse(entry.id, entry.bytes, detail);
      await settle(batch);
    }
  };

  /** After a failure: what of this batch did reach the disk? @param {Item[]} batch */
  const settle = async (batch) => {
    for (const { entry } of batch) {
      const is = await collection.get(entry.id).catch(() => undefined);
      if (!is) shelf.remove([entry.id]);
      else if (!shelf.has(entry.id)) {
        shelf.commit([entry]);
        outcome.added++;
      }
    }
  };

  const refuse = (/** @type {string} */ path, /** @type {number} */ size, /** @type {string} */ why) => {
    outcome.refused.push({ path, why });
    done.documents++;
    done.bytes += size;
  };

  try {
    /** @type {Map<string, Item>} */
    let batch = new Map();
    let size = 0;
    for (const source of sources) {
      signal.throwIfAborted();
      const { path, blob } = source;
      const reading = await read(blob).catch((error) => ({ refused: `it cannot be read (${error.message})` }));
      if ("refused" in reading) {
        refuse(path, blob.size, reading.refused);
        show({});
        continue;
      }
      if (reading.note) outcome.notes.push({ path, why: reading.note });
      // A second file of the same name replaces the first; in one batch the engine would count them once.
      if (batch.has(path)) {
        await addAll([...batch.values()]);
        [batch, size] = [new Map(), 0];
      }
      batch.set(path, toItem(source, reading.text));
      size += blob.size;
      if (size < BATCH_BYTES && batch.size < BATCH_DOCUMENTS) continue;
      await addAll([...batch.values()]);
      [batch, size] = [new Map(), 0];
    }
    await addAll([...batch.values()]);
  } catch (error) {
    if (isAborted(error)) outcome.stopped = true;
    else outcome.error = error;
  }
  return outcome;
}

/** @param {Source} source @param {string} text @returns {Item} */
function toItem({ path, blob, type, modified, title, url }, text) {
  const meta = { type, bytes: blob.size, ...(modified !== undefined && { modified }) };
  // Pages and Markdown say their titles themselves; a plain text has only its name.
  const name = type === "text" ? path.replace(/^.*\//, "").replace(/\.\w+$/, "") : undefined;
  const document = { id: path, text, title: title ?? name, url, meta, strategy: STRATEGY[type] };
  return { document, entry: { id: path, type, bytes: blob.size, at: Date.now(), url } };
}

/** One line about how it went. @param {Outcome} outcome @param {number} asked @param {number} ms */
export function summarize({ added, replaced, stopped }, asked, ms) {
  const what = `${added} of ${asked} ${asked === 1 ? "document" : "documents"}`;
  const again = replaced > 0 ? `, ${replaced} of them replaced` : "";
  if (stopped) return `Stopped: ${what} added${again}.`;
  return `Added ${what}${again} in ${(ms / 1000).toFixed(1)}\u00a0s.`;
}
