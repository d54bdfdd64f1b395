// How fast this computer is, apart from everything that Nearfield decides: the bare int8 kernel, in Gop/s. Latencies of
// two machines can be compared by the ratio of their calibration figures.
import init, { calibrate as multiply } from "/bindgen/nearfield.js";

/** @param build "simd128" or "relaxed-simd", as `stats()` names it. */
export async function calibrate(build) {
  await init({ module_or_path: build === "relaxed-simd" ? "/pkg/nearfield-relaxed.wasm" : "/pkg/nearfield.wasm" });
  let best = 0;
  multiply(1);
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    let operations = 0;
    while (performance.now() - start < 100) operations += multiply(20);
    best = Math.max(best, operations / (performance.now() - start) / 1e6);
  }
  return best;
}
