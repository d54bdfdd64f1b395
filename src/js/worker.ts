// The script of every worker. The first message says which of three roles it plays: `engine`, which holds a collection
// and answers the page, `pool`, which embeds, reranks and builds graphs for an engine, or `generator`, which runs a
// language model.

import { isTrap } from "./errors.js";
import { serveEngine } from "./engine-worker.js";
import { serveGenerator } from "./generator-worker.js";
import { servePool } from "./pool-worker.js";
import type { Port } from "./rpc.js";
import type { Hello } from "./spawn.js";

const scope = globalThis as unknown as Port;

scope.onmessage = (event: MessageEvent) => {
  const { role, alive, compiled } = event.data as Hello;
  const [port] = event.ports;
  // No work is taken before the lock is held: a worker that died in between would be missed by nobody. What arrives at
  // a port meanwhile waits there; what arrives at the scope would be lost.
  const held = holdForLife(alive);
  if (role === "pool" && port && compiled) void held.then(() => servePool(port, compiled));
  else if (role === "generator") serveGenerator(scope);
  else serveEngine(scope);
};

// A trap inside an asynchronous call of the module leaves its promise open for ever. Thrown here it is an `error` event
// of the worker, from which the page learns that this worker is lost.
addEventListener("unhandledrejection", ({ reason }) => {
  if (isTrap(reason)) setTimeout(() => { throw reason; });
});

/** Resolves once the lock is held. It is never released: the browser does that when this worker is gone. */
function holdForLife(name: string): Promise<void> {
  return new Promise((resolve) => {
    const held = () => {
      scope.postMessage(name, []);
      resolve();
      return new Promise<never>(() => {});
    };
    if (navigator.locks) void navigator.locks.request(name, held);
    else void held();
  });
}
