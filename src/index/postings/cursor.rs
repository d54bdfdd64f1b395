//! Walks one list of postings: in bulk for scoring, or straight to a chunk.

use super::packing::{packed_len, unpack, BLOCK};
use super::{Length, Posting};
use crate::codec::Reader;
use crate::error::{Error, Result};

/// No chunk has this ordinal: the cursor is past its last posting.
pub(crate) const END: u32 = u32::MAX;

/// Limits for every posting of a block, from which a scorer knows the most that one of them can add.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    /// Greatest frequencies.
    pub body: u32,
    pub title: u32,
    /// Least lengths and norm.
    pub length: Length,
}

impl Bound {
    pub const NONE: Bound =
        Bound { body: 0, title: 0, length: Length { body: u32::MAX, title: u32::MAX, norm: f32::INFINITY } };

    pub fn include(&mut self, posting: Posting, length: Length) {
        self.body = self.body.max(posting.body);
        self.title = self.title.max(posting.title);
        self.length.body = self.length.body.min(length.body);
        self.length.title = self.length.title.min(length.title);
        self.length.norm = self.length.norm.min(length.norm);
    }
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// Its greatest chunk.
    last: u32,
    /// Where its payload begins, counted from the first payload.
    at: usize,
    bound: Bound,
}

pub(crate) struct Cursor<'a> {
    /// From the beginning of the payloads to the end of the section.
    payloads: &'a [u8],
    /// Where the payloads of this list end.
    end: usize,
    /// The full blocks, then the rest as one more.
    blocks: Vec<Block>,
    df: usize,
    /// The block that is decoded below, and the current posting in it.
    block: usize,
    position: usize,
    len: usize,
    chunks: [u32; BLOCK],
    bodies: [u32; BLOCK],
    titles: [u32; BLOCK],
}

impl<'a> Cursor<'a> {
    /// Stands on the first posting of the list of `df` postings in the first `len` bytes of `list`.
    ///
    /// # Errors
    /// `Corrupt`; never for a list that [`Cursor::verify`] has seen.
    pub fn new(list: &'a [u8], len: usize, df: u32, lengths: &[Length]) -> Result<Cursor<'a>> {
        let df = df as usize;
        let full = df / BLOCK;
        let mut reader = Reader::new(list.get(..len).ok_or_else(|| outside(len))?);
        // A full block takes ten bytes at least.
        if full > len / 10 {
            return Err(Error::corrupt(format!("{df} postings in {len} bytes")));
        }
        let mut blocks: Vec<Block> = Vec::with_capacity(full + 1);
        let (mut last, mut at) = (None, 0usize);
        for _ in 0..full {
            let gap = number(reader.varint()?)?;
            let end = last.map_or(gap.checked_sub(1), |last: u32| last.checked_add(gap));
            last = Some(end.ok_or_else(|| Error::corrupt("a block of chunks that do not exist"))?);
            let payload = reader.varint()?;
            let (body, title) = (number(reader.varint()?)?, number(reader.varint()?)?);
            let (least_body, least_title) = (number(reader.varint()?)?, number(reader.varint()?)?);
            let length = Length { body: least_body, title: least_title, norm: reader.f32()? };
            blocks.push(Block { last: last.unwrap_or(END), at, bound: Bound { body, title, length } });
            let next = usize::try_from(payload).ok().and_then(|payload| at.checked_add(payload));
            at = next.filter(|&next| next <= len).ok_or_else(|| outside(len))?;
        }
        let start = len - reader.remaining();
        let (chunks, bodies, titles) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        let mut cursor = Cursor {
            payloads: &list[start..],
            end: len - start,
            blocks,
            df,
            block: full,
            position: 0,
            len: 0,
            chunks,
            bodies,
            titles,
        };
        if !df.is_multiple_of(BLOCK) {
            // The rest has no stored bound: it is short, and an exact one costs little.
            cursor.blocks.push(Block { last: END, at, bound: Bound::NONE });
            cursor.decode(full)?;
            let mut bound = Bound::NONE;
            for index in 0..cursor.len {
                let posting = cursor.posting(index);
                bound.include(posting, lengths.get(posting.chunk as usize).copied().unwrap_or_default());
            }
            cursor.blocks[full] = Block { last: cursor.chunks[cursor.len - 1], at, bound };
        }
        if cursor.block > 0 || cursor.len == 0 {
            cursor.decode(0)?;
        }
        Ok(cursor)
    }

    fn posting(&self, index: usize) -> Posting {
        Posting { chunk: self.chunks[index], body: self.bodies[index], title: self.titles[index] }
    }

    /// Decodes a block and stands on its first posting. Returns the bytes its payload took.
    fn decode(&mut self, block: usize) -> Result<usize> {
        let place = self.blocks.get(block).ok_or_else(|| Error::corrupt("a list without postings"))?;
        let bytes = self.payloads.get(place.at..).ok_or_else(|| outside(self.end))?;
        let mut next = block.checked_sub(1).map_or(0, |before| self.blocks[before].last.wrapping_add(1));
        (self.block, self.position) = (block, 0);
        if block < self.df / BLOCK {
            let &widths = bytes.first_chunk::<3>().ok_or_else(|| outside(self.end))?;
            if widths.iter().any(|&width| width > 32) {
                return Err(Error::corrupt(format!("integers of {widths:?} bits")));
            }
            let mut at = 3;
            for (width, values) in widths.into_iter().zip([&mut self.chunks, &mut self.bodies, &mut self.titles]) {
                unpack(bytes.get(at..).unwrap_or_default(), width, values);
                at += packed_len(width);
            }
            for gap in &mut self.chunks {
                *gap = next.wrapping_add(*gap);
                next = gap.wrapping_add(1);
            }
            self.len = BLOCK;
            return Ok(at);
        }
        let rest = self.payloads.get(place.at..self.end).ok_or_else(|| outside(self.end))?;
        let mut reader = Reader::new(rest);
        self.len = self.df % BLOCK;
        for index in 0..self.len {
            self.chunks[index] = next.wrapping_add(number(reader.varint()?)?);
            next = self.chunks[index].wrapping_add(1);
            let body = reader.varint()?;
            self.bodies[index] = number(body >> 1)?;
            self.titles[index] = if body & 1 == 1 { number(reader.varint()?)? } else { 0 };
        }
        Ok(rest.len() - reader.remaining())
    }

    /// Reads the whole list and checks that its chunks exist and ascend, that its frequencies are within the lengths
    /// of their chunks, that its bounds hold and that it fills its bytes. Returns the number of postings.
    pub fn verify(mut self, lengths: &[Length]) -> Result<usize> {
        let mut last = None;
        for block in 0..self.blocks.len() {
            let used = self.decode(block)?;
            let Block { last: declared, at, bound: stored } = self.blocks[block];
            let mut bound = stored;
            for posting in (0..self.len).map(|index| self.posting(index)) {
                let length = lengths.get(posting.chunk as usize).copied();
                let length = length.filter(|length| posting.body <= length.body && posting.title <= length.title);
                let held = posting.body > 0 || posting.title > 0;
                let length = length.filter(|_| held && last.is_none_or(|last| last < posting.chunk));
                bound.include(posting, length.ok_or_else(|| Error::corrupt(format!("{posting:?} cannot be")))?);
                last = Some(posting.chunk);
            }
            let end = self.blocks.get(block + 1).map_or(self.end, |next| next.at);
            if last != Some(declared) || at + used != end || bound != stored {
                return Err(Error::corrupt(format!("block {block} contradicts its head")));
            }
        }
        Ok(self.df)
    }

    /// The chunk of the current posting, or [`END`].
    pub fn chunk(&self) -> u32 {
        match self.position < self.len {
            true => self.chunks[self.position],
            false => END,
        }
    }

    /// The current posting, if it is of this chunk.
    pub fn at(&self, chunk: u32) -> Option<Posting> {
        (self.chunk() == chunk && chunk != END).then(|| self.posting(self.position))
    }

    fn load(&mut self, block: usize) {
        // `verify` has read every block there is; what is not there is the end.
        if self.decode(block).is_err() {
            (self.block, self.position, self.len) = (self.blocks.len(), 0, 0);
        }
    }

    /// Moves forward to the first posting at or after `target`.
    pub fn seek(&mut self, target: u32) {
        if self.chunk() >= target {
            return;
        }
        if self.blocks[self.block].last < target {
            let ahead = &self.blocks[self.block + 1..];
            self.load(self.block + 1 + ahead.partition_point(|block| block.last < target));
        }
        self.position += self.chunks[self.position..self.len].partition_point(|&chunk| chunk < target);
    }

    /// Visits the postings below `end` and moves past them.
    #[inline]
    pub fn drain(&mut self, end: u32, mut visit: impl FnMut(Posting)) {
        loop {
            while self.position < self.len {
                let posting = self.posting(self.position);
                if posting.chunk >= end {
                    return;
                }
                visit(posting);
                self.position += 1;
            }
            if self.block >= self.blocks.len() {
                return;
            }
            self.load(self.block + 1);
        }
    }

    /// Bounds of the blocks with postings from the current one up to `end`.
    pub fn bounds(&self, end: u32) -> impl Iterator<Item = &Bound> {
        let ahead = self.blocks.get(self.block..).unwrap_or_default();
        let begun = ahead.iter().scan(self.chunk() < end, move |begun, block| {
            let counts = begun.then_some(&block.bound);
            *begun &= block.last < end;
            counts
        });
        begun.fuse()
    }
}

fn number(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::corrupt(format!("{value} in a list of postings")))
}

fn outside(len: usize) -> Error {
    Error::corrupt(format!("postings outside their list of {len} bytes"))
}
