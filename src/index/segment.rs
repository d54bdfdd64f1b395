//! One immutable segment, opened: documents, chunks, postings, vectors and filter columns.
//!
//! ```text
//! frame of kind "SEGM" and the segment's id
//! section HEAD  documents u32 | chunks u32 | language: length varint, UTF-8 |
//!               has vectors u8, and if 1: dimensions varint, storage u8, metric u8
//! sections DOCS, CHNK (catalog.rs), COLS (columns.rs), LENS, TERM, POST (postings/), VECS (vectors/), if any
//! ```

use super::bitset::Bitset;
use super::builder::SegmentConfig;
use super::catalog::{Catalog, ChunkRef, DocRef};
use super::columns::{Column, Columns};
use super::page;
use super::postings::Postings;
use super::vectors::{VectorConfig, Vectors};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use serde::Serialize;
use std::ops::Range;

const KIND: [u8; 4] = *b"SEGM";

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
    fingerprint: u32,
    config: SegmentConfig,
    docs: u32,
    chunks: u32,
    catalog: Catalog,
    columns: Columns,
    postings: Postings,
    vectors: Option<Vectors>,
}

/// A frame with its head written, for the other parts to add their sections.
pub(super) fn begin(id: u64, config: &SegmentConfig, docs: u32, chunks: u32) -> FrameWriter {
    let mut head = Writer::new();
    head.u32(docs);
    head.u32(chunks);
    head.text(&config.language);
    head.u8(u8::from(config.vectors.is_some()));
    if let Some(vectors) = &config.vectors {
        vectors.encode(&mut head);
    }
    let mut frame = FrameWriter::new(KIND, id);
    frame.section(*b"HEAD", head.into_bytes());
    frame
}

fn read_head(bytes: &[u8]) -> Result<(SegmentConfig, u32, u32)> {
    let mut head = Reader::new(bytes);
    let (docs, chunks) = (head.u32()?, head.u32()?);
    let language = head.text()?.to_owned();
    let vectors = match head.u8()? {
        0 => None,
        1 => Some(VectorConfig::decode(&mut head)?),
        other => return Err(Error::corrupt(format!("vectors: {other}"))),
    };
    head.end()?;
    Ok((SegmentConfig { language, vectors }, docs, chunks))
}

impl Segment {
    /// Checks every checksum, ordinal and offset once, so that nothing that follows can fail or panic on them.
    ///
    /// # Errors
    /// `Corrupt`, `FormatTooOld`, `FormatTooNew`.
    pub fn open(id: u64, main: Vec<u8>) -> Result<Segment> {
        Segment::read(id, &main).map_err(|e| e.within(format!("segment {id}")))
    }

    fn read(id: u64, main: &[u8]) -> Result<Segment> {
        let frame = Frame::open(main, KIND, id)?;
        let (config, docs, chunks) = read_head(frame.section(*b"HEAD")?)?;
        let catalog = Catalog::open(&frame, docs, chunks)?;
        let columns = Columns::decode(frame.section(*b"COLS")?, docs)?;
        let postings = Postings::open(&frame, chunks)?;
        let vectors = match &config.vectors {
            Some(vectors) => Some(Vectors::decode(vectors, frame.section(*b"VECS")?, chunks)?),
            None => None,
        };
        Ok(Segment { id, fingerprint: frame.fingerprint(), config, docs, chunks, catalog, columns, postings, vectors })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// A checksum of everything in it. Segments that share it and their id are equal.
    pub(super) fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    pub fn config(&self) -> &SegmentConfig {
        &self.config
    }

    pub fn docs(&self) -> u32 {
        self.docs
    }

    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Number of page blobs.
    pub fn pages(&self) -> u32 {
        self.catalog.pages()
    }

    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn doc(&self, doc: u32) -> Result<DocRef<'_>> {
        self.catalog.doc(doc).ok_or_else(|| self.no("document", doc, self.docs))
    }

    /// The ordinal of the document with this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.catalog.find(id)
    }

    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn chunk(&self, chunk: u32) -> Result<ChunkRef<'_>> {
        self.catalog.chunk(chunk).ok_or_else(|| self.no("chunk", chunk, self.chunks))
    }

    fn no(&self, what: &str, ordinal: u32, count: u32) -> Error {
        Error::internal(format!("segment {}: {what} {ordinal} of {count}", self.id))
    }

    /// The chunks of a document, in the order they were given. Empty for a document that does not exist.
    pub fn doc_chunks(&self, doc: u32) -> Range<u32> {
        self.catalog.doc_chunks(doc)
    }

    /// The page that holds the text of a document.
    ///
    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn page_of(&self, doc: u32) -> Result<u32> {
        self.doc(doc).map(|doc| doc.page)
    }

    /// The text of a document out of the bytes of its page, which are verified at each call: open a
    /// [`Page`](super::Page) where several texts are wanted.
    ///
    /// # Errors
    /// `Corrupt` for damaged bytes and for another page; `Internal` for an ordinal that does not exist.
    pub fn text_of<'a>(&self, page: &'a [u8], doc: u32) -> Result<&'a str> {
        page::text_of(page, self, doc)
    }

    /// The vector of a chunk at full width, dequantised; of length 1 for [`Metric::Cosine`](super::Metric::Cosine).
    /// `None` without vectors.
    ///
    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn vector(&self, chunk: u32) -> Result<Option<Vec<f32>>> {
        match chunk < self.chunks {
            true => Ok(self.vectors.as_ref().map(|vectors| vectors.vector(chunk as usize))),
            false => Err(self.no("chunk", chunk, self.chunks)),
        }
    }

    /// Names of the metadata fields that occur, sorted.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.columns.names()
    }

    /// The chunks of a set of documents.
    pub fn expand(&self, docs: &Bitset) -> Bitset {
        let mut chunks = Bitset::new(self.chunks);
        docs.ones().for_each(|doc| chunks.insert_range(self.doc_chunks(doc)));
        chunks
    }

    pub fn stats(&self) -> SegmentStats {
        SegmentStats {
            terms: self.postings.lexicon.len(),
            postings: self.postings.count,
            postings_bytes: self.postings.bytes(),
            vector_bytes: self.vectors.as_ref().map_or(0, Vectors::bytes),
        }
    }

    pub(super) fn postings(&self) -> &Postings {
        &self.postings
    }

    pub(super) fn vectors(&self) -> Option<&Vectors> {
        self.vectors.as_ref()
    }

    pub(super) fn column(&self, field: &str) -> Option<&Column> {
        self.columns.get(field)
    }

    /// For `$id`, `$title` and `$url`: the value of each document.
    pub(super) fn built_in<'a>(&'a self, field: &str) -> Option<impl Fn(u32) -> Option<&'a str> + use<'a>> {
        let names = self.catalog.built_in(field)?;
        Some(move |doc: u32| Some(names.get(doc as usize)).filter(|text| !text.is_empty()))
    }
}
