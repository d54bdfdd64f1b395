// A query against 50 passages: pairs of 128 tokens, as a cross-encoder reads them.
import { bestBatch, RERANKER, startNearfield, startOnnx, TOLERANCE } from "../inference.mjs";
import { version } from "../peers.mjs";
import { interleaved, largestDifference } from "../statistics.mjs";
import { ofWords } from "../texts.mjs";

const PAIRS = 50;
const TOKENS = 128;
const QUERY_WORDS = 8;

export async function reranking(bench) {
  const [query] = ofWords(1, QUERY_WORDS, 2);
  const texts = ofWords(PAIRS, TOKENS - QUERY_WORDS - 3, 3);
  const job = { query, texts, max: RERANKER.max };
  const peer = `onnxruntime-web@${await version("onnxruntime-web")}`;
  bench.heading(`Reranking ${PAIRS} pairs of ${TOKENS} tokens with ${RERANKER.name}; the peer computes in ${RERANKER.arithmetic}`);
  await bench.lab.with(["nearfield-model", "onnxruntime", "onnxruntime", "nearfield-package"], async (ours, one, two, pool) => {
    await startNearfield(ours, RERANKER.name);
    await startOnnx(one, RERANKER, 1);
    await startOnnx(two, RERANKER, 2);
    const mine = await ours.call("prepare", job);
    const theirs = await one.call("prepare", job);
    await two.call("prepare", job);
    await pool.call("prepare", { query, texts, model: RERANKER.name, workers: 2 });
    if (mine.tokens !== theirs.tokens || mine.tokens !== PAIRS * TOKENS) {
      throw new Error(`reranking: we read ${mine.tokens} tokens, the peer ${theirs.tokens}, meant were ${PAIRS * TOKENS}`);
    }
    const difference = largestDifference(mine.rows, theirs.rows);
    if (!(difference <= TOLERANCE)) throw new Error(`reranking: our scores and the peer's differ by ${difference}`);

    const best = { one: await bestBatch(one, PAIRS), two: await bestBatch(two, PAIRS) };
    const values = await interleaved(bench.rounds, {
      ours: () => ours.call("run", {}),
      one: () => one.call("run", { batch: best.one }),
      two: () => two.call("run", { batch: best.two }),
      pool: () => pool.call("run", {}),
    });
    const figure = { unit: "ms", better: "lower" };
    const name = `reranking, ${PAIRS} pairs of ${TOKENS} tokens`;
    await bench.record({
      ...figure,
      name: `${name}, one core`,
      ours: values.ours,
      peers: { [`${peer}, 1 thread`]: values.one },
      note: `the peer in ${RERANKER.arithmetic}, without tokenising, batches of ${best.one}`,
    });
    await bench.record({
      ...figure,
      name: `${name}, two cores`,
      ours: values.pool,
      peers: { [`${peer}, 2 threads`]: values.two },
      note: `ours through rerank() with two workers; the peer without tokenising, batches of ${best.two}`,
    });
  });
  await stages(bench, query, texts);
}

/** What somebody sees who searches: the first reranked hits, then all of them. */
async function stages(bench, query, texts) {
  await bench.lab.with(["nearfield-collection"], async (ours) => {
    const documents = texts.map((text, i) => ({ id: String(i), text: `${query} ${text}` }));
    await ours.call("open", ["bench-stages", { storage: "memory", reranker: RERANKER.name, workers: 2, chunk: { strategy: "none" } }]);
    await ours.call("add", [documents]);
    const search = () => ours.call("stages", [query, { k: PAIRS, rerank: { top: PAIRS } }]);
    await search();
    const { rounds } = await interleaved(bench.rounds, { rounds: search });
    const reranked = rounds.map((times) => times.filter(({ stage }) => stage === "reranked"));
    const figure = { unit: "ms", better: "lower", note: "two workers, model loaded" };
    const name = `search of ${PAIRS} passages of ${TOKENS} tokens`;
    await bench.record({ ...figure, name: `${name}, first reranked hits`, ours: reranked.map((times) => times[0].ms) });
    await bench.record({ ...figure, name: `${name}, all reranked`, ours: reranked.map((times) => times.at(-1).ms) });
  });
}
