// How alike two rankings are, and what many such figures come to.

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of one figure for each query. */
export const summary = (values) => ({ mean: mean(values), least: Math.min(...values) });

/** Share of the ids of one list that the other has too; lists of equal length. */
export const overlap = (a, b) => a.filter((id) => b.includes(id)).length / Math.max(a.length, 1);

/** Spearman's rank correlation of two lists of scores for the same things; equal scores share their mean rank. */
export function spearman(a, b) {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  const product = (p, q) => p.reduce((sum, value, i) => sum + (value - middle) * (q[i] - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

/** Kendall's: pairs in the same order less pairs in the opposite order, among all pairs (tau-a). */
export function kendall(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) sum += Math.sign(a[i] - a[j]) * Math.sign(b[i] - b[j]);
  }
  return (2 * sum) / (a.length * (a.length - 1));
}

const ranks = (scores) =>
  scores.map((score) => scores.filter((other) => other < score).length + (scores.filter((other) => other === score).length - 1) / 2);
