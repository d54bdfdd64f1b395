// What a person reads while the bench runs: a block of lines for each figure, and at the end what peers do better.
import { figure } from "./statistics.mjs";

const WIDTH = 62;
/** What differs by less is called equal: no figure here is known better. */
const EQUAL = 0.01;

/** Lines for one entry: our figure, then each peer's with the ratio, and how well each agrees with the reference. */
export function lines({ name, unit, ours, peers, ratio, note, calibration, agreement = {}, failed = {} }) {
  const row = (who, value, more) => `    ${who.padEnd(WIDTH)}${figure(value).padStart(9)} ${unit.padEnd(9)} ${more}`.trimEnd();
  const kernel = calibration === undefined ? "" : `bare kernel ${figure(calibration)} Gop/s`;
  if (Object.keys(peers).length === 0) return [row(name, ours, [kernel, note].filter(Boolean).join("; "))];
  return [
    `  ${name}${note ? ` (${note})` : ""}`,
    row("nearfield", ours, [kernel, agreement.nearfield].filter(Boolean).join("; ")),
    ...Object.entries(peers).map(([peer, value]) => row(peer, value, [verdict(ratio[peer]), agreement[peer]].filter(Boolean).join("; "))),
    ...Object.entries(failed).map(([peer, error]) => `    ${peer} FAILED: ${error}`),
  ];
}

/** A ratio for people. */
export const times = (ratio) => (ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2));

function verdict(ratio) {
  if (!Number.isFinite(ratio)) return "";
  if (Math.abs(ratio - 1) < EQUAL) return "equal";
  return ratio > 1 ? `ours is ${times(ratio)} times better` : `WORSE: ours is ${times(1 / ratio)} times worse`;
}

/** Every comparison in which a peer, which is not ourselves, is better, worst first. Times of software GPUs mean nothing. */
export function losses(entries) {
  const timed = entries.filter(({ adapter }) => !adapter?.software);
  const all = timed.flatMap(({ name, ratio }) => Object.entries(ratio).map(([peer, value]) => ({ name, peer, value })));
  const lost = all.filter(({ peer, value }) => value <= 1 - EQUAL && !peer.startsWith("nearfield"));
  return lost.sort((a, b) => a.value - b.value);
}
