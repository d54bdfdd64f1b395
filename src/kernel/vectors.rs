//! Distances for vector search: one pair at a time, and one query against many rows at once (`*_rows`), which is
//! what scans should call. Rows are contiguous, row-major, each as long as the query.
//!
//! Lengths are the caller's to keep: on unequal ones the common prefix counts (a debug build panics).

use super::scalar;

/// Inner product of two int8 vectors; exact for up to 131,072 dimensions.
pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    scalar::dot_i8(a, b)
}

/// Inner product in f32. The order of summation differs between targets, and so do the last bits.
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    scalar::dot_f32(a, b)
}

/// Squared Euclidean distance in f32.
pub fn l2_squared_f32(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    scalar::l2_squared_f32(a, b)
}

/// Inner product of an f32 query with a row of half-precision bits; infinities and NaN in the row are not supported.
pub fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    debug_assert_eq!(query.len(), row.len());
    scalar::dot_f16(query, row)
}

/// Number of differing bits.
pub fn hamming(a: &[u64], b: &[u64]) -> u32 {
    debug_assert_eq!(a.len(), b.len());
    scalar::hamming(a, b)
}

/// `out[i]` = inner product of `query` with row `i` of `rows` `[out.len(), query.len()]`.
pub fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
    each_row(query.len(), rows, out, |row| dot_i8(query, row));
}

/// As [`dot_i8_rows`], in f32.
pub fn dot_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    each_row(query.len(), rows, out, |row| dot_f32(query, row));
}

/// As [`l2_squared_f32`] over many rows.
pub fn l2_squared_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    each_row(query.len(), rows, out, |row| l2_squared_f32(query, row));
}

/// As [`dot_f16`] over many rows.
pub fn dot_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
    each_row(query.len(), rows, out, |row| dot_f16(query, row));
}

/// As [`hamming`] over many rows.
pub fn hamming_rows(query: &[u64], rows: &[u64], out: &mut [u32]) {
    each_row(query.len(), rows, out, |row| hamming(query, row));
}

fn each_row<T, R>(width: usize, rows: &[T], out: &mut [R], measure: impl Fn(&[T]) -> R) {
    debug_assert_eq!(rows.len(), out.len() * width);
    for (row, slot) in rows.chunks_exact(width.max(1)).zip(out) {
        *slot = measure(row);
    }
}
