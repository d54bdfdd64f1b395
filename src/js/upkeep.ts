// Merging and graph building in a worker of the pool: an engine of its own on the same database, which shares the
// writer's lock with everybody, and gives it back while it prepares. The tabs hear of it when it is done.

import { NearfieldError } from "./errors.js";
import { pause } from "./pace.js";
import type { UpkeepJob } from "./protocol.js";
import { Tabs } from "./tabs.js";
import type { EngineHooks, EngineProgress, Wasm } from "./wasm.js";
import { alone, PATIENCE, Writer, type Turn } from "./writer.js";

/** Calls of this engine come one after the other. */
const CALL = 0;

export async function keepUp(
  wasm: Wasm,
  { name, options, all }: UpkeepJob,
  signal: AbortSignal,
  progress: (event: unknown) => void,
): Promise<void> {
  const writer = new Writer(name);
  let turn: Turn | undefined;
  const never = () => Promise.reject(new NearfieldError("Internal", "rewriting asks for no model"));
  const report = ({ phase, done, total }: EngineProgress) => progress({ phase, unit: "documents", done, total });
  const hooks: EngineHooks = {
    now: () => performance.now(),
    pause: () => pause(signal),
    progress: (_, event) => report(event),
    release: () => turn?.release(),
    regain: async () => turn?.regain(),
    buildGraph: async (_, job) => {
      turn?.release();
      const graph = wasm.buildGraph(job);
      await turn?.regain();
      await engine.refresh(CALL);
      return graph;
    },
    embed: never,
    embedSpans: never,
    weigh: never,
    encodeTokens: never,
    score: never,
    fetch: never,
  };
  const engine = await wasm.Engine.open(name, { ...options, store: "indexeddb" }, hooks);
  const tabs = new Tabs(name, () => {});
  const step = async (mine: Turn) => {
    turn = mine;
    await engine.refresh(CALL);
    if (!all) return engine.maintain(CALL);
    await engine.compact(CALL);
    return false;
  };
  try {
    await alone(name, signal, async () => {
      while (await writer.run(signal, all ? PATIENCE : Infinity, step)) tabs.announce("rewritten");
    });
    tabs.announce("rewritten");
  } finally {
    tabs.close();
    await engine.close();
  }
}
