// One run: the laboratory, what the cases have in common, and what they found.
import { basename } from "node:path";
import { readCollection } from "./collection.mjs";
import { Lab } from "./lab.mjs";
import { lines, losses } from "./report.mjs";
import { entry, figure } from "./statistics.mjs";

export class Bench {
  entries = [];
  failures = 0;

  /** `folder`: of a judged collection, or undefined. `sizes`: of the cases that grow, or undefined for their own. */
  static async open({ folder, ...options }) {
    const collection = folder && (await readCollection(folder));
    const bench = Object.assign(new Bench(), options, { collection, lab: await Lab.open() });
    const texts = folder ? `real texts from ${basename(folder)}` : "real texts from this project's documentation";
    console.log(`[bench] ${bench.machine}, ${bench.lab.browser}, ${bench.rounds} rounds, ${texts}`);
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
    const made = entry({ ...values, machine, calibration: await this.lab.calibrate() });
    this.entries.push(made);
    console.log(lines(made).join("\n"));
  }

  /** A peer that could not do its work, and why. */
  cannot(peer, error) {
    this.say(`${peer} cannot: ${error.message}`);
  }

  summarise() {
    const lost = losses(this.entries);
    console.log(`\nWhere a peer is better${lost.length === 0 ? ": nowhere" : ""}`);
    for (const { name, peer, value } of lost) this.say(`${name}: ${peer}, ${figure(1 / value)} times`);
  }

  close() {
    return this.lab.close();
  }
}
