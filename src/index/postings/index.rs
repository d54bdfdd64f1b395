//! Where in the lexicon a term must be: the first term of every fourth block, so that a remote reader fetches some
//! hundred bytes of terms and not all of them.
//!
//! ```text
//! section LIDX  entries varint, then per entry, ascending: its first term: length varint, UTF-8 |
//!               distance in section TERM from the entry before varint | distance in section POST likewise varint
//! ```

use super::lexicon::{read, Lexicon, BLOCK};
use super::Term;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use std::ops::Range;

/// Blocks of the lexicon that one entry stands for.
const EVERY: usize = 4;

impl Lexicon {
    /// Section LIDX.
    pub fn index(&self) -> Vec<u8> {
        let blocks = (0..self.len().div_ceil(BLOCK)).step_by(EVERY);
        let mut writer = Writer::new();
        writer.varint(blocks.len() as u64);
        let mut last = (0, 0);
        for block in blocks {
            if let (Some(head), Some(place)) = (self.head(block), self.place(block)) {
                writer.text(head);
                writer.varint((place.0 - last.0) as u64);
                writer.varint((place.1 - last.1) as u64);
                last = place;
            }
        }
        writer.into_bytes()
    }
}

/// The index alone, without the lexicon.
#[derive(Debug, PartialEq)]
pub(crate) struct TermIndex {
    /// First term, place in TERM, place in POST.
    entries: Vec<(String, usize, usize)>,
    /// Length of section TERM.
    terms: usize,
}

impl TermIndex {
    /// `terms` and `lists` are the lengths of the sections TERM and POST.
    pub fn decode(bytes: &[u8], terms: usize, lists: usize) -> Result<TermIndex> {
        let mut reader = Reader::new(bytes);
        let mut entries: Vec<(String, usize, usize)> = Vec::new();
        let (mut at, mut start) = (0usize, 0usize);
        for _ in 0..reader.count(3)? {
            let head = reader.text()?.to_owned();
            let further = |from: usize, by: u64, end: usize| {
                let place = usize::try_from(by).ok().and_then(|by| from.checked_add(by));
                place.filter(|&place| place <= end).ok_or_else(|| Error::corrupt("an index outside its lexicon"))
            };
            at = further(at, reader.varint()?, terms)?;
            start = further(start, reader.varint()?, lists)?;
            if entries.last().is_some_and(|last| last.0 >= head || last.1 >= at) {
                return Err(Error::corrupt(format!("the index is out of order at {head:?}")));
            }
            entries.push((head, at, start));
        }
        reader.end()?;
        Ok(TermIndex { entries, terms })
    }

    fn entry(&self, term: &str) -> Option<usize> {
        self.entries.partition_point(|(head, _, _)| head.as_str() <= term).checked_sub(1)
    }

    /// The bytes of section TERM that hold the term if any do.
    pub fn range(&self, term: &str) -> Option<Range<usize>> {
        let entry = self.entry(term)?;
        Some(self.entries[entry].1..self.entries.get(entry + 1).map_or(self.terms, |next| next.1))
    }

    /// Looks for the term in the bytes of its range, which were verified.
    pub fn find(&self, term: &str, bytes: &[u8]) -> Result<Option<Term>> {
        let Some(entry) = self.entry(term) else { return Ok(None) };
        let (mut reader, mut text) = (Reader::new(bytes), String::new());
        let mut start = self.entries[entry].2;
        let mut index = (entry * EVERY * BLOCK) as u32;
        while !reader.is_empty() {
            if (index as usize).is_multiple_of(BLOCK) {
                text.clear();
            }
            let found = read(&mut reader, &mut text, index, start)?;
            if text.as_str() >= term {
                return Ok((text == term).then_some(found));
            }
            start = start.checked_add(found.len).ok_or_else(|| Error::corrupt("a list beyond memory"))?;
            index += 1;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::LexiconWriter;
    use super::*;
    use crate::pace::{at_once, Unpaced};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_the_lexicon_finds(
            terms in btree_map("[a-e]{0,4}|\\PC{0,4}", (1u32..9, 0usize..300), 0..400),
            others in vec("[a-e]{0,4}|\\PC{0,3}", 0..20),
        ) {
            let mut writer = LexiconWriter::default();
            terms.iter().for_each(|(term, &(df, len))| writer.push(term, df, len));
            let section = writer.finish();
            let lists = terms.values().map(|&(_, len)| len).sum();
            let lexicon = at_once(Lexicon::open(&section, lists, &Unpaced)).unwrap();
            let bytes = lexicon.index();
            let index = TermIndex::decode(&bytes, section.len(), lists).unwrap();
            for term in terms.keys().chain(&others) {
                let found = index.range(term).map(|range| index.find(term, &section[range]).unwrap());
                prop_assert_eq!(found.flatten(), lexicon.find(term));
            }
            prop_assert!((0..bytes.len()).all(|cut| TermIndex::decode(&bytes[..cut], section.len(), lists).is_err()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..60), terms in vec(any::<u8>(), 0..60)) {
            if let Ok(index) = TermIndex::decode(&bytes, terms.len(), 100) {
                for term in ["", "a", "zz"] {
                    let _ = index.range(term).map(|range| index.find(term, &terms[range]));
                }
            }
        }
    }
}
