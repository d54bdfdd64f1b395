// The main job as a page that any browser can run: open, add, search, close. What came out stands in #result as JSON,
// and the title turns from "running" to "done" or "failed". Loaded as smoke.html#again, it adds nothing and searches
// what an earlier load has stored.
import { open } from "/pkg/nearfield.js";

const DOCUMENTS = [
  {
    id: "bread",
    text: "# Bread\n\nLet the dough rise over night in a cool place.\n\n# Oven\n\nBake it for forty minutes.",
  },
  { id: "bicycle", text: "# Bicycle\n\nA chain lasts longer when it is cleaned and oiled every few weeks." },
  { id: "tomato", text: "# Tomatoes\n\nWater the plants in the morning, at the roots, and never on the leaves." },
];
/** Its words stand in no document: only meaning finds the answer. */
const QUESTION = "how do I look after my vehicle's drivetrain?";

/** Trusted Types let no plain text become the address of a worker. */
const policy = globalThis.trustedTypes?.createPolicy("smoke", { createScriptURL: (url) => url });
const WORKER = new URL("/pkg/worker.js", location.href).href;
const worker = () => new Worker(policy?.createScriptURL(WORKER) ?? WORKER, { type: "module" });

async function run() {
  const again = location.hash === "#again";
  const db = await open("smoke", { embedder: "all-MiniLM-L6-v2", worker });
  if (!again) await db.add(DOCUMENTS);
  const ids = async (query, options) => (await db.search(query, options)).hits.map(({ id }) => id);
  const { documents, storage, build } = await db.stats();
  const result = {
    documents,
    storage,
    build,
    meaning: await ids(QUESTION, { k: 1 }),
    words: await ids("dough", { mode: "sparse" }),
    marks: (await db.search("dough")).hits[0]?.ranges.length,
  };
  await db.close();
  return result;
}

try {
  const result = await run();
  document.getElementById("result").textContent = JSON.stringify(result);
  document.title = "done";
} catch (error) {
  document.getElementById("result").textContent = JSON.stringify({
    code: error.code,
    error: String(error.stack ?? error),
  });
  document.title = "failed";
}
