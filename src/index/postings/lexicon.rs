//! The sorted terms of a segment, front-coded in blocks of 16.
//!
//! ```text
//! terms varint, then per term, ascending by bytes: bytes shared with the term before varint (0 at the head of a
//! block) | the other bytes: length varint, UTF-8 | df varint | length of its list varint
//! ```
//! Section LIDX lets a remote reader find the few bytes of TERM that it needs: see index.rs.

use super::PAUSE;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::pace::{Pacer, Stride};
use std::ops::Range;

pub(super) const BLOCK: usize = 16;

/// Where the postings of a term are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Position among the sorted terms.
    pub index: u32,
    /// Number of postings: chunks that hold the term.
    pub df: u32,
    /// Bytes of the section of lists.
    pub start: usize,
    pub len: usize,
}

pub(crate) struct Lexicon {
    /// What follows the number of terms.
    bytes: Vec<u8>,
    /// For each block: where it begins in `bytes`, and where the list of its first term begins.
    blocks: Vec<(u32, u32)>,
    len: u32,
}

#[derive(Default)]
pub(crate) struct LexiconWriter {
    writer: Writer,
    last: String,
    len: usize,
}

impl LexiconWriter {
    /// Terms must come in ascending order.
    pub fn push(&mut self, term: &str, df: u32, list_len: usize) {
        let same = |(a, b): &(u8, u8)| a == b;
        let mut shared = match self.len % BLOCK {
            0 => 0,
            _ => self.last.bytes().zip(term.bytes()).take_while(same).count(),
        };
        while !term.is_char_boundary(shared) {
            shared -= 1;
        }
        self.writer.varint(shared as u64);
        self.writer.text(&term[shared..]);
        self.writer.varint(u64::from(df));
        self.writer.varint(list_len as u64);
        self.last.clear();
        self.last.push_str(term);
        self.len += 1;
    }

    pub fn finish(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.varint(self.len as u64);
        writer.raw(&self.writer.into_bytes());
        writer.into_bytes()
    }
}

/// One front-coded entry: the caller's `text` becomes the term.
pub(super) fn read(reader: &mut Reader, text: &mut String, index: u32, start: usize) -> Result<Term> {
    let shared = reader.varint()?;
    let shared = usize::try_from(shared).ok().filter(|&shared| text.is_char_boundary(shared));
    text.truncate(shared.ok_or_else(|| Error::corrupt("a term that shares more than the one before has"))?);
    text.push_str(reader.text()?);
    let number = |value: u64| u32::try_from(value).map_err(|_| Error::corrupt(format!("a list of {value}")));
    let (df, len) = (number(reader.varint()?)?, number(reader.varint()?)?);
    Ok(Term { index, df, start, len: len as usize })
}

impl Lexicon {
    /// Checks the order of the terms and that their lists tile the `lists` bytes of their section.
    pub async fn open(section: &[u8], lists: usize, pacer: &dyn Pacer) -> Result<Lexicon> {
        let mut reader = Reader::new(section);
        let len = reader.count(4)?;
        let bytes = section[section.len() - reader.remaining()..].to_vec();
        let mut lexicon = Lexicon { bytes, blocks: Vec::with_capacity(len.div_ceil(BLOCK)), len: len as u32 };
        let (mut text, mut last, mut start) = (String::new(), String::new(), 0usize);
        let mut stride = Stride::new(pacer, PAUSE);
        for index in 0..len {
            if index % BLOCK == 0 {
                let at = lexicon.bytes.len() - reader.remaining();
                lexicon.blocks.push((at as u32, start as u32));
                text.clear();
            }
            let term = read(&mut reader, &mut text, index as u32, start)?;
            start = start.checked_add(term.len).filter(|&end| end <= lists).ok_or_else(|| tiling(lists))?;
            if term.df == 0 || (index > 0 && text <= last) {
                return Err(Error::corrupt(format!("the term {text:?} is out of order")));
            }
            last.clone_from(&text);
            stride.done(1).await?;
        }
        match start == lists {
            true => reader.end().map(|()| lexicon),
            false => Err(tiling(lists)),
        }
    }

    pub fn len(&self) -> usize {
        self.len as usize
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.blocks.len() * size_of::<(u32, u32)>()
    }

    fn block(&self, block: usize) -> Option<(Reader<'_>, usize)> {
        let &(at, start) = self.blocks.get(block)?;
        Some((Reader::new(self.bytes.get(at as usize..)?), start as usize))
    }

    /// Where a block begins in the section, and where the list of its first term begins.
    pub(super) fn place(&self, block: usize) -> Option<(usize, usize)> {
        let before = varint_len(u64::from(self.len));
        self.blocks.get(block).map(|&(at, start)| (before + at as usize, start as usize))
    }

    /// The first term of a block, not copied.
    pub(super) fn head(&self, block: usize) -> Option<&str> {
        let (mut reader, _) = self.block(block)?;
        reader.varint().ok()?;
        reader.text().ok()
    }

    pub fn find(&self, term: &str) -> Option<Term> {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.head(middle)? <= term {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let block = low.checked_sub(1)?;
        let (mut reader, mut start) = self.block(block)?;
        let mut text = String::new();
        for index in block * BLOCK..self.len().min((block + 1) * BLOCK) {
            let found = read(&mut reader, &mut text, index as u32, start).ok()?;
            if text.as_str() >= term {
                return (text == term).then_some(found);
            }
            start += found.len;
        }
        None
    }

    /// Every term, ascending.
    pub fn for_each(&self, mut visit: impl FnMut(&str, Term) -> Result<()>) -> Result<()> {
        let mut walk = self.walk();
        while let Some(term) = walk.next()? {
            visit(&walk.text, term)?;
        }
        Ok(())
    }

    pub fn walk(&self) -> Walk<'_> {
        Walk { reader: Reader::new(&self.bytes), text: String::new(), left: 0..self.len, start: 0 }
    }
}

/// Goes through the terms, ascending.
pub(crate) struct Walk<'a> {
    reader: Reader<'a>,
    /// The term that was read last.
    pub text: String,
    left: Range<u32>,
    start: usize,
}

impl Walk<'_> {
    pub fn next(&mut self) -> Result<Option<Term>> {
        let Some(index) = self.left.next() else { return Ok(None) };
        let term = read(&mut self.reader, &mut self.text, index, self.start)?;
        self.start += term.len;
        Ok(Some(term))
    }
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn tiling(lists: usize) -> Error {
    Error::corrupt(format!("lists that do not fill their {lists} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::{at_once, Unpaced};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn opened(section: &[u8], lists: usize) -> Result<Lexicon> {
        at_once(Lexicon::open(section, lists, &Unpaced))
    }

    proptest! {
        #[test]
        fn finds_what_it_was_given(
            terms in btree_map("[a-c]{0,3}|\\PC{0,4}", (1u32..9, 0usize..300), 0..60),
            others in vec("[a-c]{0,3}|\\PC{0,3}", 0..20),
        ) {
            let mut writer = LexiconWriter::default();
            terms.iter().for_each(|(term, &(df, len))| writer.push(term, df, len));
            let bytes = writer.finish();
            let total = terms.values().map(|&(_, len)| len).sum();
            let lexicon = opened(&bytes, total).unwrap();
            let (mut start, mut expected) = (0, Vec::new());
            for (index, (term, &(df, len))) in terms.iter().enumerate() {
                let entry = Term { index: index as u32, df, start, len };
                prop_assert_eq!(lexicon.find(term), Some(entry));
                expected.push((term.clone(), entry));
                start += len;
            }
            let mut all = Vec::new();
            lexicon.for_each(|text, term| { all.push((text.to_owned(), term)); Ok(()) }).unwrap();
            prop_assert_eq!(all, expected);
            prop_assert!(others.iter().all(|term| lexicon.find(term).is_some() == terms.contains_key(term)));
            prop_assert!(opened(&bytes, total + 1).is_err());
            prop_assert!((0..bytes.len()).all(|cut| opened(&bytes[..cut], total).is_err()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in vec(any::<u8>(), 0..60), terms in 0u8..8) {
            bytes.insert(0, terms);
            if let Ok(lexicon) = opened(&bytes, 10) {
                lexicon.for_each(|text, _| { lexicon.find(text).unwrap(); Ok(()) }).unwrap();
            }
        }
    }

    #[test]
    fn terms_must_ascend() {
        let mut writer = LexiconWriter::default();
        writer.push("b", 1, 0);
        writer.push("a", 1, 0);
        assert!(opened(&writer.finish(), 0).is_err());
    }
}
