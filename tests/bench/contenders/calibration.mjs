// The bare int8 kernel of this machine, beside which every figure stands.
import { calibrate } from "../../eval/calibrate.mjs";
import { answer } from "./answer.mjs";

answer({ measure: () => calibrate("relaxed-simd") });
