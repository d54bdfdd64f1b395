//! Collects documents and seals them into the bytes of one segment.

use super::catalog::{CatalogBuilder, ChunkRef, DocRef};
use super::columns::{finite, ColumnsBuilder};
use super::document::{Document, Meta};
use super::impacts::{ImpactsBuilder, WeightedTerms};
use super::kind::BlobKind;
use super::lazy::Sums;
use super::page;
use super::postings::{Field, Forward, PostingsBuilder};
use super::segment::{self, Segment};
use super::tokens::{ChunkTokens, TokensBuilder};
use super::unit::Unit;
use super::vectors::{VectorConfig, VectorsBuilder};
use crate::codec::Frame;
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::{at_once, Pacer, Unpaced};
use crate::text::{Analyzer, Analyzers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// What all segments of a collection have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentConfig {
    /// As [`Analyzers::new`] takes it: "en", "de", ..., "none", "auto".
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
    pub unit: Unit,
}

/// A segment as bytes, ready to be stored.
#[derive(Debug)]
pub struct Sealed {
    pub id: u64,
    /// For [`Segment::open`].
    pub main: Vec<u8>,
    /// How much of `main` a remote reader reads first.
    pub head: u32,
    /// Texts, by page number; for [`Page::open`](super::Page::open).
    pub pages: Vec<Vec<u8>>,
    /// For [`Segment::with_vectors`].
    pub vectors: Option<Vec<u8>>,
    /// Further representations, by ascending kind; for [`Segment::with_extra`].
    pub extras: Vec<(BlobKind, Vec<u8>)>,
    pub docs: u32,
    pub chunks: u32,
}

impl Sealed {
    /// The segment, with its vectors and further representations.
    pub fn open(&self) -> Result<Segment> {
        at_once(self.open_paced(&Unpaced))
    }

    /// As [`Sealed::open`], politely.
    pub async fn open_paced(&self, pacer: &dyn Pacer) -> Result<Segment> {
        let mut segment = Segment::open_paced(self.id, &self.main, pacer).await?;
        if let Some(vectors) = &self.vectors {
            segment = segment.with_vectors_paced(vectors, pacer).await?;
        }
        for (kind, bytes) in &self.extras {
            segment = segment.with_extra_paced(*kind, bytes, pacer).await?;
        }
        Ok(segment)
    }
}

/// Further representations of a document's chunks, one for each chunk; each must be given exactly when the builder was
/// made for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    pub splade: Option<&'a [WeightedTerms]>,
    pub tokens: Option<ChunkTokens<'a>>,
}

pub struct SegmentBuilder {
    config: SegmentConfig,
    analyzers: Analyzers,
    catalog: CatalogBuilder,
    columns: ColumnsBuilder,
    postings: PostingsBuilder,
    vectors: Option<VectorsBuilder>,
    impacts: Option<ImpactsBuilder>,
    tokens: Option<TokensBuilder>,
    /// The segment that documents were last copied from, by id and fingerprint.
    source: Option<((u64, u32), Forward)>,
}

impl SegmentBuilder {
    /// # Errors
    /// `InvalidInput` for an unknown language or zero dimensions, `LimitExceeded` for too many dimensions.
    pub fn new(config: &SegmentConfig) -> Result<SegmentBuilder> {
        SegmentBuilder::with(config, &BTreeSet::new())
    }

    /// One that also takes these further representations.
    ///
    /// # Errors
    /// As of [`SegmentBuilder::new`]; `Unsupported` for a kind that segments do not have.
    pub fn with(config: &SegmentConfig, extras: &BTreeSet<BlobKind>) -> Result<SegmentBuilder> {
        if let Some(other) = extras.iter().find(|kind| !kind.of_segments()) {
            return Err(Error::unsupported(format!("a {} blob", other.name())));
        }
        let vectors = config.vectors.as_ref().map(VectorsBuilder::new).transpose()?;
        Ok(SegmentBuilder {
            config: config.clone(),
            analyzers: Analyzers::new(&config.language)?,
            catalog: CatalogBuilder::default(),
            columns: ColumnsBuilder::default(),
            postings: PostingsBuilder::default(),
            vectors,
            impacts: extras.contains(&BlobKind::Splade).then(ImpactsBuilder::default),
            tokens: extras.contains(&BlobKind::Colbert).then(TokensBuilder::default),
            source: None,
        })
    }

    /// Makes room for the vectors of so many chunks at once.
    pub fn expect(&mut self, chunks: usize) {
        if let Some(vectors) = &mut self.vectors {
            vectors.expect(chunks);
        }
    }

    /// Adds a document whose `text` is the plain text to store and `chunks` its parts in order. `vectors` holds
    /// `chunks.len()` rows of `dims` numbers, row-major; it must be given exactly when the configuration has vectors.
    /// A document without chunks is kept but never found by a search; an empty title or URL counts as none. After an
    /// error the builder is as before.
    ///
    /// # Errors
    /// `InvalidInput` for an id that this builder already holds, spans outside the text or off character borders, a
    /// wrong number of vectors, and numbers that are not finite; `LimitExceeded` above a cap.
    pub fn add(&mut self, document: &Document, chunks: &[ChunkEntry], vectors: Option<&[f32]>) -> Result<()> {
        self.add_with(document, chunks, vectors, Beside::default())
    }

    /// As [`SegmentBuilder::add`], with further representations.
    ///
    /// # Errors
    /// As there, and for those that are not as the builder was made for, or hold weights that are not finite.
    pub fn add_with(
        &mut self,
        document: &Document,
        chunks: &[ChunkEntry],
        vectors: Option<&[f32]>,
        beside: Beside<'_>,
    ) -> Result<()> {
        let id = &document.id;
        document.check()?;
        let places: Vec<ChunkRef> = chunks.iter().map(chunk_ref).collect();
        self.catalog.check(id, &document.text, &places)?;
        let meta_json = meta_json(id, &document.meta)?;
        let analyzer = self.analyzers.get(document.language.as_deref())?;
        if self.impacts.is_some() != beside.splade.is_some() || beside.splade.is_some_and(|it| it.len() != chunks.len())
        {
            return Err(Error::invalid(format!("document {id:.60?}: weighted terms must be as configured")));
        }
        ImpactsBuilder::check(beside.splade.unwrap_or_default())
            .map_err(|e| e.within(format!("document {id:.60?}")))?;
        match (&self.tokens, &beside.tokens) {
            (None, None) => {}
            (Some(builder), Some(tokens)) => {
                builder.check(tokens, chunks.len()).map_err(|e| e.within(format!("document {id:.60?}")))?;
            }
            _ => return Err(Error::invalid(format!("document {id:.60?}: token vectors must be as configured"))),
        }
        match (&mut self.vectors, vectors) {
            (None, None) => {}
            (Some(builder), Some(rows)) => {
                builder.check(rows, chunks.len()).map_err(|e| e.within(format!("document {id:.60?}")))?;
                builder.push(rows);
            }
            (configured, _) => {
                let found = if configured.is_some() { "has none" } else { "has some" };
                return Err(Error::invalid(format!("document {id:.60?} {found}: vectors must be as configured")));
            }
        }
        // Nothing from here on can fail but on a bug.
        self.columns.add(self.catalog.docs(), &document.meta);
        let doc = DocRef {
            id,
            title: document.title.as_deref(),
            url: document.url.as_deref(),
            meta_json: &meta_json,
            language: document.language.as_deref(),
            page: 0,
            text: 0..document.text.len(),
        };
        self.catalog.push(&doc, &document.text, &places)?;
        let mut title = Vec::new();
        self.intern(&analyzer, document.title.as_deref().unwrap_or_default(), &mut title);
        let (mut body, mut context) = (Vec::new(), Vec::new());
        for chunk in &places {
            body.clear();
            context.clear();
            if !chunk.unit.sentence {
                self.intern(&analyzer, &document.text[chunk.span.clone()], &mut body);
                self.intern(&analyzer, chunk.context, &mut context);
                body.iter().for_each(|&term| self.postings.occurs(term, Field::Body));
                title.iter().chain(&context).for_each(|&term| self.postings.occurs(term, Field::Title));
            }
            self.postings.finish_chunk();
        }
        if let Some(impacts) = &mut self.impacts {
            beside.splade.into_iter().flatten().for_each(|terms| impacts.push(terms));
        }
        if let (Some(builder), Some(tokens)) = (&mut self.tokens, &beside.tokens) {
            builder.push(tokens);
        }
        Ok(())
    }

    /// Appends the terms of a text, as numbers.
    fn intern(&mut self, analyzer: &Analyzer, text: &str, terms: &mut Vec<u32>) {
        analyzer.analyze(text, &mut |term, _| terms.push(self.postings.intern(term)));
    }

    /// Takes a document over from another segment of the same configuration, for merges and updates of metadata:
    /// postings and quantised vectors are copied as they are, nothing is analysed again or loses precision. `text` is
    /// the stored text of the document; `meta`, if given, replaces its metadata. The first copy from a segment costs
    /// one pass over its postings, so copy segment by segment.
    ///
    /// # Errors
    /// As [`SegmentBuilder::add`]; `InvalidInput` for another configuration or text.
    pub fn copy(&mut self, from: &Segment, doc: u32, text: &str, meta: Option<&Meta>) -> Result<()> {
        let found = from.doc(doc)?;
        let same_extras =
            from.impacts().is_some() == self.impacts.is_some() && from.tokens().is_some() == self.tokens.is_some();
        if *from.config() != self.config || !same_extras {
            return Err(Error::invalid(format!("segment {} has another configuration", from.id())));
        }
        if let (Some(builder), Some(form)) = (&self.tokens, from.token_form()) {
            builder.check_form(&form)?;
        }
        if text.len() != found.text.len() {
            let message = format!("a text of {} bytes where {} were stored", text.len(), found.text.len());
            return Err(Error::invalid(format!("document {:.60?}: {message}", found.id)));
        }
        let chunks = from.doc_chunks(doc);
        let places = chunks.clone().map(|chunk| from.chunk(chunk)).collect::<Result<Vec<ChunkRef>>>()?;
        self.catalog.check(found.id, text, &places)?;
        let kept;
        let meta = match meta {
            Some(meta) => meta,
            None => {
                kept = found.meta()?;
                &kept
            }
        };
        let meta_json = meta_json(found.id, meta)?;
        let source = (from.id(), from.fingerprint());
        if self.source.as_ref().is_none_or(|(known, _)| *known != source) {
            self.source = Some((source, Forward::new(from.postings())?));
        }
        self.columns.add(self.catalog.docs(), meta);
        self.catalog.push(&DocRef { meta_json: &meta_json, ..found }, text, &places)?;
        if let Some((_, forward)) = &mut self.source {
            for chunk in chunks.clone() {
                forward.copy(chunk, &mut self.postings)?;
                self.postings.finish_copied(from.postings().lengths[chunk as usize]);
            }
        }
        if let (Some(to), Some(from)) = (&mut self.impacts, from.impacts()) {
            chunks.clone().try_for_each(|chunk| to.copy(source, from, chunk))?;
        }
        if let (Some(to), Some(from)) = (&mut self.tokens, from.tokens()) {
            chunks.clone().for_each(|chunk| to.copy(from.form(), from.chunk(chunk)));
        }
        if let (Some(to), Some(from)) = (&mut self.vectors, from.vectors()) {
            to.copy(from, chunks.start as usize..chunks.end as usize);
        }
        Ok(())
    }

    /// Whether a document of this id was added.
    pub fn contains(&self, id: &str) -> bool {
        self.catalog.contains(id)
    }

    pub fn docs(&self) -> u32 {
        self.catalog.docs()
    }

    pub fn chunks(&self) -> u32 {
        self.catalog.chunks()
    }

    pub fn is_empty(&self) -> bool {
        self.docs() == 0
    }

    /// The bytes of the segment. Same documents in the same order, same bytes.
    ///
    /// # Errors
    /// `LimitExceeded` when a part would exceed 4 GiB.
    pub fn seal(self, id: u64) -> Result<Sealed> {
        at_once(self.seal_paced(id, &Unpaced))
    }

    /// As [`SegmentBuilder::seal`], politely: a large segment takes some tenths of a second.
    pub async fn seal_paced(mut self, id: u64, pacer: &dyn Pacer) -> Result<Sealed> {
        let (docs, chunks) = (self.docs(), self.chunks());
        let texts = self.catalog.take_texts();
        let mut pages = Vec::with_capacity(texts.len());
        for (number, text) in (0..).zip(texts) {
            pages.push(page::encode(id, number, text)?);
            pacer.pause().await?;
        }
        let postings = self.postings.seal(pacer).await?;
        let mut frame = segment::begin(id, &self.config, docs, chunks);
        frame.section(*b"LENS", postings.lengths).section(*b"LIDX", postings.index);
        frame.section(*b"SUMS", Sums::encode(&postings.terms, &postings.lists, &pages)?);
        pacer.pause().await?;
        self.catalog.seal(&mut frame);
        frame.section(*b"COLS", self.columns.seal());
        frame.section(*b"TERM", postings.terms).section(*b"POST", postings.lists);
        let main = frame.finish()?;
        pacer.pause().await?;
        let head = Frame::open(&main, segment::KIND, id)?.place(*b"COLS")?.start as u32;
        let vectors = self.vectors.map(|vectors| vectors.blob(id, chunks)).transpose()?;
        pacer.pause().await?;
        let impacts = match self.impacts {
            Some(impacts) => Some(impacts.seal(id, pacer).await?),
            None => None,
        };
        let tokens = self.tokens.map(|tokens| tokens.seal(id)).transpose()?;
        let impacts = impacts.into_iter().map(|bytes| (BlobKind::Splade, bytes));
        let extras = impacts.chain(tokens.into_iter().map(|bytes| (BlobKind::Colbert, bytes))).collect();
        Ok(Sealed { id, main, head, pages, vectors, extras, docs, chunks })
    }
}

fn chunk_ref(entry: &ChunkEntry) -> ChunkRef<'_> {
    ChunkRef {
        doc: 0,
        span: entry.span.clone(),
        source: entry.source.clone(),
        context: &entry.context,
        unit: entry.unit.clone(),
    }
}

/// Metadata as it is stored, checked.
fn meta_json(id: &str, meta: &Meta) -> Result<String> {
    let json = serde_json::to_string(meta);
    let json = json.map_err(|e| Error::invalid(format!("document {id:.60?}: metadata")).with_source(e))?;
    if json.len() > limits::META_BYTES {
        let message = format!("metadata of {} bytes, at most {}", json.len(), limits::META_BYTES);
        return Err(Error::limit(format!("document {id:.60?}: {message}")));
    }
    match meta.values().all(finite) {
        true => Ok(json),
        false => Err(Error::invalid(format!("document {id:.60?}: metadata with a number that is not finite"))),
    }
}
