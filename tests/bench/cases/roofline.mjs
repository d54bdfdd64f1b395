// How much of the bare kernel's speed a whole forward pass keeps: tokenising, attention, normalisation and pooling
// included in its time, and of its work only what is multiplied.
import { MODELS, startNearfield } from "../inference.mjs";
import { interleaved } from "../statistics.mjs";
import { ofTokens } from "../texts.mjs";

const BATCH = 32;
const TOKENS = 128;

/** Multiplications and additions of one pass over `count` texts of `tokens` tokens, for a BERT of this shape. */
export function operations({ layers, dims }, count, tokens) {
  const matrices = 2 * (4 * dims * dims + 2 * dims * 4 * dims);
  const attention = 4 * tokens * dims;
  return layers * (matrices + attention) * count * tokens;
}

export async function roofline(bench) {
  bench.heading(`Roofline: ${BATCH} x ${TOKENS} tokens, one worker`);
  for (const { name } of MODELS) {
    await bench.lab.with(["nearfield-model", "calibration"], async (ours, kernel) => {
      const info = await startNearfield(ours, name);
      await ours.call("prepare", { texts: ofTokens(BATCH, TOKENS) });
      const work = operations(info, BATCH, TOKENS);
      const values = await interleaved(bench.rounds, {
        ours: async () => work / (await ours.call("run", { atLeast: 300 })) / 1e6,
        kernel: () => kernel.call("measure"),
      });
      await bench.record({
        name: `roofline, ${name}, whole forward pass`,
        unit: "Gop/s",
        better: "higher",
        ours: values.ours,
        peers: { "nearfield, bare int8 kernel": values.kernel },
      });
    });
  }
}
