//! Checksums of parts: a long run of bytes within a blob is cut into blocks of 4 KiB with a CRC-32 each, so that a
//! reader of a remote blob can fetch a few of them and still use no byte that was not verified.

use super::crc::crc32;
use super::{Reader, Writer};
use crate::error::{Error, Result};
use std::ops::Range;

/// Bytes of a block; the last one may be shorter.
pub const BLOCK: usize = 4096;

/// A run of bytes within a blob, and the checksums of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Where the run begins in its blob.
    pub start: usize,
    pub length: usize,
    sums: Vec<u32>,
}

impl Blocks {
    /// Of the bytes of a blob that begin at `start`.
    pub fn of(start: usize, bytes: &[u8]) -> Blocks {
        Blocks { start, length: bytes.len(), sums: bytes.chunks(BLOCK).map(crc32).collect() }
    }

    /// Appends the checksums.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u32s(&self.sums);
    }

    /// Reads the checksums of a run that is known to be here.
    pub fn decode(reader: &mut Reader, start: usize, length: usize) -> Result<Blocks> {
        Ok(Blocks { start, length, sums: reader.u32s(length.div_ceil(BLOCK))? })
    }

    /// The numbers of the blocks in which a part of the run lies.
    ///
    /// # Errors
    /// `Corrupt` for a part outside the run.
    pub fn covering(&self, part: &Range<usize>) -> Result<Range<usize>> {
        match part.start <= part.end && part.end <= self.length {
            true => Ok(part.start / BLOCK..part.end.div_ceil(BLOCK)),
            false => Err(Error::corrupt(format!("bytes {part:?} of a run of {}", self.length))),
        }
    }

    /// Where some blocks are within the blob.
    pub fn place(&self, blocks: &Range<usize>) -> Range<usize> {
        self.start + (blocks.start * BLOCK).min(self.length)..self.start + (blocks.end * BLOCK).min(self.length)
    }

    /// Whether these are the bytes of a block.
    pub fn check(&self, block: usize, bytes: &[u8]) -> Result<()> {
        let length = self.place(&(block..block + 1)).len();
        match bytes.len() == length && self.sums.get(block) == Some(&crc32(bytes)) {
            true => Ok(()),
            false => Err(Error::corrupt(format!("checksum of block {block} of {}", self.sums.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_is_covered_by_blocks_that_verify(length in 0usize..3 * BLOCK, a: prop::sample::Index, b: prop::sample::Index) {
            let blob: Vec<u8> = (0..length + 100).map(|at| (at * 31 % 251) as u8).collect();
            let run = Blocks::of(100, &blob[100..]);
            let mut writer = Writer::new();
            run.encode(&mut writer);
            let sums = writer.into_bytes();
            let mut reader = Reader::new(&sums);
            prop_assert_eq!(&Blocks::decode(&mut reader, 100, length).unwrap(), &run);
            reader.end().unwrap();
            let (a, b) = (a.index(length + 1), b.index(length + 1));
            let part = a.min(b)..a.max(b);
            let blocks = run.covering(&part).unwrap();
            let place = run.place(&blocks);
            prop_assert!(part.is_empty() || place.start <= part.start + 100 && part.end + 100 <= place.end);
            for block in blocks {
                let mut bytes = blob[run.place(&(block..block + 1))].to_vec();
                run.check(block, &bytes).unwrap();
                bytes[0] ^= 1;
                prop_assert!(run.check(block, &bytes).is_err());
            }
            prop_assert!(run.covering(&(0..length + 1)).is_err());
        }
    }
}
