// Most bytes of what a server sends, so that no more is read into memory. The first four are those of src/limits.rs, where
// they are held against what arrived.

/** config.json and the small files beside it. */
export const CONFIG_BYTES = 4 << 20;
/** tokenizer.json. */
export const TOKENIZER_BYTES = 64 << 20;
/** Weights. */
export const MODEL_BYTES = 2 ** 31;
/** Manifest of a published collection. */
export const MANIFEST_BYTES = 64 << 20;
/** A file of weights that is read in one piece: a dense head. */
export const HEAD_BYTES = 64 << 20;
/** A blob of a published collection that is read whole. */
export const BLOB_BYTES = 1 << 30;
