//! Which documents of a sealed segment are deleted: one bit each. Segments never change, so this is the only trace
//! a deletion leaves until a merge. It travels in the manifest, as gaps while few are deleted, as the bitmap itself
//! when that is shorter.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};

const GAPS: u8 = 0;
const BITMAP: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tombstones {
    docs: u32,
    deleted: u32,
    words: Vec<u64>,
}

impl Tombstones {
    /// Of a segment of `docs` documents, none deleted.
    pub fn new(docs: u32) -> Tombstones {
        Tombstones { docs, deleted: 0, words: vec![0; docs.div_ceil(64) as usize] }
    }

    /// Documents in the segment, deleted ones included.
    pub fn docs(&self) -> u32 {
        self.docs
    }

    /// How many are deleted.
    pub fn deleted(&self) -> u32 {
        self.deleted
    }

    pub fn is_empty(&self) -> bool {
        self.deleted == 0
    }

    /// Marks a document; `false` if it was marked before or is not in the segment.
    pub fn insert(&mut self, doc: u32) -> bool {
        if doc >= self.docs || self.contains(doc) {
            return false;
        }
        self.words[doc as usize / 64] |= 1 << (doc % 64);
        self.deleted += 1;
        true
    }

    pub fn contains(&self, doc: u32) -> bool {
        self.words.get(doc as usize / 64).is_some_and(|word| word >> (doc % 64) & 1 == 1)
    }

    /// The deleted documents, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let next = |&rest: &u64| Some(rest & rest.wrapping_sub(1)).filter(|&rest| rest != 0);
            std::iter::successors(Some(word).filter(|&word| word != 0), next)
                .map(move |rest| at as u32 * 64 + rest.trailing_zeros())
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        let mut gaps = Writer::new();
        gaps.varint(u64::from(self.deleted));
        let mut next = 0;
        for doc in self.iter() {
            gaps.varint(u64::from(doc - next));
            next = doc + 1;
        }
        if gaps.len() <= self.bitmap_bytes() {
            writer.u8(GAPS);
            writer.raw(&gaps.into_bytes());
        } else {
            writer.u8(BITMAP);
            let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
            writer.raw(&bytes[..self.bitmap_bytes()]);
        }
    }

    /// `docs` is what the segment's entry in the manifest declares. Nothing of that size is allocated for gaps
    /// before the caller has checked it against a cap.
    pub(crate) fn read(reader: &mut Reader<'_>, docs: u32) -> Result<Tombstones> {
        let mut tombstones = Tombstones::new(docs);
        match reader.u8()? {
            GAPS => {
                let mut next = 0u64;
                for _ in 0..reader.count(1)? {
                    let doc = next.saturating_add(reader.varint()?);
                    if doc >= u64::from(docs) {
                        return Err(Error::corrupt(format!("document {doc} of {docs} is deleted")));
                    }
                    tombstones.insert(doc as u32);
                    next = doc + 1;
                }
            }
            BITMAP => {
                let bytes = reader.raw(tombstones.bitmap_bytes())?;
                for doc in (0..docs).filter(|doc| bytes[*doc as usize / 8] >> (doc % 8) & 1 == 1) {
                    tombstones.insert(doc);
                }
                let padding = bytes.len() * 8 - docs as usize;
                if padding > 0 && bytes[bytes.len() - 1] >> (8 - padding) != 0 {
                    return Err(Error::corrupt(format!("a document beyond the last of {docs} is deleted")));
                }
            }
            form => return Err(Error::corrupt(format!("tombstones in form {form}"))),
        }
        Ok(tombstones)
    }

    fn bitmap_bytes(&self) -> usize {
        self.docs.div_ceil(8) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn round_trip(tombstones: &Tombstones) -> Vec<u8> {
        let mut writer = Writer::new();
        tombstones.write(&mut writer);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(&Tombstones::read(&mut reader, tombstones.docs).unwrap(), tombstones);
        assert!(reader.is_empty());
        bytes
    }

    proptest! {
        #[test]
        fn they_are_a_set_and_come_back(docs in 0u32..1000, marks in prop::collection::vec(0u32..1100, 0..400)) {
            let mut tombstones = Tombstones::new(docs);
            let mut oracle = BTreeSet::new();
            for mark in marks {
                prop_assert_eq!(tombstones.insert(mark), mark < docs && oracle.insert(mark));
            }
            prop_assert_eq!(tombstones.iter().collect::<Vec<_>>(), oracle.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(tombstones.deleted() as usize, oracle.len());
            prop_assert!((0..1100).all(|doc| tombstones.contains(doc) == oracle.contains(&doc)));
            round_trip(&tombstones);
        }
    }

    #[test]
    fn few_cost_little_and_many_no_more_than_the_bitmap() {
        let mut tombstones = Tombstones::new(50_000);
        tombstones.insert(49_999);
        assert_eq!(round_trip(&tombstones).len(), 5);
        assert_eq!((0..50_000).filter(|&doc| tombstones.insert(doc)).count(), 49_999);
        assert_eq!(round_trip(&tombstones).len(), 1 + 50_000 / 8);
    }

    #[test]
    fn documents_beyond_the_segment_are_refused() {
        for bytes in [vec![GAPS, 1, 9], vec![GAPS, 2, 8, 0], vec![BITMAP, 0, 2], vec![BITMAP, 0], vec![2]] {
            assert!(Tombstones::read(&mut Reader::new(&bytes), 9).is_err(), "{bytes:?}");
        }
    }
}
