//! Embedding tables. They are looked up row by row and never multiplied, so that besides int8 they may be held in
//! blocks of 4 bits a number: of a multilingual model the table of 250,000 words is four fifths of the weights.

use super::weights::QuantMatrix;
use crate::error::{Error, Result};
use half::f16;

/// Numbers of a block, and its bytes: the scale in f16, then 16 bytes with two numbers each. Byte `i` has number `i`
/// in its low half and number `i + 16` in its high one, each plus 8 (the format Q4_0 of GGML).
pub const BLOCK_NUMBERS: usize = 32;
pub const BLOCK_BYTES: usize = 18;

/// A table in blocks of 4 bits a number.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockTable {
    pub rows: usize,
    /// A multiple of [`BLOCK_NUMBERS`].
    pub cols: usize,
    /// Row-major, `rows * cols / BLOCK_NUMBERS` blocks of [`BLOCK_BYTES`], whose scales are finite.
    pub data: Vec<u8>,
}

impl BlockTable {
    /// Bytes of a row of so many numbers; `None` where they make no whole number of blocks.
    pub fn row_bytes(cols: usize) -> Option<usize> {
        cols.is_multiple_of(BLOCK_NUMBERS).then_some(cols / BLOCK_NUMBERS * BLOCK_BYTES)
    }

    /// One row as numbers, written to `out` (`cols` long).
    pub fn dequantise_row(&self, row: usize, out: &mut [f32]) {
        let bytes = self.cols / BLOCK_NUMBERS * BLOCK_BYTES;
        let blocks = self.data[row * bytes..(row + 1) * bytes].chunks_exact(BLOCK_BYTES);
        for (block, out) in blocks.zip(out.chunks_exact_mut(BLOCK_NUMBERS)) {
            let scale = scale(block);
            let (low, high) = out.split_at_mut(BLOCK_NUMBERS / 2);
            for ((byte, low), high) in block[2..].iter().zip(low).zip(high) {
                *low = (f32::from(byte & 15) - 8.0) * scale;
                *high = (f32::from(byte >> 4) - 8.0) * scale;
            }
        }
    }
}

fn scale(block: &[u8]) -> f32 {
    f16::from_le_bytes([block[0], block[1]]).to_f32()
}

/// Refuses whole blocks with a scale that is not finite; `first` is the index of the first of them.
pub fn check_blocks(bytes: &[u8], first: usize) -> Result<()> {
    match bytes.chunks_exact(BLOCK_BYTES).position(|block| !scale(block).is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::corrupt(format!("the scale of block {} is not finite", first + at))),
    }
}

/// A table in one of its two forms.
#[derive(Clone, Debug, PartialEq)]
pub enum Table {
    Int8(QuantMatrix),
    Blocks(BlockTable),
}

impl Table {
    pub fn cols(&self) -> usize {
        match self {
            Table::Int8(matrix) => matrix.cols,
            Table::Blocks(table) => table.cols,
        }
    }

    /// One row as numbers, written to `out` (`cols` long). `row` is one of its rows.
    pub fn dequantise_row(&self, row: usize, out: &mut [f32]) {
        match self {
            Table::Int8(matrix) => matrix.dequantise_row(row, out),
            Table::Blocks(table) => table.dequantise_row(row, out),
        }
    }

    pub fn memory_bytes(&self) -> usize {
        match self {
            Table::Int8(matrix) => matrix.data.len() + matrix.scales.len() * size_of::<f32>(),
            Table::Blocks(table) => table.data.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_its_scale_then_low_halves_then_high_ones() {
        let mut data = f16::from_f32(0.5).to_le_bytes().to_vec();
        data.extend((0..16).map(|i| i | (15 - i) << 4));
        let table = BlockTable { rows: 1, cols: 32, data };
        let mut row = [0.0; 32];
        table.dequantise_row(0, &mut row);
        for i in 0..16 {
            assert_eq!(row[i], (i as f32 - 8.0) * 0.5);
            assert_eq!(row[i + 16], (7.0 - i as f32) * 0.5);
        }
    }

    #[test]
    fn rows_are_whole_blocks_with_finite_scales() {
        assert_eq!(BlockTable::row_bytes(384), Some(216));
        assert_eq!(BlockTable::row_bytes(40), None);
        let mut blocks = vec![0; 3 * BLOCK_BYTES];
        assert!(check_blocks(&blocks, 0).is_ok());
        blocks[2 * BLOCK_BYTES..][..2].copy_from_slice(&f16::INFINITY.to_le_bytes());
        assert!(check_blocks(&blocks, 7).unwrap_err().context.contains("block 9"));
    }
}
