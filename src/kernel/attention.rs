//! Self-attention of one sequence in f32: softmax(Q K^T / sqrt(d)) V, head by head (Vaswani et al. 2017, section
//! 3.2). Keys and values of a head are copied into panels of 16 columns, so that both products are the float tile;
//! scores of a few queries at a time stay in the first-level cache.

use super::lanes::{Lanes, ROW};
use super::math;
use super::packed::padded;
use super::tile;

/// Shape of a sequence's projections.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Tokens.
    pub len: usize,
    pub heads: usize,
    /// Elements of a head.
    pub depth: usize,
    /// Elements of a padded hidden state; a row of `qkv` is three of them, at most `heads * depth` of each in use.
    pub width: usize,
}

/// Buffers that grow to the longest sequence and stay.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Keys, `[len / 16][depth][16]`, scaled by 1 / sqrt(depth).
    keys: Vec<f32>,
    /// Values, `[depth / 16][len][16]`.
    values: Vec<f32>,
    /// Scores of the queries in hand, `[TILE][len]`, padded.
    scores: Vec<f32>,
}

impl Scratch {
    pub fn memory_bytes(&self) -> usize {
        size_of::<f32>() * (self.keys.len() + self.values.len() + self.scores.len())
    }

    fn reserve(&mut self, shape: Shape) {
        let len = padded(shape.len);
        grow(&mut self.keys, len * shape.depth);
        grow(&mut self.values, len * padded(shape.depth));
        grow(&mut self.scores, len * TILE);
    }

    #[inline(always)]
    fn pack<L: Lanes>(&mut self, qkv: &[f32], shape: Shape, head: usize) {
        let Shape { len, depth, width, .. } = shape;
        let scale = 1.0 / (depth as f32).sqrt();
        for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
            let key = &row[width + head * depth..][..depth];
            let panel = &mut self.keys[token / ROW * depth * ROW..][..depth * ROW];
            for (slots, &k) in panel.chunks_exact_mut(ROW).zip(key) {
                slots[token % ROW] = k * scale;
            }
            let value = &row[2 * width + head * depth..][..depth];
            for (index, part) in value.chunks(ROW).enumerate() {
                let slots = &mut self.values[(index * len + token) * ROW..][..ROW];
                if part.len() == ROW {
                    // In registers: a copy of unknown length is a call.
                    for (slots, part) in slots.chunks_exact_mut(L::N).zip(part.chunks_exact(L::N)) {
                        L::load(part).store(slots);
                    }
                } else {
                    slots[..part.len()].copy_from_slice(part);
                }
            }
        }
    }
}

fn grow(buffer: &mut Vec<f32>, len: usize) {
    buffer.resize(buffer.len().max(len), 0.0);
}

/// Most queries that share a tile.
const TILE: usize = 4;

/// `qkv` `[len, 3 * width]` (queries, keys, values) to `out` `[len, width]`.
#[inline(always)]
pub fn attend<L: Lanes>(qkv: &[f32], shape: Shape, scratch: &mut Scratch, out: &mut [f32]) {
    scratch.reserve(shape);
    for head in 0..shape.heads {
        scratch.pack::<L>(qkv, shape, head);
        let mut at = 0;
        // As many sums as fit into the registers: 4 queries x 2 registers of eight, or 2 x 4 of four.
        while L::N == 8 && shape.len - at >= 4 {
            queries::<L, 4>(qkv, shape, head, at, scratch, out);
            at += 4;
        }
        while shape.len - at >= 2 {
            queries::<L, 2>(qkv, shape, head, at, scratch, out);
            at += 2;
        }
        if at < shape.len {
            queries::<L, 1>(qkv, shape, head, at, scratch, out);
        }
    }
}

#[inline(always)]
fn queries<L: Lanes, const R: usize>(
    qkv: &[f32],
    shape: Shape,
    head: usize,
    at: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let Shape { len, depth, width, .. } = shape;
    let row_len = padded(len);
    let Scratch { keys, values, scores } = scratch;

    let rows: [&[f32]; R] = std::array::from_fn(|r| &qkv[(at + r) * 3 * width + head * depth..][..depth]);
    for (index, panel) in keys.chunks_exact(depth * ROW).take(row_len / ROW).enumerate() {
        for (r, sums) in tile::dot_f32::<L, R>(rows, panel).into_iter().enumerate() {
            tile::store_f32(sums, L::splat(1.0), &mut scores[r * row_len + index * ROW..][..ROW]);
        }
    }
    let mut shares = [0.0; R];
    for (row, share) in scores.chunks_exact_mut(row_len).zip(&mut shares) {
        row[len..].fill(f32::MIN);
        *share = 1.0 / math::softmax_unscaled::<L>(row);
    }
    let rows: [&[f32]; R] = std::array::from_fn(|r| &scores[r * row_len..][..len]);
    for (index, panel) in values.chunks_exact(len * ROW).take(padded(depth) / ROW).enumerate() {
        let used = ROW.min(depth - index * ROW);
        for (r, sums) in tile::dot_f32::<L, R>(rows, panel).into_iter().enumerate() {
            let out = &mut out[(at + r) * width + head * depth + index * ROW..][..used];
            tile::store_f32(sums, L::splat(shares[r]), out);
        }
    }
}
