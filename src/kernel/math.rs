//! Elementwise and row-wise float kernels, written once over [`Lanes`]: exponential, GELU, softmax, layer
//! normalisation and the quantisation of activations. Rows are padded to a multiple of [`ROW`] elements by the
//! callers, so no kernel here has a remainder loop.

use super::lanes::{Code, Lanes, ROW, WHOLE};

/// Largest activation code: seven bits, because the relaxed-SIMD dot product is only exact for those.
pub const MAX_LEVEL: f32 = 127.0;

/// e^x for x <= 0, within 2e-6 relative near 0 and 1e-5 at -60; everything below -86 gives about 4e-38.
///
/// 2^(n + f) with n whole and |f| <= 1/2; 2^f is a polynomial of degree 5, fitted for the least greatest relative
/// error (7.5e-8).
#[inline(always)]
pub fn exp<L: Lanes>(x: L) -> L {
    let t = x.max(L::splat(-86.0)).mul(L::splat(std::f32::consts::LOG2_E));
    let biased = t.add(L::splat(WHOLE));
    let f = t.sub(biased.sub(L::splat(WHOLE)));
    const POWER: [f32; 6] = [0.001_327_646, 0.009_675_541, 0.055_507_135, 0.240_221_2, 0.693_146_94, 1.000_000_1];
    horner(&POWER, f).scale_by_power(biased)
}

/// x * Phi(x), Phi the normal distribution function: GELU as BERT defines it, by erf. Absolute error below 4e-6, or
/// relative error below 4e-7, whichever is greater.
///
/// Phi(x) - 1/2 = x P(x^2) / Q(x^2) on |x| <= 5, fitted for the least greatest error of x * Phi(x); beyond, Phi is
/// 0 or 1 to within 3e-7.
#[inline(always)]
pub fn gelu<L: Lanes>(x: L) -> L {
    const P: [f32; 5] = [-1.011_560_3e-7, 4.881_796e-5, 0.004_202_22, 0.028_000_2, 0.398_964_67];
    const Q: [f32; 4] = [0.001_409_563_1, 0.024_857_871, 0.237_025_25, 1.0];
    let x = x.max(L::splat(-5.0));
    let t = x.min(L::splat(5.0));
    let u = t.mul(t);
    let tail = t.mul(horner(&P, u)).div(horner(&Q, u));
    x.mul(tail.add(L::splat(0.5)))
}

/// A polynomial, the coefficient of the highest power first.
#[inline(always)]
fn horner<L: Lanes, const N: usize>(coefficients: &[f32; N], x: L) -> L {
    let mut sum = L::splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, L::splat(coefficient));
    }
    sum
}

/// Replaces `row` by e^(row - max row) and returns the sum over it: softmax without the division, which the caller
/// applies to something shorter. Padding must be `f32::MIN`: it contributes nothing.
#[inline(always)]
pub fn softmax_unscaled<L: Lanes>(row: &mut [f32]) -> f32 {
    let mut greatest = L::splat(f32::MIN);
    for chunk in row.chunks_exact(L::N) {
        greatest = greatest.max(L::load(chunk));
    }
    let greatest = L::splat(greatest.greatest());
    let mut sum = L::splat(0.0);
    for chunk in row.chunks_exact_mut(L::N) {
        let e = exp(L::load(chunk).sub(greatest));
        e.store(chunk);
        sum = sum.add(e);
    }
    sum.sum()
}

/// Normalises the first `width` elements of `row` to mean 0 and variance 1, then scales and shifts each; padding
/// becomes 0. `row`, `weight` and `bias` are equally long; padding in all three must be 0.
#[inline(always)]
pub fn layer_norm<L: Lanes>(row: &mut [f32], width: usize, weight: &[f32], bias: &[f32], eps: f32) {
    let mut sum = L::splat(0.0);
    for chunk in row.chunks_exact(L::N) {
        sum = sum.add(L::load(chunk));
    }
    let mean = sum.sum() / width as f32;
    let mut squares = L::splat(0.0);
    for chunk in row.chunks_exact(L::N) {
        let d = L::load(chunk).sub(L::splat(mean));
        squares = d.mul_add(d, squares);
    }
    // Each element of the padding has put mean^2 into the sum.
    let padding = (row.len() - width) as f32 * mean * mean;
    let variance = ((squares.sum() - padding) / width as f32).max(0.0);
    let scale = L::splat(1.0 / (variance + eps).sqrt());
    let parts = row.chunks_exact_mut(L::N).zip(weight.chunks_exact(L::N)).zip(bias.chunks_exact(L::N));
    for ((x, w), b) in parts {
        let d = L::load(x).sub(L::splat(mean)).mul(scale);
        d.mul_add(L::load(w), L::load(b)).store(x);
    }
}

/// GELU of every element.
#[inline(always)]
pub fn gelu_row<L: Lanes>(row: &mut [f32]) {
    for chunk in row.chunks_exact_mut(L::N) {
        gelu(L::load(chunk)).store(chunk);
    }
}

/// How a row of activations is stored: `value = code * scale + offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Affine {
    pub scale: f32,
    pub offset: f32,
}

/// Quantises `row` to codes in 0..=127, spread over exactly its range; padding counts, so it must be a number in
/// that range, or 0. `codes` is as long as `row`.
#[inline(always)]
pub fn quantise<L: Lanes>(row: &[f32], codes: &mut [Code]) -> Affine {
    let (mut least, mut greatest) = (L::splat(f32::MAX), L::splat(f32::MIN));
    for chunk in row.chunks_exact(L::N) {
        let x = L::load(chunk);
        least = least.min(x);
        greatest = greatest.max(x);
    }
    let offset = least.least();
    let scale = (greatest.greatest() - offset) / MAX_LEVEL;
    // A constant row is all offset. So is one whose range is too small for its inverse to be a number.
    let inverse = if scale.is_normal() { 1.0 / scale } else { 0.0 };
    for (chunk, codes) in row.chunks_exact(ROW).zip(codes.chunks_exact_mut(ROW)) {
        let biased = |i: usize| {
            let level = L::load(&chunk[i * L::N..]).sub(L::splat(offset));
            level.mul_add(L::splat(inverse), L::splat(WHOLE))
        };
        L::store_codes(biased, codes);
    }
    Affine { scale, offset }
}
