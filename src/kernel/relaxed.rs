//! WebAssembly relaxed SIMD: the integer tile on the dot-product instruction of the processor.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add` may treat the top bit of its second operand as a sign or not, and may
//! saturate pairs of products in 16 bits or not. Codes are at most 127 and weights at least -127, so the top bit is
//! never set and two products (at most 32,258) never saturate: every browser computes the same integers.

use super::lanes::Code;
use super::packed::{Step, DEPTH, PANEL};
use super::tile::Integers;
use std::arch::wasm32::*;

pub struct Relaxed;

impl Integers for Relaxed {
    type Floats = v128;

    // 3 x 12: 9 sums, 3 weights and 3 codes are the 15 registers that V8 has to give. With fewer sums than that they
    // wait for each other; with more, or in another shape of 9 to 12, registers are spilled.
    const ROWS: usize = 3;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[v128; 4]; R] {
        let mut sums = [[i32x4_splat(0); 4]; R];
        let rows = rows.map(|row| &row[..panel.len() * DEPTH]);
        for (i, step) in panel.iter().enumerate() {
            for v in 0..PANEL / 4 {
                // SAFETY: a step is PANEL / 4 registers, and loads need no alignment.
                let weights = unsafe { v128_load(step.0.as_ptr().cast::<v128>().add(v)) };
                for (row, sums) in rows.iter().zip(&mut sums) {
                    // SAFETY: each row has DEPTH codes of one byte for each step, as sliced above.
                    let codes = unsafe { v128_load32_splat(row.as_ptr().cast::<u32>().add(i)) };
                    sums[v] = i32x4_relaxed_dot_i8x16_i7x16_add(weights, codes, sums[v]);
                }
            }
        }
        sums.map(|sums| sums.map(|sum| f32x4_convert_i32x4(sum)))
    }

    #[inline(always)]
    fn dot_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        super::simd128::dot_i8(query, rows)
    }

    /// A signed query is the difference of two that are not negative, `q = max(q, 0) - max(-q, 0)`, and each part is
    /// a seven-bit operand.
    #[inline(always)]
    fn dot_symmetric_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        let (mut above, mut below) = ([i32x4_splat(0); R], [i32x4_splat(0); R]);
        let whole = query.len() / 16 * 16;
        for at in (0..whole).step_by(16) {
            let q = super::simd128::load_i8x16(&query[at..]);
            let (positive, negative) = (i8x16_max(q, i8x16_splat(0)), i8x16_max(i8x16_neg(q), i8x16_splat(0)));
            for r in 0..R {
                let row = super::simd128::load_i8x16(&rows[r][at..]);
                above[r] = i32x4_relaxed_dot_i8x16_i7x16_add(row, positive, above[r]);
                below[r] = i32x4_relaxed_dot_i8x16_i7x16_add(row, negative, below[r]);
            }
        }
        let mut sums = [0; R];
        for (r, sum) in sums.iter_mut().enumerate() {
            let rest = super::scalar::dot_i8(&query[whole..], &rows[r][whole..]);
            *sum = super::simd128::sum_i32(i32x4_sub(above[r], below[r])) + rest;
        }
        sums
    }
}
