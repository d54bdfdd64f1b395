//! Distances for vector search: one pair at a time, and one query against many rows at once (`*_rows`), which is
//! what scans should call. Rows are contiguous, row-major, each as long as the query.
//!
//! Lengths are the caller's to keep: on unequal ones the common prefix counts (a debug build panics).

use super::dispatch::vectorised;
use super::lanes::{f16_to_f32, Lanes};
use super::scalar;
use super::tile::Integers;

vectorised! {
    /// Inner product of two int8 vectors; exact for up to 131,072 dimensions.
    pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        one_i8::<T>(a, b)
    }
}

vectorised! {
    /// Inner product in f32. The order of summation differs between targets, and so do the last bits.
    pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
        reduce::<L, f32>(a, b, L::load, |b| b, multiply_add::<L>, |x, y| x * y)
    }
}

vectorised! {
    /// Squared Euclidean distance in f32.
    pub fn l2_squared_f32(a: &[f32], b: &[f32]) -> f32 {
        reduce::<L, f32>(a, b, L::load, |b| b, square_add::<L>, |x, y| (x - y) * (x - y))
    }
}

vectorised! {
    /// Inner product of an f32 query with a row of half-precision bits; infinities and NaN in the row are not
    /// supported.
    pub fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
        reduce::<L, u16>(query, row, L::load_f16, f16_to_f32, multiply_add::<L>, |x, y| x * y)
    }
}

vectorised! {
    /// Number of differing bits.
    pub fn hamming(a: &[u64], b: &[u64]) -> u32 {
        differing_bits(a, b)
    }
}

vectorised! {
    /// `out[i]` = inner product of `query` with row `i` of `rows` `[out.len(), query.len()]`.
    pub fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
        rows_i8::<T>(query, rows, out)
    }
}

vectorised! {
    /// As [`dot_i8_rows`], in f32.
    pub fn dot_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
        each_row(query.len(), rows, out, |row| {
            reduce::<L, f32>(query, row, L::load, |b| b, multiply_add::<L>, |x, y| x * y)
        })
    }
}

vectorised! {
    /// As [`l2_squared_f32`] over many rows.
    pub fn l2_squared_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
        each_row(query.len(), rows, out, |row| {
            reduce::<L, f32>(query, row, L::load, |b| b, square_add::<L>, |x, y| (x - y) * (x - y))
        })
    }
}

vectorised! {
    /// As [`dot_f16`] over many rows.
    pub fn dot_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
        each_row(query.len(), rows, out, |row| {
            reduce::<L, u16>(query, row, L::load_f16, f16_to_f32, multiply_add::<L>, |x, y| x * y)
        })
    }
}

vectorised! {
    /// As [`hamming`] over many rows.
    pub fn hamming_rows(query: &[u64], rows: &[u64], out: &mut [u32]) {
        each_row(query.len(), rows, out, |row| differing_bits(query, row))
    }
}

/// Sums up `step` over two vectors, in four chains so that additions overlap; `last` does the elements that are
/// left over from whole registers.
#[inline(always)]
fn reduce<L: Lanes, B: Copy>(
    a: &[f32],
    b: &[B],
    load: impl Fn(&[B]) -> L,
    number: impl Fn(B) -> f32,
    step: impl Fn(L, L, L) -> L,
    last: impl Fn(f32, f32) -> f32,
) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let mut sums = [L::splat(0.0); 4];
    let (wide_a, wide_b) = (a.chunks_exact(4 * L::N), b.chunks_exact(4 * L::N));
    let (narrow_a, narrow_b) = (wide_a.remainder().chunks_exact(L::N), wide_b.remainder().chunks_exact(L::N));
    let rest: f32 = narrow_a.remainder().iter().zip(narrow_b.remainder()).map(|(&x, &y)| last(x, number(y))).sum();
    for (a, b) in wide_a.zip(wide_b) {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = step(L::load(&a[i * L::N..]), load(&b[i * L::N..]), *sum);
        }
    }
    for (a, b) in narrow_a.zip(narrow_b) {
        sums[0] = step(L::load(a), load(b), sums[0]);
    }
    sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum() + rest
}

#[inline(always)]
fn multiply_add<L: Lanes>(a: L, b: L, sum: L) -> L {
    a.mul_add(b, sum)
}

#[inline(always)]
fn square_add<L: Lanes>(a: L, b: L, sum: L) -> L {
    let d = a.sub(b);
    d.mul_add(d, sum)
}

#[inline(always)]
fn differing_bits(a: &[u64], b: &[u64]) -> u32 {
    debug_assert_eq!(a.len(), b.len());
    scalar::hamming(a, b)
}

#[inline(always)]
fn one_i8<T: Integers>(a: &[i8], b: &[i8]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let len = a.len().min(b.len());
    T::dot_i8(&a[..len], [&b[..len]])[0]
}

/// Four rows at a time, so that the query is loaded and prepared once for them.
#[inline(always)]
fn rows_i8<T: Integers>(query: &[i8], rows: &[i8], out: &mut [i32]) {
    let width = query.len();
    debug_assert_eq!(rows.len(), out.len() * width);
    if width == 0 || query.contains(&i8::MIN) {
        return each_row(width, rows, out, |row| T::dot_i8(query, [row])[0]);
    }
    let (fours, rest) = out.as_chunks_mut::<4>();
    let (whole, last) = rows.split_at(rows.len().min(fours.len() * 4 * width));
    for (out, rows) in fours.iter_mut().zip(whole.chunks_exact(4 * width)) {
        let (left, right) = rows.split_at(2 * width);
        let ((a, b), (c, d)) = (left.split_at(width), right.split_at(width));
        *out = T::dot_symmetric_i8(query, [a, b, c, d]);
    }
    each_row(width, last, rest, |row| T::dot_i8(query, [row])[0]);
}

#[inline(always)]
fn each_row<E, R: Default + Clone>(width: usize, rows: &[E], out: &mut [R], measure: impl Fn(&[E]) -> R) {
    debug_assert_eq!(rows.len(), out.len() * width);
    if width == 0 {
        return out.fill(R::default());
    }
    for (row, slot) in rows.chunks_exact(width).zip(out) {
        *slot = measure(row);
    }
}
