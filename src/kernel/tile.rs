//! The innermost loops of all matrix products: a few rows times one panel of 16 columns, with every sum in a
//! register. The integer tile is written per instruction set; the float tile once.

use super::lanes::{Code, Lanes, ROW};
use super::packed::{Step, DEPTH};

/// Integer kernels of an instruction set.
pub trait Integers {
    /// Where sums end up, so that an epilogue can go on without a detour through memory.
    type Floats: Lanes;

    /// Rows that fill the registers. The driver also asks for fewer at the end of a matrix.
    const ROWS: usize;

    /// `sums[r][c]` = sum over `i` of `rows[r][i] * panel[c][i]`, computed in integers, exact, and then converted (sums
    /// above 2^24 are rounded). Rows have `DEPTH` codes for each step. A row's sums fill `PANEL / Floats::N` registers;
    /// those beyond are 0.
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[Self::Floats; 4]; R];

    /// Inner products of one int8 vector with `R` others as long as it. Any length, any numbers.
    #[inline(always)]
    fn dot_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        // Compilers turn this into the instructions at hand, except for those of WebAssembly.
        rows.map(|row| super::scalar::dot_i8(query, row))
    }

    /// The same for a query in which no number is -128, which the caller has made sure of.
    #[inline(always)]
    fn dot_symmetric_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        Self::dot_i8(query, rows)
    }
}

/// Plain loops: the oracle, and what runs where there is no vector unit; wasm builds always have one.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub struct Portable;

impl Integers for Portable {
    type Floats = [f32; 4];

    const ROWS: usize = 2;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[[f32; 4]; 4]; R] {
        let mut sums = [[0i32; 16]; R];
        for (i, step) in panel.iter().enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                let codes = &row[i * DEPTH..][..DEPTH];
                for (weights, sum) in step.0.chunks_exact(DEPTH).zip(sums) {
                    *sum += weights.iter().zip(codes).map(|(&w, &a)| i32::from(w) * i32::from(a)).sum::<i32>();
                }
            }
        }
        sums.map(|sums| std::array::from_fn(|v| std::array::from_fn(|i| sums[v * 4 + i] as f32)))
    }
}

/// `sums[r][c]` = sum over `i` of `rows[r][i] * panel[i * ROW + c]`, the columns in `ROW / L::N` registers; the
/// registers beyond those are 0. Each row is at least as long as the panel is deep. A row's sums do not depend on
/// which rows it shares the tile with.
#[inline(always)]
pub fn dot_f32<L: Lanes, const R: usize>(rows: [&[f32]; R], panel: &[f32]) -> [[L; 4]; R] {
    let mut sums = [[L::splat(0.0); 4]; R];
    let depth = panel.len() / ROW;
    let rows = rows.map(|row| &row[..depth]);
    for (i, columns) in panel.chunks_exact(ROW).enumerate() {
        for v in 0..ROW / L::N {
            let column = L::load(&columns[v * L::N..]);
            for (row, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: there are `depth` chunks, and each row has been cut to that length.
                let x = unsafe { *row.get_unchecked(i) };
                sums[v] = L::splat(x).mul_add(column, sums[v]);
            }
        }
    }
    sums
}

/// Stores what [`dot_f32`] returned for a row, times `scale`: sixteen numbers, or as many as `out` has.
#[inline(always)]
pub fn store_f32<L: Lanes>(sums: [L; 4], scale: L, out: &mut [f32]) {
    let mut whole = [0.0; ROW];
    let full = out.len() >= ROW;
    let to = if full { &mut out[..ROW] } else { &mut whole[..] };
    for (sum, to) in sums.iter().zip(to.chunks_exact_mut(L::N)) {
        sum.mul(scale).store(to);
    }
    if !full {
        out.copy_from_slice(&whole[..out.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::WHOLE;
    use crate::{math, packed::PANEL, scalar};

    /// Codes and weights that fill the ranges, ends included.
    fn numbers(len: usize, low: i32, high: i32) -> Vec<i32> {
        (0..len as i32).map(|i| if i % 7 == 0 { high } else { low + (i * 37 + i / 5) % (high - low + 1) }).collect()
    }

    #[track_caller]
    fn check<T: Integers, const R: usize>(depth: usize) {
        let steps = depth.div_ceil(DEPTH);
        let codes: Vec<Vec<u8>> =
            (0..R).map(|r| numbers(steps * DEPTH + r, 0, 127)[r..].iter().map(|&x| x as u8).collect()).collect();
        let weights: Vec<Vec<i8>> =
            (0..PANEL).map(|c| numbers(steps * DEPTH + c, -127, 127)[c..].iter().map(|&x| x as i8).collect()).collect();
        let mut panel = vec![Step([0; PANEL * DEPTH]); steps];
        for (c, weights) in weights.iter().enumerate() {
            for (i, &weight) in weights.iter().enumerate() {
                panel[i / DEPTH].0[c * DEPTH + i % DEPTH] = weight;
            }
        }
        let rows: Vec<Vec<Code>> = codes.iter().map(|row| row.iter().map(|&x| Code::from(x)).collect()).collect();
        let sums = T::dot::<R>(std::array::from_fn(|r| &rows[r][..]), &panel);
        for (sums, expected) in sums.into_iter().zip(scalar::matmul_i32(&codes, &weights)) {
            let mut found = [0.0; 16];
            for (sum, found) in sums.into_iter().zip(found.chunks_exact_mut(T::Floats::N)) {
                sum.store(found);
            }
            let expected: Vec<f32> = expected.into_iter().map(|x| x as f32).collect();
            assert_eq!(found[..PANEL], expected, "depth {depth}");
        }
    }

    fn check_all<T: Integers>() {
        for depth in [1, 4, 5, 32, 383, 1040] {
            check::<T, 1>(depth);
            check::<T, 2>(depth);
            check::<T, 3>(depth);
            check::<T, 4>(depth);
            check::<T, 8>(depth);
        }
    }

    /// The other tests see the best instruction set of the machine only.
    #[test]
    fn every_instruction_set_that_is_here_gives_the_same_integers() {
        check_all::<Portable>();
        #[cfg(target_arch = "x86_64")]
        {
            use crate::x86;
            if x86::has_avx2() {
                check_all::<x86::Avx2>();
            }
            if x86::has_vnni() {
                check_all::<x86::Vnni>();
            }
        }
    }

    #[test]
    fn the_portable_vocabulary_computes_what_the_wide_one_does() {
        type L = [f32; 4];
        for i in -80..80 {
            let x = i as f32 / 7.0;
            let [gelu, ..] = math::gelu(L::splat(x));
            assert!((f64::from(gelu) - scalar::gelu(f64::from(x))).abs() < 1e-5, "gelu({x}) = {gelu}");
            let [exp, ..] = math::exp(L::splat(-x.abs() * 4.0));
            let expected = f64::from(-x.abs() * 4.0).exp();
            assert!((f64::from(exp) - expected).abs() <= 1e-5 * expected, "exp: {exp}, expected {expected}");
        }
        let mut codes = [Code::from(0u8); 16];
        L::store_codes(|i| L::splat(i as f32 * 42.0 + WHOLE), &mut codes);
        assert_eq!(codes.map(i32::from), [0, 0, 0, 0, 42, 42, 42, 42, 84, 84, 84, 84, 126, 126, 126, 126]);
    }
}
