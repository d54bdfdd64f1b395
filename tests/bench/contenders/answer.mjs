// What every contender's worker has in common: it answers calls by method name, and it times work.

/** Answers the page's calls with these functions. */
export function answer(methods) {
  onmessage = async ({ data: { id, method, args } }) => {
    try {
      postMessage({ id, value: await methods[method](...args) });
    } catch (error) {
      postMessage({ id, error: String(error?.stack ?? error) });
    }
  };
}

/** Milliseconds that `work` takes, on average over as many repetitions as fill `atLeast` milliseconds. */
export async function timed(work, atLeast = 0) {
  const start = performance.now();
  let count = 0;
  do {
    await work();
    count++;
  } while (performance.now() - start < atLeast);
  return (performance.now() - start) / count;
}

/** Milliseconds of each call of `work` with each item. */
export async function timedEach(items, work) {
  const times = [];
  for (const item of items) {
    const start = performance.now();
    await work(item);
    times.push(performance.now() - start);
  }
  return times;
}

/** Cuts a list into pieces of at most `size`. */
export function batches(list, size) {
  const pieces = [];
  for (let at = 0; at < list.length; at += size) pieces.push(list.slice(at, at + size));
  return pieces;
}
