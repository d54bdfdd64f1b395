//! Which documents of a sealed segment are deleted. Segments never change, so this is the only trace a deletion
//! leaves until a merge; it travels in the manifest.

use crate::codec::{Reader, Writer};
use crate::error::Result;
use crate::index::Bitset;

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tombstones {
    bits: Bitset,
}

impl Tombstones {
    /// Of a segment of `docs` documents, none deleted.
    pub fn new(docs: u32) -> Tombstones {
        Tombstones { bits: Bitset::new(docs) }
    }

    /// Marks a document; `false` if it was marked before or is not in the segment.
    pub fn insert(&mut self, doc: u32) -> bool {
        let new = doc < self.bits.len() && !self.bits.contains(doc);
        self.bits.insert(doc);
        new
    }

    pub fn contains(&self, doc: u32) -> bool {
        self.bits.contains(doc)
    }

    /// Documents in the segment, deleted ones included.
    pub fn docs(&self) -> u32 {
        self.bits.len()
    }

    /// How many are deleted.
    pub fn deleted(&self) -> u32 {
        self.bits.count()
    }

    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// The deleted documents, for arithmetic with other sets.
    pub fn bits(&self) -> &Bitset {
        &self.bits
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.bits.encode(writer);
    }

    /// `docs` is what the manifest declares for the segment; the caller has compared it with a cap.
    pub(super) fn read(reader: &mut Reader<'_>, docs: u32) -> Result<Tombstones> {
        Ok(Tombstones { bits: Bitset::decode(reader, docs)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_deleted_once() {
        let mut tombstones = Tombstones::new(70);
        assert!(tombstones.is_empty());
        assert!(tombstones.insert(69) && tombstones.insert(0));
        assert!(!tombstones.insert(69) && !tombstones.insert(70));
        assert!(tombstones.contains(69) && !tombstones.contains(1) && !tombstones.contains(70));
        assert_eq!((tombstones.deleted(), tombstones.docs()), (2, 70));
    }
}
