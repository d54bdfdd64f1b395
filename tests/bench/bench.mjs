// One run: the laboratory, what the cases have in common, and what they found.
import { loadavg } from "node:os";
import { basename } from "node:path";
import { readCollection } from "./collection.mjs";
import { Lab } from "./lab.mjs";
import { lines, losses, times } from "./report.mjs";
import { entry } from "./statistics.mjs";

/** Milliseconds for which a measurement of the bare kernel holds. */
const FRESH = 5000;
/** Load of the last minute above which another program has a processor. */
const BUSY = 0.7;

export class Bench {
  entries = [];
  failures = 0;
  #kernel = { gops: 0, at: -Infinity };

  /**
   * `folder`: of a judged collection, or undefined. `sizes`: of the cases that grow, or undefined for their own.
   * `slowRounds`: rounds where each takes minutes.
   */
  static async open({ folder, ...options }) {
    const collection = folder && (await readCollection(folder));
    const [load] = loadavg();
    const bench = Object.assign(new Bench(), options, { collection, lab: await Lab.open() });
    const texts = folder ? `real texts from ${basename(folder)}` : "real texts from this project's documentation";
    console.log(`[bench] ${bench.machine}, ${bench.lab.browser}, ${bench.rounds} rounds, ${texts}`);
    if (load > BUSY) bench.say(`the machine is busy (load ${load.toFixed(1)}): figures of two threads will come out too low`);
    return bench;
  }

  /** Runs one case. One that fails is said and counted, and the others go on. */
  async run(name, work) {
    try {
      await work(this);
    } catch (error) {
      this.failures++;
      console.error(`  ${name} FAILED: ${error.message}`);
    }
  }

  heading(title) {
    console.log(`\n${title}`);
  }

  say(text) {
    console.log(`  ${text}`);
  }

  /** Keeps a figure, with the speed of the bare kernel at this moment beside it, and prints it. */
  async record(values) {
    const { machine } = this;
    const made = entry({ ...values, machine, calibration: await this.#calibrate() });
    this.entries.push(made);
    console.log(lines(made).join("\n"));
  }

  /** Gop/s of the bare kernel. Figures that are recorded one after the other share one. */
  async #calibrate() {
    if (performance.now() - this.#kernel.at > FRESH) {
      this.#kernel = { gops: await this.lab.calibrate(), at: performance.now() };
    }
    return this.#kernel.gops;
  }

  /** What `work` gives; where a peer cannot do it, undefined, and why is said. */
  async admit(peer, work) {
    try {
      return await work();
    } catch (error) {
      this.say(`${peer} is left out: ${error.message}`);
      return undefined;
    }
  }

  summarise() {
    const lost = losses(this.entries);
    console.log(`\nWhere a peer is better by more than 1 %${lost.length === 0 ? ": nowhere" : ""}`);
    for (const { name, peer, value } of lost) this.say(`${name}: ${peer}, ${times(1 / value)} times`);
  }

  close() {
    return this.lab.close();
  }
}
