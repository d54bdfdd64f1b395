// How texts are dealt out to workers: in jobs of similar size, so that all are busy until the end.

/** Texts of one job, by their place in the input. */
export type Job = number[];

/** A job is not worth a message below this, nor an abort's patience above: in UTF-16 units, some 4 to a token. */
const SMALLEST = 2_000;
const LARGEST = 24_000;
/** Jobs for each worker, so that the last ones end at about the same time. */
const ROUNDS = 4;

/**
 * Cuts texts of the given lengths into jobs of about equal total length, longest texts first. Similar lengths end up
 * together, which is also what the encoder likes.
 */
export function cutJobs(lengths: readonly number[], workers: number): Job[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const size = Math.min(Math.max(total / (Math.max(workers, 1) * ROUNDS), SMALLEST), LARGEST);
  const order = lengths.map((_, index) => index);
  order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const jobs: Job[] = [];
  let filled = size;
  for (const index of order) {
    if (filled >= size) {
      jobs.push([]);
      filled = 0;
    }
    jobs.at(-1)!.push(index);
    // Even an empty text costs its special tokens.
    filled += lengths[index]! + 8;
  }
  return jobs;
}

/** Puts what jobs returned back into the order of the input, of which each text has so many numbers in it. */
export function gatherRows(jobs: readonly Job[], rows: readonly Float32Array[], sizes: readonly number[]): Float32Array {
  const starts = [0];
  for (const size of sizes) starts.push(starts.at(-1)! + size);
  const all = new Float32Array(starts.at(-1)!);
  jobs.forEach((job, number) => {
    let at = 0;
    for (const index of job) all.set(rows[number]!.subarray(at, (at += sizes[index]!)), starts[index]!);
  });
  return all;
}
