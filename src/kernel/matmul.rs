//! int8 matrix product with its float epilogue, and the row operations around it. Written once over the tile and
//! the float vocabulary of an instruction set.

use super::lanes::Lanes;
use super::math;
use super::packed::{Activations, Output, Packed, Step, PANEL};
use super::tile::Integers;
use std::ops::Range;

/// What happens to the numbers that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    Replace,
    /// The residual connection.
    Add,
}

/// `out[r] = dequantised activations[rows.start + r] * weights + bias`, `[rows.len(), weights.outputs()]`.
#[inline(always)]
pub fn multiply<T: Integers, L: Lanes>(
    activations: &Activations,
    rows: Range<usize>,
    weights: &Packed,
    combine: Combine,
    out: &mut [f32],
) {
    let mut product = Product { activations, first: rows.start, width: weights.outputs(), combine, out };
    let count = rows.len();
    for (index, (panel, output)) in weights.panels().enumerate() {
        let mut at = 0;
        // The first loop does all but the remainder; of the others, those for more rows than a tile has vanish.
        macro_rules! tiles_of {
            ($($n:literal),*) => {$(
                while T::ROWS >= $n && count - at >= $n {
                    product.tile::<T, L, $n>(at, index, panel, output);
                    at += $n;
                }
            )*};
        }
        tiles_of!(8, 5, 4, 3, 2, 1);
    }
}

struct Product<'a> {
    activations: &'a Activations,
    /// Row of `activations` that becomes row 0 of `out`.
    first: usize,
    width: usize,
    combine: Combine,
    out: &'a mut [f32],
}

impl Product<'_> {
    #[inline(always)]
    fn tile<T: Integers, L: Lanes, const R: usize>(
        &mut self,
        at: usize,
        index: usize,
        panel: &[Step],
        output: &Output,
    ) {
        let rows = std::array::from_fn(|r| self.activations.row(self.first + at + r));
        let sums = T::dot::<R>(rows, panel);
        for (r, sums) in sums.iter().enumerate() {
            let affine = self.activations.affine(self.first + at + r);
            let (scale, offset) = (L::splat(affine.scale), L::splat(affine.offset));
            let out = &mut self.out[(at + r) * self.width + index * PANEL..][..PANEL];
            for i in (0..PANEL).step_by(L::N) {
                let shift = offset.mul_add(L::load(&output.reach[i..]), L::load(&output.bias[i..]));
                let value = scale.mul(L::load(&output.scale[i..])).mul_add(L::load_i32(&sums[i..]), shift);
                match self.combine {
                    Combine::Replace => value.store(&mut out[i..]),
                    Combine::Add => value.add(L::load(&out[i..])).store(&mut out[i..]),
                }
            }
        }
    }
}

/// Weights of a layer normalisation over the first `width` elements of a row; padded with zeros.
#[derive(Debug)]
pub struct Norm {
    pub width: usize,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub eps: f32,
}

/// Normalises each row of `values` in place and quantises it to `activations[first..]`.
#[inline(always)]
pub fn norm_rows<L: Lanes>(values: &mut [f32], norm: &Norm, activations: &mut Activations, first: usize) {
    let width = activations.width();
    for (r, row) in values.chunks_exact_mut(width).enumerate() {
        math::layer_norm::<L>(row, norm.width, &norm.weight, &norm.bias, norm.eps);
        let (codes, affine) = activations.row_mut(first + r);
        *affine = math::quantise::<L>(row, codes);
    }
}

/// Applies GELU to each row of `values` in place and quantises it to `activations`, from row 0.
#[inline(always)]
pub fn gelu_rows<L: Lanes>(values: &mut [f32], activations: &mut Activations) {
    let width = activations.width();
    for (r, row) in values.chunks_exact_mut(width).enumerate() {
        math::gelu_row::<L>(row);
        let (codes, affine) = activations.row_mut(r);
        *affine = math::quantise::<L>(row, codes);
    }
}

/// Quantises each row of `values` to `activations`, from row 0.
#[inline(always)]
pub fn quantise_rows<L: Lanes>(values: &[f32], activations: &mut Activations) {
    let width = activations.width();
    for (r, row) in values.chunks_exact(width).enumerate() {
        let (codes, affine) = activations.row_mut(r);
        *affine = math::quantise::<L>(row, codes);
    }
}
