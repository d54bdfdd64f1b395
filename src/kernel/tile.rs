//! The innermost loops of all matrix products: a few rows times one panel of 16 columns, with every sum in a
//! register. The integer tile is written per instruction set; the float tile once.

use super::lanes::{Code, Lanes};
use super::packed::{Step, DEPTH, PANEL};

/// Integer kernels of an instruction set.
pub trait Integers {
    /// Rows that fill the registers. The driver also asks for fewer at the end of a matrix.
    const ROWS: usize;

    /// `sums[r][c]` = sum over `i` of `rows[r][i] * panel[c][i]`, exact. Rows have `DEPTH` codes for each step.
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[i32; PANEL]; R];

    /// Inner products of one int8 vector with `R` others as long as it. Any length, any numbers.
    #[inline(always)]
    fn dot_i8<const R: usize>(query: &[i8], rows: [&[i8]; R]) -> [i32; R] {
        // Compilers turn this into the instructions at hand, except for those of WebAssembly.
        rows.map(|row| super::scalar::dot_i8(query, row))
    }
}

/// Plain loops: the oracle, and what runs where there is no vector unit; wasm builds always have one.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub struct Portable;

impl Integers for Portable {
    const ROWS: usize = 2;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[i32; PANEL]; R] {
        let mut sums = [[0; PANEL]; R];
        for (i, step) in panel.iter().enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                let codes = &row[i * DEPTH..][..DEPTH];
                for (weights, sum) in step.0.chunks_exact(DEPTH).zip(sums) {
                    *sum += weights.iter().zip(codes).map(|(&w, &a)| i32::from(w) * i32::from(a)).sum::<i32>();
                }
            }
        }
        sums
    }
}

/// `sums[r][c]` = sum over `i` of `rows[r][i] * panel[i * PANEL + c]`, the columns in `PANEL / L::N` registers; the
/// registers beyond those are 0. Each row is at least as long as the panel is deep. A row's sums do not depend on
/// which rows it shares the tile with.
#[inline(always)]
pub fn dot_f32<L: Lanes, const R: usize>(rows: [&[f32]; R], panel: &[f32]) -> [[L; 4]; R] {
    let mut sums = [[L::splat(0.0); 4]; R];
    let depth = panel.len() / PANEL;
    let rows = rows.map(|row| &row[..depth]);
    for (i, columns) in panel.chunks_exact(PANEL).enumerate() {
        for v in 0..PANEL / L::N {
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
    let mut whole = [0.0; PANEL];
    let full = out.len() >= PANEL;
    let to = if full { &mut out[..PANEL] } else { &mut whole[..] };
    for (sum, to) in sums.iter().zip(to.chunks_exact_mut(L::N)) {
        sum.mul(scale).store(to);
    }
    if !full {
        out.copy_from_slice(&whole[..out.len()]);
    }
}
