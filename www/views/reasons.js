// How a score came about, from the engine's explanation: the place of the hit in each leg, and what each word gave.

import { h } from "../lib/dom.js";

/**
 * Places count from 1.
 *
 * @typedef {object} Explanation
 * @property {{ rank: number, score: number, terms: { term: string, tf: number, df: number, idf: number, score: number }[] }} [sparse]
 * @property {{ rank: number, score: number }} [dense]
 * @property {number} fused
 * @property {number} [rerank]
 */

/** @param {import("../lib/searching.js").Hit} hit */
export function reasons({ explanation, chunk, source }) {
  const { sparse, dense, fused, rerank } = /** @type {Explanation} */ (explanation ?? { fused: 0 });
  const rows = [
    ["By words", sparse ? `place ${sparse.rank}, score ${sparse.score.toFixed(2)}` : "not among the candidates"],
    ["By meaning", dense ? `place ${dense.rank}, similarity ${dense.score.toFixed(3)}` : "not among the candidates"],
    ["Fused", fused.toFixed(4)],
    ["Reranker", rerank === undefined ? "not read" : rerank.toFixed(2)],
    ["Passage", `number ${chunk + 1}, bytes ${source[0]} to ${source[1]}`],
  ];
  return h(
    "div",
    { class: "reasons" },
    h("dl", {}, ...rows.flatMap(([term = "", value = ""]) => [h("dt", {}, term), h("dd", {}, value)])),
    sparse && sparse.terms.length > 0 && termTable(sparse.terms),
  );
}

/** @param {{ term: string, tf: number, df: number, idf: number, score: number }[]} terms */
const termTable = (terms) =>
  h(
    "table",
    {},
    h("caption", { class: "hidden" }, "What each word of the question gave"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ...["stem", "times here", "passages with it", "score"].map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    h(
      "tbody",
      {},
      ...terms.map(({ term, tf, df, score }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, term),
          h("td", {}, String(Math.round(tf * 10) / 10)),
          h("td", {}, String(df)),
          h("td", {}, score.toFixed(2)),
        ),
      ),
    ),
  );
