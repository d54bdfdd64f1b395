//! The greatest similarity of each query token over the tokens of a text: the inner loop of late interaction (MaxSim,
//! Khattab and Zaharia 2020, "ColBERT"). A column belongs to a query token; rows are as wide as `best`, which is padded
//! to a multiple of [`ROW`].

use super::dispatch::vectorised;
use super::lanes::{Lanes, ROW};

vectorised! {
    /// `best[c]` = the greatest of itself and `table[id][c]` over all `ids`, each of which has a row in `table`.
    pub fn max_of_entries(table: &[f32], ids: &[u16], best: &mut [f32]) {
        entries::<L>(table, ids, best)
    }
}

vectorised! {
    /// `best[c]` = the greatest of itself and `values[r][c] + table[ids[r]][c]` over all rows `r` of `values`.
    pub fn max_of_sums(values: &[f32], table: &[f32], ids: &[u16], best: &mut [f32]) {
        sums::<L>(values, table, ids, best)
    }
}

#[inline(always)]
fn entries<L: Lanes>(table: &[f32], ids: &[u16], best: &mut [f32]) {
    let width = best.len();
    debug_assert!(width.is_multiple_of(ROW));
    for (block, best) in best.chunks_exact_mut(ROW).enumerate() {
        let mut most = load::<L>(best);
        for &id in ids {
            let entry = &table[usize::from(id) * width + block * ROW..][..ROW];
            for (most, entry) in most.iter_mut().zip(entry.chunks_exact(L::N)) {
                *most = most.max(L::load(entry));
            }
        }
        store(most, best);
    }
}

#[inline(always)]
fn sums<L: Lanes>(values: &[f32], table: &[f32], ids: &[u16], best: &mut [f32]) {
    let width = best.len();
    debug_assert!(width.is_multiple_of(ROW) && values.len() == ids.len() * width);
    for (block, best) in best.chunks_exact_mut(ROW).enumerate() {
        let mut most = load::<L>(best);
        for (row, &id) in ids.iter().enumerate() {
            let value = &values[row * width + block * ROW..][..ROW];
            let entry = &table[usize::from(id) * width + block * ROW..][..ROW];
            for (most, (value, entry)) in most.iter_mut().zip(value.chunks_exact(L::N).zip(entry.chunks_exact(L::N))) {
                *most = most.max(L::load(value).add(L::load(entry)));
            }
        }
        store(most, best);
    }
}

/// A block of columns; the registers beyond it are not used.
#[inline(always)]
fn load<L: Lanes>(from: &[f32]) -> [L; 4] {
    std::array::from_fn(|v| if v < ROW / L::N { L::load(&from[v * L::N..]) } else { L::splat(0.0) })
}

#[inline(always)]
fn store<L: Lanes>(block: [L; 4], to: &mut [f32]) {
    for (register, to) in block.into_iter().zip(to.chunks_exact_mut(L::N)) {
        register.store(to);
    }
}
