//! One immutable segment, opened: documents, chunks, postings, vectors and filter columns.
//!
//! ```text
//! frame of kind "SEGM" and the segment's id
//! section HEAD  documents u32 | chunks u32 | language: length varint, UTF-8
//! sections LENS, LIDX (postings/), SUMS (lazy.rs), CHNK, DOCS (catalog.rs): what a remote reader reads first;
//!          COLS (columns.rs), TERM, POST (postings/)
//! ```
//! In version 1, HEAD ends with: has vectors u8, and if 1: dimensions varint, storage u8, metric u8; then section VECS
//! holds them; and LIDX and SUMS are missing.

use super::bitset::Bitset;
use super::builder::SegmentConfig;
use super::catalog::{Catalog, ChunkRef, DocRef};
use super::columns::{Column, Columns, ColumnsBuilder};
use super::impacts::Impacts;
use super::kind::BlobKind;
use super::lazy::Sums;
use super::page;
use super::postings::{Postings, END};
use super::tokens::{TokenForm, TokenView, Tokens};
use super::unit::Level;
use super::vectors::{VectorConfig, Vectors};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::pace::{at_once, Pacer, Unpaced};
use crate::sorting::set;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

pub(super) const KIND: [u8; 4] = *b"SEGM";

/// What a segment weighs in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentStats {
    pub terms: usize,
    pub postings: usize,
    pub postings_bytes: usize,
    pub vector_bytes: usize,
    /// Of the learned sparse model's weights.
    pub impact_bytes: usize,
    /// Vectors of tokens, and what they take.
    pub tokens: usize,
    pub token_bytes: usize,
}

/// Parts are shared, so that a copy with one of them replaced costs nothing.
#[derive(Clone)]
pub struct Segment {
    pub(super) id: u64,
    pub(super) fingerprint: u32,
    pub(super) format: u16,
    pub(super) config: SegmentConfig,
    pub(super) docs: u32,
    pub(super) chunks: u32,
    pub(super) catalog: Arc<Catalog>,
    pub(super) columns: Arc<Columns>,
    pub(super) postings: Arc<Postings>,
    pub(super) vectors: Option<Arc<Vectors>>,
    pub(super) impacts: Option<Arc<Impacts>>,
    pub(super) tokens: Option<Arc<Tokens>>,
}

/// A frame with its head written, for the other parts to add their sections.
pub(super) fn begin(id: u64, config: &SegmentConfig, docs: u32, chunks: u32) -> FrameWriter {
    let mut head = Writer::new();
    head.u32(docs);
    head.u32(chunks);
    head.text(&config.language);
    let mut frame = FrameWriter::new(KIND, id);
    frame.section(*b"HEAD", head.into_bytes());
    frame
}

/// Language and form of vectors (only ever in version 1), documents, chunks.
pub(super) fn read_head(frame: &Frame) -> Result<(SegmentConfig, u32, u32)> {
    let mut head = Reader::new(frame.section(*b"HEAD")?);
    let (docs, chunks) = (head.u32()?, head.u32()?);
    let language = head.text()?.to_owned();
    let vectors = match frame.format() {
        1 => head.u8()?,
        _ => 0,
    };
    let vectors = match vectors {
        0 => None,
        1 => Some(VectorConfig::decode(&mut head)?),
        other => return Err(Error::corrupt(format!("vectors: {other}"))),
    };
    head.end()?;
    Ok((SegmentConfig { language, vectors }, docs, chunks))
}

impl Segment {
    /// Checks every checksum, ordinal and offset once, so that nothing that follows can fail or panic on them. Its
    /// vectors come from [`Segment::with_vectors`].
    ///
    /// # Errors
    /// `Corrupt`, `FormatTooOld`, `FormatTooNew`.
    pub fn open(id: u64, main: &[u8]) -> Result<Segment> {
        at_once(Segment::open_paced(id, main, &Unpaced))
    }

    /// As [`Segment::open`], politely: a large segment takes some tenths of a second.
    pub async fn open_paced(id: u64, main: &[u8], pacer: &dyn Pacer) -> Result<Segment> {
        Segment::read(id, main, pacer).await.map_err(|e| e.within(format!("segment {id}")))
    }

    async fn read(id: u64, main: &[u8], pacer: &dyn Pacer) -> Result<Segment> {
        let frame = Frame::open(main, KIND, id)?;
        frame.verify_paced(pacer).await?;
        let (config, docs, chunks) = read_head(&frame)?;
        let catalog = Catalog::open(&frame, docs, chunks, pacer).await?;
        pacer.pause().await?;
        let columns = Columns::decode(frame.section(*b"COLS")?, docs)?;
        pacer.pause().await?;
        let postings = Postings::open(&frame, chunks, pacer).await?;
        pacer.pause().await?;
        let fingerprint = frame.fingerprint();
        let vectors = match &config.vectors {
            Some(config) => {
                let rows = frame.section(*b"VECS")?;
                Some(Vectors::decode(config, rows, chunks, fingerprint, pacer).await?)
            }
            None => None,
        };
        if frame.format() > 1 {
            Sums::read(&frame, catalog.pages())?.check(&frame, pacer).await?;
        }
        Ok(Segment {
            id,
            fingerprint,
            format: frame.format(),
            config,
            docs,
            chunks,
            catalog: Arc::new(catalog),
            columns: Arc::new(columns),
            postings: Arc::new(postings),
            vectors: vectors.map(Arc::new),
            impacts: None,
            tokens: None,
        })
    }

    /// The same segment with the vectors in these bytes.
    ///
    /// # Errors
    /// `Corrupt` for damaged bytes and those of another segment.
    pub fn with_vectors(&self, bytes: &[u8]) -> Result<Segment> {
        at_once(self.with_vectors_paced(bytes, &Unpaced))
    }

    /// As [`Segment::with_vectors`], politely.
    pub async fn with_vectors_paced(&self, bytes: &[u8], pacer: &dyn Pacer) -> Result<Segment> {
        let vectors = Vectors::open_paced(bytes, self.id, self.chunks, pacer).await;
        let vectors = vectors.map_err(|e| e.within(format!("vectors of segment {}", self.id)))?;
        let config = SegmentConfig { vectors: Some(vectors.config().clone()), ..self.config.clone() };
        Ok(Segment { config, vectors: Some(Arc::new(vectors)), ..self.clone() })
    }

    /// The same segment as if it had no vectors.
    pub fn without_vectors(&self) -> Segment {
        let config = SegmentConfig { vectors: None, ..self.config.clone() };
        Segment { config, vectors: None, ..self.clone() }
    }

    /// The same segment with a further representation, out of its blob.
    ///
    /// # Errors
    /// `Corrupt` for damaged bytes and those of another segment; `Unsupported` for a kind that segments do not have, and
    /// for all of them in a build without models, whose segments have none.
    pub fn with_extra(&self, kind: BlobKind, bytes: &[u8]) -> Result<Segment> {
        if !cfg!(feature = "neural") {
            return Err(Error::unsupported(format!("a {} blob in a build without models", kind.name())));
        }
        at_once(self.with_extra_paced(kind, bytes, &Unpaced))
    }

    /// As [`Segment::with_extra`], politely.
    pub async fn with_extra_paced(&self, kind: BlobKind, bytes: &[u8], pacer: &dyn Pacer) -> Result<Segment> {
        let with = match kind {
            BlobKind::Splade => Impacts::open(bytes, self.id, self.chunks, pacer)
                .await
                .map(|impacts| Segment { impacts: Some(Arc::new(impacts)), ..self.clone() }),
            BlobKind::Colbert => Tokens::open(bytes, self.id, self.chunks, pacer)
                .await
                .map(|tokens| Segment { tokens: Some(Arc::new(tokens)), ..self.clone() }),
            other => Err(Error::unsupported(format!("a {} blob", other.name()))),
        };
        with.map_err(|e| e.within(format!("{} of segment {}", kind.name(), self.id)))
    }

    /// The further representations that it has.
    pub fn extras(&self) -> BTreeSet<BlobKind> {
        let impacts = self.impacts().into_iter().map(|_| BlobKind::Splade);
        set(impacts.chain(self.tokens().into_iter().map(|_| BlobKind::Colbert)))
    }

    /// The same segment as if it had no further representation.
    pub fn without_extras(&self) -> Segment {
        Segment { impacts: None, tokens: None, ..self.clone() }
    }

    /// What [`Segment::open`] need not know to be safe: that metadata is JSON with columns that agree, and that each
    /// chunk's lengths are the sums of its postings.
    ///
    /// # Errors
    /// `Corrupt` if not.
    pub fn check(&self) -> Result<()> {
        let checked = self.check_postings().and_then(|()| self.check_columns());
        checked.map_err(|e| e.within(format!("segment {}", self.id)))
    }

    fn check_postings(&self) -> Result<()> {
        let mut sums = vec![(0u64, 0u64); self.chunks as usize];
        self.postings.lexicon.for_each(|_, term| {
            self.postings.cursor(&term)?.drain(END, |posting| {
                let sum = &mut sums[posting.chunk as usize];
                *sum = (sum.0 + u64::from(posting.body), sum.1 + u64::from(posting.title));
            });
            Ok(())
        })?;
        let length =
            |chunk: usize| (self.postings.lengths[chunk].body.into(), self.postings.lengths[chunk].title.into());
        match (0..sums.len()).find(|&chunk| sums[chunk] != length(chunk)) {
            None => Ok(()),
            Some(chunk) => Err(Error::corrupt(format!("chunk {chunk} has other terms than its length says"))),
        }
    }

    /// The columns hold exactly what the metadata say: they are made anew and compared.
    fn check_columns(&self) -> Result<()> {
        let mut columns = ColumnsBuilder::default();
        for doc in 0..self.docs {
            columns.add(doc, &self.doc(doc)?.meta()?);
        }
        match Columns::decode(&columns.seal(), self.docs)? == *self.columns {
            true => Ok(()),
            false => Err(Error::corrupt("columns that contradict the metadata")),
        }
    }

    /// The version of the format that it was written in.
    pub fn format(&self) -> u16 {
        self.format
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

    /// Languages of documents that are not in that of the collection.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.catalog.languages().names().iter().map(String::as_str)
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

    /// Documents in ascending order of their ids, from the first whose id comes after `id`; "" comes before all.
    pub fn docs_after(&self, id: &str) -> &[u32] {
        self.catalog.after(id)
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

    /// Chunks that hold this analysed term.
    pub fn df(&self, term: &str) -> u32 {
        self.postings.lexicon.find(term).map_or(0, |term| term.df)
    }

    /// Names of the metadata fields that occur, sorted.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.columns.names()
    }

    /// The chunks of a level below the document; `None`: all of them.
    pub fn of_level(&self, level: Level) -> Option<Bitset> {
        self.catalog.units().of(level, self.chunks)
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
            vector_bytes: self.vectors.as_ref().map_or(0, |vectors| vectors.bytes()),
            impact_bytes: self.impacts().map_or(0, |impacts| impacts.bytes()),
            tokens: self.tokens().map_or(0, |tokens| tokens.count()),
            token_bytes: self.tokens().map_or(0, |tokens| tokens.bytes()),
        }
    }

    pub(super) fn postings(&self) -> &Postings {
        &self.postings
    }

    pub(super) fn vectors(&self) -> Option<&Vectors> {
        self.vectors.as_deref()
    }

    pub(super) fn impacts(&self) -> Option<&Impacts> {
        self.impacts.as_deref().filter(|_| cfg!(feature = "neural"))
    }

    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_deref().filter(|_| cfg!(feature = "neural"))
    }

    /// What its token vectors are codes of; `None` without any.
    pub fn token_form(&self) -> Option<TokenForm> {
        self.tokens().map(|tokens| tokens.form())
    }

    /// The token vectors of a chunk; none where there are none.
    ///
    /// # Errors
    /// `Internal` for an ordinal that does not exist.
    pub fn chunk_tokens(&self, chunk: u32) -> Result<Option<TokenView<'_>>> {
        match chunk < self.chunks {
            true => Ok(self.tokens().map(|tokens| tokens.chunk(chunk))),
            false => Err(self.no("chunk", chunk, self.chunks)),
        }
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
