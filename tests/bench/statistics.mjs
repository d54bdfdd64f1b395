// The arithmetic behind the figures: medians of interleaved rounds, and ratios that mean "better" above 1.

/** The value below which the share `q` of the values lies, by nearest rank. */
export function quantile(values, q) {
  if (values.length === 0) throw new Error("no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)];
}

/** The middle value, or the mean of the two in the middle. */
export function median(values) {
  if (values.length === 0) throw new Error("no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How many times better `ours` is than `peer`: 2 is twice the speed, or half the time. `better` is higher or lower. */
export function ratio(ours, peer, better) {
  return better === "higher" ? ours / peer : peer / ours;
}

/**
 * Runs every contender once in each round, so that a slow minute of the machine hits all of them. Each round begins
 * with another one. `contenders` maps names to functions that resolve to a value; the result maps names to the values
 * of all rounds.
 */
export async function interleaved(rounds, contenders) {
  const names = Object.keys(contenders);
  const values = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      values[name].push(await contenders[name]());
    }
  }
  return values;
}

/** One object of the JSON: medians of the values of all rounds. `ours` is a list, `peers` maps names to lists. */
export function entry({ name, unit, better, ours, peers = {}, note, ...rest }) {
  const middle = median(ours);
  const medians = Object.fromEntries(Object.entries(peers).map(([peer, values]) => [peer, median(values)]));
  const ratios = Object.entries(medians).map(([peer, value]) => [peer, ratio(middle, value, better)]);
  return {
    name,
    unit,
    better,
    ours: middle,
    peers: medians,
    ratio: Object.fromEntries(ratios),
    runs: ours.length,
    ...(note && { note }),
    ...rest,
  };
}

/** Share of the true neighbours that were found, over all queries. Both are lists of lists of ids. */
export function recall(found, truth) {
  let [hits, all] = [0, 0];
  for (const [query, ids] of truth.entries()) {
    const there = new Set(found[query]);
    hits += ids.filter((id) => there.has(id)).length;
    all += ids.length;
  }
  return hits / all;
}

/** Lowest cosine between the rows of two lists of vectors. */
export function lowestCosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return Math.min(...a.map((row, i) => dot(row, b[i]) / Math.sqrt(dot(row, row) * dot(b[i], b[i]))));
}

/** Largest difference between the numbers of two lists of rows. */
export const largestDifference = (a, b) => Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i][j]))));

/** A number for people: three or four digits that count. */
export function figure(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value.toFixed(3);
}
