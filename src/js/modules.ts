// Where the modules of the full build are. Written out so that bundlers find each file.

/** One for every browser with simd128, and one that also uses relaxed SIMD. */
export const moduleUrl = (relaxed: boolean): URL =>
  relaxed ? new URL("./nearfield-relaxed.wasm", import.meta.url) : new URL("./nearfield.wasm", import.meta.url);

/** The relaxed instructions speed up models, which only the full build has. */
export const HAS_RELAXED = true;
