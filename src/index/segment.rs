//! One immutable segment, opened: documents, chunks, postings, vectors and filter columns.

use super::bitset::Bitset;
use super::builder::SegmentConfig;
use super::document::Meta;
use crate::error::{Error, Result};
use serde::Serialize;
use std::ops::Range;

/// A document of a segment. Its text is in page `page` at `text`.
#[derive(Clone, Debug)]
pub struct DocRef<'a> {
    pub id: &'a str,
    pub title: Option<&'a str>,
    pub url: Option<&'a str>,
    /// A JSON object.
    pub meta_json: &'a str,
    pub page: u32,
    /// Bytes of the page's text.
    pub text: Range<usize>,
}

impl DocRef<'_> {
    pub fn meta(&self) -> Result<Meta> {
        serde_json::from_str(self.meta_json).map_err(|e| Error::corrupt("metadata that is not JSON").with_source(e))
    }
}

/// A chunk of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRef<'a> {
    pub doc: u32,
    /// Bytes of the document's stored text.
    pub span: Range<usize>,
    /// Bytes of the text that came in.
    pub source: Range<usize>,
    pub context: &'a str,
}

/// What a segment weighs in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentStats {
    pub terms: usize,
    pub postings: usize,
    pub postings_bytes: usize,
    pub vector_bytes: usize,
}

pub struct Segment {
    id: u64,
    config: SegmentConfig,
}

impl Segment {
    /// Checks every checksum, ordinal and offset once, so that nothing that follows can fail or panic on them.
    ///
    /// # Errors
    /// `Corrupt`, `FormatTooOld`, `FormatTooNew`.
    pub fn open(id: u64, _main: Vec<u8>) -> Result<Segment> {
        Ok(Segment { id, config: SegmentConfig { language: String::new(), vectors: None } })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn config(&self) -> &SegmentConfig {
        &self.config
    }

    pub fn docs(&self) -> u32 {
        0
    }

    pub fn chunks(&self) -> u32 {
        0
    }

    /// Number of page blobs.
    pub fn pages(&self) -> u32 {
        0
    }

    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn doc(&self, doc: u32) -> Result<DocRef<'_>> {
        Err(Error::internal(format!("document {doc}")))
    }

    /// The ordinal of the document with this id.
    pub fn find(&self, _id: &str) -> Option<u32> {
        None
    }

    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn chunk(&self, chunk: u32) -> Result<ChunkRef<'_>> {
        Err(Error::internal(format!("chunk {chunk}")))
    }

    /// The chunks of a document, in the order of its text.
    pub fn doc_chunks(&self, _doc: u32) -> Range<u32> {
        0..0
    }

    /// The page that holds the text of a document.
    ///
    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn page_of(&self, doc: u32) -> Result<u32> {
        self.doc(doc).map(|doc| doc.page)
    }

    /// The text of a document out of the bytes of its page, which are verified at each call: open a
    /// [`super::Page`] where several texts are wanted.
    pub fn text_of<'a>(&self, _page: &'a [u8], doc: u32) -> Result<&'a str> {
        Err(Error::internal(format!("document {doc}")))
    }

    /// The vector of a chunk at full width, dequantised; of length 1 for [`super::Metric::Cosine`]. `None` without
    /// vectors.
    pub fn vector(&self, chunk: u32) -> Result<Option<Vec<f32>>> {
        self.chunk(chunk).map(|_| None)
    }

    /// Names of the metadata fields that occur, sorted.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        [].into_iter()
    }

    /// The chunks of a set of documents.
    pub fn expand(&self, _docs: &Bitset) -> Bitset {
        Bitset::new(self.chunks())
    }

    pub fn stats(&self) -> SegmentStats {
        SegmentStats::default()
    }
}
