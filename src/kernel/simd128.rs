//! WebAssembly SIMD, 128 bits: the float vocabulary, and the integer tile for browsers without relaxed SIMD.

use super::lanes::{Code, Lanes, HALF_BIAS, ROW};
#[cfg(not(target_feature = "relaxed-simd"))]
use super::{
    packed::{Step, DEPTH},
    tile::Integers,
};
use std::arch::wasm32::*;

impl Lanes for v128 {
    const N: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..4];
        // SAFETY: the slice has four elements, and v128.load needs no alignment.
        unsafe { v128_load(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..4];
        // SAFETY: as in `load`.
        unsafe { v128_store(to.as_mut_ptr().cast(), self) }
    }

    #[inline(always)]
    fn load_f16(from: &[u16]) -> Self {
        let from = &from[..4];
        // SAFETY: the slice has eight bytes, and the load needs no alignment.
        let bits = unsafe { u32x4_load_extend_u16x4(from.as_ptr()) };
        let magnitude = i32x4_shl(v128_and(bits, i32x4_splat(0x7fff)), 13);
        let sign = i32x4_shl(v128_and(bits, i32x4_splat(0x8000)), 16);
        v128_or(f32x4_mul(magnitude, f32x4_splat(HALF_BIAS)), sign)
    }

    #[inline(always)]
    fn store_codes(biased: impl Fn(usize) -> Self, to: &mut [Code]) {
        let to = &mut to[..ROW];
        let low_bytes =
            |a: v128, b: v128| i8x16_shuffle::<0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28>(a, b);
        let (low, high) = (low_bytes(biased(0), biased(1)), low_bytes(biased(2), biased(3)));
        // SAFETY: the slice has ROW elements: 16 bytes, or 32 where a code is 16 bits wide.
        unsafe {
            if size_of::<Code>() == 1 {
                v128_store(to.as_mut_ptr().cast(), i64x2_shuffle::<0, 2>(low, high));
            } else {
                v128_store(to.as_mut_ptr().cast(), u16x8_extend_low_u8x16(low));
                v128_store(to[8..].as_mut_ptr().cast(), u16x8_extend_low_u8x16(high));
            }
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        f32x4_add(self, other)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        f32x4_sub(self, other)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        f32x4_mul(self, other)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        f32x4_div(self, other)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return f32x4_relaxed_madd(self, factor, addend);
        #[cfg(not(target_feature = "relaxed-simd"))]
        f32x4_add(f32x4_mul(self, factor), addend)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // "Pseudo-minimum": one instruction on every processor, since NaN and the sign of zero do not matter.
        f32x4_pmin(self, other)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        f32x4_pmax(self, other)
    }

    #[inline(always)]
    fn scale_by_power(self, biased: Self) -> Self {
        i32x4_add(self, i32x4_shl(biased, 23))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let pairs = f32x4_add(self, i32x4_shuffle::<2, 3, 0, 1>(self, self));
        f32x4_extract_lane::<0>(pairs) + f32x4_extract_lane::<1>(pairs)
    }

    #[inline(always)]
    fn least(self) -> f32 {
        let pairs = f32x4_pmin(self, i32x4_shuffle::<2, 3, 0, 1>(self, self));
        f32x4_extract_lane::<0>(pairs).min(f32x4_extract_lane::<1>(pairs))
    }

    #[inline(always)]
    fn greatest(self) -> f32 {
        let pairs = f32x4_pmax(self, i32x4_shuffle::<2, 3, 0, 1>(self, self));
        f32x4_extract_lane::<0>(pairs).max(f32x4_extract_lane::<1>(pairs))
    }
}

#[inline(always)]
pub fn sum_i32(register: v128) -> i32 {
    let pairs = i32x4_add(register, i32x4_shuffle::<2, 3, 0, 1>(register, register));
    i32x4_extract_lane::<0>(pairs) + i32x4_extract_lane::<1>(pairs)
}

/// The first sixteen of `from`.
#[inline(always)]
pub fn load_i8x16(from: &[i8]) -> v128 {
    let from = &from[..16];
    // SAFETY: the slice has sixteen bytes, and v128.load needs no alignment.
    unsafe { v128_load(from.as_ptr().cast()) }
}

/// [`Integers::dot_i8`](super::tile::Integers::dot_i8) on `i32x4.dot_i16x8`.
#[inline(always)]
pub fn dot_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
    let mut sums = [i32x4_splat(0); R];
    let whole = query.len() / 16 * 16;
    for at in (0..whole).step_by(16) {
        let q = load_i8x16(&query[at..]);
        let (low, high) = (i16x8_extend_low_i8x16(q), i16x8_extend_high_i8x16(q));
        for (sum, row) in sums.iter_mut().zip(rows) {
            let row = load_i8x16(&row[at..]);
            *sum = i32x4_add(*sum, i32x4_dot_i16x8(low, i16x8_extend_low_i8x16(row)));
            *sum = i32x4_add(*sum, i32x4_dot_i16x8(high, i16x8_extend_high_i8x16(row)));
        }
    }
    let mut out = [0; R];
    for (r, out) in out.iter_mut().enumerate() {
        *out = sum_i32(sums[r]) + super::scalar::dot_i8(&query[whole..], &rows[r][whole..]);
    }
    out
}

/// Integer tile on `i32x4.dot_i16x8`: codes are 16 bits wide in memory, weights are widened when loaded.
#[cfg(not(target_feature = "relaxed-simd"))]
pub struct Plain;

#[cfg(not(target_feature = "relaxed-simd"))]
impl Integers for Plain {
    type Floats = v128;

    // 3 x 8 at a time: 12 sums, a weight and a code.
    const ROWS: usize = 3;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[v128; 4]; R] {
        let rows = rows.map(|row| &row[..panel.len() * DEPTH]);
        let (left, right) = (half_panel(rows, panel, 0), half_panel(rows, panel, 1));
        std::array::from_fn(|r| {
            let (left, right): (&[v128; 4], &[v128; 4]) = (&left[r], &right[r]);
            let sums =
                [fold(left[0], left[1]), fold(left[2], left[3]), fold(right[0], right[1]), fold(right[2], right[3])];
            sums.map(|sum| f32x4_convert_i32x4(sum))
        })
    }

    #[inline(always)]
    fn dot_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        dot_i8(query, rows)
    }
}

/// Eight outputs of a panel. Each register holds two outputs, each as two sums that `fold` adds.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
fn half_panel<const R: usize>(rows: [&[Code]; R], panel: &[Step], half: usize) -> [[v128; 4]; R] {
    let mut sums = [[i32x4_splat(0); 4]; R];
    for (i, step) in panel.iter().enumerate() {
        let weights = &step.0[half * 32..][..32];
        for v in 0..4 {
            // SAFETY: `weights` is 32 bytes, of which eight are loaded; loads need no alignment.
            let weights = unsafe { i16x8_load_extend_i8x8(weights.as_ptr().add(v * 8)) };
            for (row, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: the caller has sliced each row to DEPTH codes, eight bytes, for each step.
                let codes = unsafe { v128_load64_splat(row.as_ptr().cast::<u64>().add(i)) };
                sums[v] = i32x4_add(sums[v], i32x4_dot_i16x8(weights, codes));
            }
        }
    }
    sums
}

/// Adds neighbours: [a0 + a1, a2 + a3, b0 + b1, b2 + b3].
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
fn fold(a: v128, b: v128) -> v128 {
    i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b))
}
