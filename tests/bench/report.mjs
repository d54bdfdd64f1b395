// What a person reads while the bench runs: a heading for each case, a block of lines for each figure, and at the end
// what we lose.
import { figure } from "./statistics.mjs";

const WIDTH = 58;

/** Lines for one entry: our figure, then each peer's with the ratio. */
export function lines({ name, unit, ours, peers, ratio, note, calibration }) {
  const row = (who, value, more = "") => `    ${who.padEnd(WIDTH)}${figure(value).padStart(10)} ${unit.padEnd(10)}${more}`.trimEnd();
  return [
    `  ${name}${note ? ` (${note})` : ""}`,
    row("nearfield", ours, calibration ? `bare kernel ${figure(calibration)} Gop/s` : ""),
    ...Object.entries(peers).map(([peer, value]) => row(peer, value, verdict(ratio[peer]))),
  ];
}

function verdict(ratio) {
  if (!Number.isFinite(ratio)) return "";
  return ratio >= 1 ? `ours is ${ratio.toFixed(2)} times better` : `WORSE: ours is ${(1 / ratio).toFixed(2)} times worse`;
}

/** Every comparison in which a peer is better, worst first. */
export function losses(entries) {
  const all = entries.flatMap(({ name, ratio }) => Object.entries(ratio).map(([peer, value]) => ({ name, peer, value })));
  return all.filter(({ value }) => value < 1).sort((a, b) => a.value - b.value);
}
