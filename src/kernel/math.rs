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

/// Folds a row in four chains, so that one step need not wait for the one before, and joins those.
#[inline(always)]
fn fold<L: Lanes>(row: &[f32], start: L, step: impl Fn(L, L) -> L, join: impl Fn(L, L) -> L) -> L {
    let mut chains = [start; 4];
    for chunk in row.chunks_exact(ROW) {
        for v in 0..ROW / L::N {
            chains[v] = step(chains[v], L::load(&chunk[v * L::N..]));
        }
    }
    join(join(chains[0], chains[1]), join(chains[2], chains[3]))
}

/// Replaces `row` by e^(row - max row) and returns the sum over it: softmax without the division, which the caller
/// applies to something shorter. Padding must be `f32::MIN`: it contributes nothing.
#[inline(always)]
pub fn softmax_unscaled<L: Lanes>(row: &mut [f32]) -> f32 {
    let greatest = L::splat(fold(row, L::splat(f32::MIN), L::max, L::max).greatest());
    let mut sum = L::splat(0.0);
    for chunk in row.chunks_exact_mut(L::N) {
        let e = exp(L::load(chunk).sub(greatest));
        e.store(chunk);
        sum = sum.add(e);
    }
    sum.sum()
}

/// Least and greatest of the numbers shown to it, in a few chains as in [`fold`].
pub struct Extent<L> {
    least: [L; 4],
    greatest: [L; 4],
}

impl<L: Lanes> Extent<L> {
    #[inline(always)]
    fn new() -> Self {
        Extent { least: [L::splat(f32::MAX); 4], greatest: [L::splat(f32::MIN); 4] }
    }

    #[inline(always)]
    pub fn of(row: &[f32]) -> Self {
        let mut extent = Extent::new();
        for chunk in row.chunks_exact(ROW) {
            for v in 0..ROW / L::N {
                extent.include(v, L::load(&chunk[v * L::N..]));
            }
        }
        extent
    }

    #[inline(always)]
    fn include(&mut self, chain: usize, x: L) {
        self.least[chain] = self.least[chain].min(x);
        self.greatest[chain] = self.greatest[chain].max(x);
    }

    #[inline(always)]
    fn ends(&self) -> (f32, f32) {
        let [a, b, c, d] = self.least;
        let [e, f, g, h] = self.greatest;
        (a.min(b).min(c.min(d)).least(), e.max(f).max(g.max(h)).greatest())
    }
}

/// Normalises the first `width` elements of `row` to mean 0 and variance 1, then scales and shifts each; padding
/// becomes 0. `row`, `weight` and `bias` are equally long; padding in all three must be 0.
#[inline(always)]
pub fn layer_norm<L: Lanes>(row: &mut [f32], width: usize, weight: &[f32], bias: &[f32], eps: f32) -> Extent<L> {
    let mean = fold(row, L::splat(0.0), L::add, L::add).sum() / width as f32;
    let deviate = |sum: L, x: L| {
        let d = x.sub(L::splat(mean));
        d.mul_add(d, sum)
    };
    // Padding is left out: taking its share off again would cancel digits where the mean is far from 0.
    let (whole, rest) = row[..width].split_at(width / ROW * ROW);
    let squares = fold(whole, L::splat(0.0), deviate, L::add).sum();
    let squares = rest.iter().fold(squares, |sum, x| sum + (x - mean) * (x - mean));
    let variance = squares / width as f32;
    let scale = L::splat(1.0 / (variance + eps).sqrt());
    let mut extent = Extent::new();
    let parts = row.chunks_exact_mut(ROW).zip(weight.chunks_exact(ROW)).zip(bias.chunks_exact(ROW));
    for ((x, w), b) in parts {
        for v in 0..ROW / L::N {
            let at = v * L::N;
            let d = L::load(&x[at..]).sub(L::splat(mean)).mul(scale);
            let y = d.mul_add(L::load(&w[at..]), L::load(&b[at..]));
            y.store(&mut x[at..]);
            extent.include(v, y);
        }
    }
    extent
}

/// GELU of every element.
#[inline(always)]
pub fn gelu_row<L: Lanes>(row: &mut [f32]) -> Extent<L> {
    let mut extent = Extent::new();
    for chunk in row.chunks_exact_mut(ROW) {
        for v in 0..ROW / L::N {
            let y = gelu(L::load(&chunk[v * L::N..]));
            y.store(&mut chunk[v * L::N..]);
            extent.include(v, y);
        }
    }
    extent
}

/// How a row of activations is stored: `value = code * scale + offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Affine {
    pub scale: f32,
    pub offset: f32,
}

/// Quantises `row` to codes in 0..=127, spread over exactly its extent; padding counts, so it must be a number in
/// that range, or 0. `codes` is as long as `row`.
#[inline(always)]
pub fn quantise<L: Lanes>(row: &[f32], extent: Extent<L>, codes: &mut [Code]) -> Affine {
    let (offset, end) = extent.ends();
    let scale = (end - offset) / MAX_LEVEL;
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
