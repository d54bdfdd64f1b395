//! The texts of a segment, in blobs of about 64 kB, so that a hit loads only the page it needs.

use super::segment::Segment;
use crate::error::{Error, Result};

/// The verified text of one page.
#[derive(Debug)]
pub struct Page {
    text: String,
}

impl Page {
    /// # Errors
    /// `Corrupt` for damaged bytes and for another segment's or another number's page.
    pub fn open(segment: &Segment, number: u32, _bytes: &[u8]) -> Result<Page> {
        Err(Error::corrupt(format!("segment {}: page {number}", segment.id())))
    }

    /// The text of a document that lies in this page.
    pub fn text(&self, segment: &Segment, doc: u32) -> Result<&str> {
        let range = segment.doc(doc)?.text;
        self.text.get(range).ok_or_else(|| Error::corrupt("text outside its page"))
    }

    /// Bytes of text, for a cache to count.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}
