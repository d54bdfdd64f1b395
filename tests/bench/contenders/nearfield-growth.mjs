// A collection that grows, through the published package with an embedder of the caller's that only looks vectors up:
// what search and storage cost as such. Kept in IndexedDB, as usual.
import { destroy, open } from "/pkg/nearfield.js";
import { random } from "../random.mjs";
import { answer, timedEach } from "./answer.mjs";
import { DIMS, makeVectors, row } from "./vectors.mjs";

const NAME = "bench-growth";
const VOCABULARY = 30_000;
const WORDS = 120;
const QUERY_WORDS = 5;

let db;
let made;
let size = 0;
let queries;
const next = random(5);

/** Words by Zipf's law: the r-th most frequent has a share of about 1/r. */
const word = () => `w${Math.floor(VOCABULARY ** next()).toString(36)}`;
const sentence = (length) => Array.from({ length }, word).join(" ");

/** The first word is the number of the vector. */
function embed(texts, role) {
  const source = role === "query" ? made.queries : made.rows;
  const rows = new Float32Array(texts.length * DIMS);
  texts.forEach((text, i) => rows.set(row(source, Number(/^\S+/.exec(text)[0])), i * DIMS));
  return rows;
}

answer({
  async open({ most, queries: count }) {
    made = makeVectors(most, count);
    queries = Array.from({ length: count }, (_, i) => `${i} ${sentence(QUERY_WORDS)}`);
    await destroy(NAME);
    db = await open(NAME, { embedder: { name: "synthetic", dims: DIMS, embed }, chunk: { strategy: "none" }, workers: 1 });
  },

  /** Adds documents until there are `target`, and waits for merging and graphs. Milliseconds. */
  async grow(target) {
    const start = performance.now();
    for (; size < target; size = Math.min(size + 5000, target)) {
      const count = Math.min(5000, target - size);
      await db.add(Array.from({ length: count }, (_, i) => ({ id: String(size + i), text: `${size + i} ${sentence(WORDS)}` })));
    }
    await db.compact();
    return performance.now() - start;
  },

  time: () => timedEach(queries, (text) => db.search(text, { k: 10 })),
  stats: () => db.stats(),
  async close() {
    await db.close();
    await destroy(NAME);
  },
});
