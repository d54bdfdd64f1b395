// One of several tabs on one collection. What it is to do comes as the hash of its address, as "#<number> <command>
// <argument>"; what came out stands in #result as JSON, with the number.
import { open } from "/pkg/nearfield.js";

/** Trusted Types let no plain text become the address of a worker. */
const policy = globalThis.trustedTypes?.createPolicy("tabs", { createScriptURL: (url) => url });
const WORKER = new URL("/pkg/worker.js", location.href).href;
const worker = () => new Worker(policy?.createScriptURL(WORKER) ?? WORKER, { type: "module" });

const db = await open("tabs", { worker });

const commands = {
  add: (id) => db.add([{ id, text: `the word ${id} of a tab` }]),
  find: async (word) => (await db.search(word)).hits.map(({ id }) => id).sort(),
  verify: async () => (await db.verify()).ok,
  hold: (name) => new Promise((held) => navigator.locks.request(name, () => (held(true), new Promise(() => {})))),
};

async function obey() {
  const [number, command, argument] = decodeURIComponent(location.hash.slice(1)).split(" ");
  if (!(command in commands)) return;
  const outcome = await commands[command](argument).catch(({ code, message }) => ({ code, message }));
  document.getElementById("result").textContent = JSON.stringify({ number, outcome });
}

addEventListener("hashchange", obey);
document.title = "open";
