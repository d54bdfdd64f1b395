//! int8 matrix product with its float epilogue, and the row operations around it. Written once over the tile and
//! the float vocabulary of an instruction set.

use super::lanes::Lanes;
use super::math::{self, Affine};
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
pub fn multiply<T: Integers>(
    activations: &Activations,
    rows: Range<usize>,
    weights: &Packed,
    combine: Combine,
    out: &mut [f32],
) {
    for (index, panel) in weights.panels().enumerate() {
        let column = index * PANEL;
        let mut at = 0;
        // The first loop does all but the remainder; of the others, those for more rows than a tile has vanish.
        macro_rules! tiles_of {
            ($($n:literal),*) => {$(
                while T::ROWS >= $n && rows.len() - at >= $n {
                    let block = Block { activations, first: rows.start + at, width: weights.outputs(), column };
                    match combine {
                        Combine::Replace => block.multiply::<T, $n, false>(panel, &mut out[at * block.width..]),
                        Combine::Add => block.multiply::<T, $n, true>(panel, &mut out[at * block.width..]),
                    }
                    at += $n;
                }
            )*};
        }
        tiles_of!(8, 4, 3, 2, 1);
    }
}

/// The rows and columns of one tile.
#[derive(Clone, Copy)]
struct Block<'a> {
    activations: &'a Activations,
    /// First row, in `activations`.
    first: usize,
    /// Numbers in a row of the output.
    width: usize,
    /// First column, in the output.
    column: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn multiply<T: Integers, const R: usize, const ADD: bool>(
        self,
        (panel, output): (&[Step], &Output),
        out: &mut [f32],
    ) {
        let sums = T::dot::<R>(std::array::from_fn(|r| self.activations.row(self.first + r)), panel);
        // The last panel may reach beyond the padded outputs.
        let used = PANEL.min(self.width - self.column);
        // Spelt out: compilers leave a loop here and take the sums through memory.
        macro_rules! rows {
            ($($r:literal),*) => {$(
                if $r < R {
                    let out = &mut out[$r * self.width + self.column..][..used];
                    finish::<_, ADD>(sums[$r], self.activations.affine(self.first + $r), output, out);
                }
            )*};
        }
        rows!(0, 1, 2, 3, 4, 5, 6, 7);
    }
}

/// The epilogue: integer sums of one row and panel become numbers.
#[inline(always)]
fn finish<L: Lanes, const ADD: bool>(sums: [L; 4], affine: Affine, output: &Output, out: &mut [f32]) {
    let (scale, offset) = (L::splat(affine.scale), L::splat(affine.offset));
    for (i, (sum, out)) in sums.iter().zip(out.chunks_exact_mut(L::N)).enumerate() {
        let at = i * L::N;
        let shift = offset.mul_add(L::load(&output.reach[at..]), L::load(&output.bias[at..]));
        let value = scale.mul(L::load(&output.scale[at..])).mul_add(*sum, shift);
        let value = if ADD { value.add(L::load(out)) } else { value };
        value.store(out);
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
        let extent = math::layer_norm::<L>(row, norm.width, &norm.weight, &norm.bias, norm.eps);
        let (codes, affine) = activations.row_mut(first + r);
        *affine = math::quantise(row, extent, codes);
    }
}

/// Applies GELU to each row of `values` in place and quantises it to `activations`, from row 0.
#[inline(always)]
pub fn gelu_rows<L: Lanes>(values: &mut [f32], activations: &mut Activations) {
    let width = activations.width();
    for (r, row) in values.chunks_exact_mut(width).enumerate() {
        let extent = math::gelu_row::<L>(row);
        let (codes, affine) = activations.row_mut(r);
        *affine = math::quantise(row, extent, codes);
    }
}

/// Quantises each row of `values` to `activations`, from row 0.
#[inline(always)]
pub fn quantise_rows<L: Lanes>(values: &[f32], activations: &mut Activations) {
    let width = activations.width();
    for (r, row) in values.chunks_exact(width).enumerate() {
        let (codes, affine) = activations.row_mut(r);
        *affine = math::quantise(row, math::Extent::<L>::of(row), codes);
    }
}
