//! The documents of a segment and the places of their chunks.
//!
//! ```text
//! section DOCS  ids, titles, URLs, metadata: each as strings (lengths varint, then the text), one per document;
//!               per document: bytes of text varint | whether it opens a page u8 | chunks varint;
//!               the documents in ascending order of their ids, u32 each
//! section CHNK  heading paths varint, then these as strings; per chunk: span: start, length varint |
//!               source: start, length varint | heading path varint
//! ```

use super::document::Meta;
use super::languages::Languages;
use super::page::PAGE_BYTES;
use super::strings::Strings;
use super::unit::{Unit, Units};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::{Pacer, Stride};
use std::collections::hash_map::DefaultHasher;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;

/// A document of a segment. Its text is in page `page` at `text`.
#[derive(Clone, Debug)]
pub struct DocRef<'a> {
    pub id: &'a str,
    /// Never empty, as `url`.
    pub title: Option<&'a str>,
    pub url: Option<&'a str>,
    /// A JSON object.
    pub meta_json: &'a str,
    /// Where it is not the collection's.
    pub language: Option<&'a str>,
    pub page: u32,
    /// Bytes of the page's text.
    pub text: Range<usize>,
}

impl DocRef<'_> {
    pub fn meta(&self) -> Result<Meta> {
        let meta = serde_json::from_str(self.meta_json);
        meta.map_err(|e| Error::corrupt(format!("document {:.60?}: metadata", self.id)).with_source(e))
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
    /// Heading path.
    pub context: &'a str,
    pub unit: Unit,
}

/// Where the text of a document is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub page: u32,
    /// Bytes of the page's text.
    pub start: u32,
    pub len: u32,
    /// Where its chunks end; they begin where those of the document before end.
    chunks: u32,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    doc: u32,
    span: (u32, u32),
    source: (u32, u32),
    context: u32,
}

#[derive(Default)]
pub(crate) struct Catalog {
    ids: Strings,
    titles: Strings,
    urls: Strings,
    metas: Strings,
    places: Vec<Place>,
    /// Documents in ascending order of their ids.
    order: Vec<u32>,
    contexts: Strings,
    chunks: Vec<Chunk>,
    units: Units,
    languages: Languages,
}

/// Documents or chunks that are read between two pauses.
const PAUSE: usize = 4096;

impl Catalog {
    pub async fn open(frame: &Frame<'_>, docs: u32, chunks: u32, pacer: &dyn Pacer) -> Result<Catalog> {
        let count = docs as usize;
        let mut reader = Reader::new(frame.section(*b"DOCS")?);
        let mut catalog = Catalog::default();
        let Catalog { ids, titles, urls, metas, .. } = &mut catalog;
        for strings in [ids, titles, urls, metas] {
            *strings = Strings::decode(&mut reader, count)?;
            pacer.pause().await?;
        }
        let (mut last, mut stride) = (Place::default(), Stride::new(pacer, PAUSE));
        for doc in 0..count {
            let (len, opens, chunks) = (number(reader.varint()?)?, reader.u8()?, number(reader.varint()?)?);
            if opens > 1 || (doc == 0 && opens == 0) {
                return Err(Error::corrupt(format!("document {doc} opens a page: {opens}")));
            }
            let (page, start) = match (doc, opens) {
                (0, _) => (0, 0),
                (_, 0) => (last.page, last.start.checked_add(last.len).ok_or_else(too_big)?),
                _ => (last.page + 1, 0),
            };
            last = Place { page, start, len, chunks: last.chunks.checked_add(chunks).ok_or_else(too_big)? };
            catalog.places.push(last);
            stride.done(1).await?;
        }
        catalog.order = reader.u32s(count)?;
        reader.end()?;
        // Strictly ascending ids of documents that exist: so every document is there once.
        let disordered = || Error::corrupt("documents out of the order of their ids");
        if catalog.order.iter().any(|&doc| doc >= docs) {
            return Err(disordered());
        }
        let ids = |at: usize| catalog.ids.get(catalog.order[at] as usize);
        for at in 1..count {
            if ids(at - 1) >= ids(at) {
                return Err(disordered());
            }
            stride.done(1).await?;
        }
        if last.chunks != chunks {
            return Err(Error::corrupt(format!("{chunks} chunks of which documents have {}", last.chunks)));
        }
        catalog.read_chunks(frame.section(*b"CHNK")?, pacer).await?;
        if let Some(bytes) = frame.optional(*b"UNIT")? {
            let place = |chunk: &Chunk| (chunk.span, catalog.places[chunk.doc as usize].len);
            catalog.units = Units::decode(bytes, catalog.chunks.iter().map(place))?;
        }
        if let Some(bytes) = frame.optional(*b"LANG")? {
            catalog.languages = Languages::decode(bytes, count)?;
        }
        Ok(catalog)
    }

    async fn read_chunks(&mut self, bytes: &[u8], pacer: &dyn Pacer) -> Result<()> {
        let mut reader = Reader::new(bytes);
        let contexts = reader.count(1)?;
        self.contexts = Strings::decode(&mut reader, contexts)?;
        let mut stride = Stride::new(pacer, PAUSE);
        for doc in 0..self.places.len() as u32 {
            for _ in self.doc_chunks(doc) {
                let mut range = || {
                    let (start, len) = (number(reader.varint()?)?, number(reader.varint()?)?);
                    Ok((start, start.checked_add(len).ok_or_else(too_big)?))
                };
                let (span, source): ((u32, u32), (u32, u32)) = (range()?, range()?);
                let context = number(reader.varint()?)?;
                if span.1 > self.places[doc as usize].len || context as usize >= contexts {
                    return Err(Error::corrupt(format!("a chunk outside its document {doc}")));
                }
                self.chunks.push(Chunk { doc, span, source, context });
                stride.done(1).await?;
            }
        }
        reader.end()
    }

    pub fn pages(&self) -> u32 {
        self.places.last().map_or(0, |place| place.page + 1)
    }

    pub fn place(&self, doc: u32) -> Option<Place> {
        self.places.get(doc as usize).copied()
    }

    pub fn doc_chunks(&self, doc: u32) -> Range<u32> {
        let start = doc.checked_sub(1).and_then(|before| self.place(before)).map_or(0, |place| place.chunks);
        start..self.place(doc).map_or(start, |place| place.chunks)
    }

    pub fn find(&self, id: &str) -> Option<u32> {
        let at = self.order.binary_search_by(|&doc| self.ids.get(doc as usize).cmp(id)).ok()?;
        self.order.get(at).copied()
    }

    /// Documents in ascending order of their ids, from the first whose id comes after `id`.
    pub fn after(&self, id: &str) -> &[u32] {
        let start = self.order.partition_point(|&doc| self.ids.get(doc as usize) <= id);
        &self.order[start..]
    }

    /// The values of `$id`, `$title` or `$url`.
    pub fn built_in(&self, field: &str) -> Option<&Strings> {
        match field {
            "$id" => Some(&self.ids),
            "$title" => Some(&self.titles),
            "$url" => Some(&self.urls),
            _ => None,
        }
    }

    pub fn doc(&self, doc: u32) -> Option<DocRef<'_>> {
        let (place, index) = (self.place(doc)?, doc as usize);
        let (title, url) = (self.titles.get(index), self.urls.get(index));
        Some(DocRef {
            id: self.ids.get(index),
            title: Some(title).filter(|title| !title.is_empty()),
            url: Some(url).filter(|url| !url.is_empty()),
            meta_json: self.metas.get(index),
            language: self.languages.get(index),
            page: place.page,
            text: place.start as usize..place.start as usize + place.len as usize,
        })
    }

    pub fn units(&self) -> &Units {
        &self.units
    }

    pub fn languages(&self) -> &Languages {
        &self.languages
    }

    pub fn chunk(&self, chunk: u32) -> Option<ChunkRef<'_>> {
        let unit = self.units.get(chunk);
        let chunk = self.chunks.get(chunk as usize)?;
        let range = |(start, end): (u32, u32)| start as usize..end as usize;
        let context = self.contexts.get(chunk.context as usize);
        Some(ChunkRef { doc: chunk.doc, span: range(chunk.span), source: range(chunk.source), context, unit })
    }
}

/// A catalog that grows, and the pages of text beside it.
#[derive(Default)]
pub(crate) struct CatalogBuilder {
    catalog: Catalog,
    /// Document by id: ids are unique within a segment.
    docs: HashMap<String, u32, BuildHasherDefault<DefaultHasher>>,
    contexts: HashMap<String, u32, BuildHasherDefault<DefaultHasher>>,
    pages: Vec<String>,
}

impl CatalogBuilder {
    pub fn contains(&self, id: &str) -> bool {
        self.docs.contains_key(id)
    }

    pub fn docs(&self) -> u32 {
        self.catalog.places.len() as u32
    }

    pub fn chunks(&self) -> u32 {
        self.catalog.chunks.len() as u32
    }

    /// Whether a document of these sizes can be added: all positions are 32 bits wide.
    pub fn check(&self, id: &str, text: &str, chunks: &[ChunkRef]) -> Result<()> {
        if self.contains(id) {
            return Err(Error::invalid(format!("document {id:.60?} is there already")));
        }
        if self.chunks() as usize + chunks.len() >= u32::MAX as usize {
            return Err(Error::limit("a segment of 2^32 chunks"));
        }
        let names = [&self.catalog.ids, &self.catalog.titles, &self.catalog.urls, &self.catalog.metas];
        let largest = names.into_iter().map(Strings::bytes).max().unwrap_or(0);
        let contexts: usize = chunks.iter().map(|chunk| chunk.context.len()).sum();
        let room = Strings::ROOM - limits::NAME_BYTES.max(limits::META_BYTES);
        if largest > room || self.catalog.contexts.bytes() + contexts > room {
            return Err(Error::limit("a segment of 4 GiB of names or metadata"));
        }
        let wrong = |range: &Range<usize>| range.start > range.end || range.end > limits::DOCUMENT_BYTES;
        let alone = |chunk: &ChunkRef| match &chunk.unit.parent {
            Some(parent) => {
                text.get(parent.clone()).is_none() || parent.start > chunk.span.start || parent.end < chunk.span.end
            }
            None => false,
        };
        let misplaced =
            |chunk: &ChunkRef| text.get(chunk.span.clone()).is_none() || wrong(&chunk.source) || alone(chunk);
        match chunks.iter().find(|chunk| misplaced(chunk)) {
            None => Ok(()),
            Some(ChunkRef { span, source, .. }) => {
                let place = format!("span {span:?} of {} bytes, source {source:?}", text.len());
                Err(Error::invalid(format!("document {id:.60?}: a chunk cannot lie at {place}")))
            }
        }
    }

    /// Adds a document that was checked.
    pub fn push(&mut self, doc: &DocRef, text: &str, chunks: &[ChunkRef]) -> Result<()> {
        let number = self.docs();
        self.docs.insert(doc.id.to_owned(), number);
        let catalog = &mut self.catalog;
        catalog.ids.push(doc.id)?;
        catalog.titles.push(doc.title.unwrap_or_default())?;
        catalog.urls.push(doc.url.unwrap_or_default())?;
        catalog.metas.push(doc.meta_json)?;
        catalog.languages.push(doc.language)?;
        if self.pages.last().is_none_or(|page| page.len() >= PAGE_BYTES || page.len() + text.len() > 2 * PAGE_BYTES) {
            self.pages.push(String::new());
        }
        let page = self.pages.len() - 1;
        let start = self.pages[page].len() as u32;
        self.pages[page].push_str(text);
        for chunk in chunks {
            let pair = |range: &Range<usize>| (range.start as u32, range.end as u32);
            let context = match self.contexts.get(chunk.context) {
                Some(&context) => context,
                None => {
                    catalog.contexts.push(chunk.context)?;
                    let context = self.contexts.len() as u32;
                    self.contexts.insert(chunk.context.to_owned(), context);
                    context
                }
            };
            catalog.units.push(&chunk.unit);
            catalog.chunks.push(Chunk { doc: number, span: pair(&chunk.span), source: pair(&chunk.source), context });
        }
        let chunks = catalog.chunks.len() as u32;
        catalog.places.push(Place { page: page as u32, start, len: text.len() as u32, chunks });
        Ok(())
    }

    /// Gives the texts of the pages away.
    pub fn take_texts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pages)
    }

    /// Writes the sections.
    pub fn seal(self, frame: &mut FrameWriter) {
        let catalog = self.catalog;
        let mut docs = Writer::new();
        for names in [&catalog.ids, &catalog.titles, &catalog.urls, &catalog.metas] {
            names.encode(&mut docs);
        }
        let mut page = None;
        for (doc, place) in (0..).zip(&catalog.places) {
            docs.varint(u64::from(place.len));
            docs.u8(u8::from(page != Some(place.page)));
            docs.varint(catalog.doc_chunks(doc).len() as u64);
            page = Some(place.page);
        }
        let mut order: Vec<u32> = (0..catalog.places.len() as u32).collect();
        order.sort_unstable_by_key(|&doc| catalog.ids.get(doc as usize));
        docs.u32s(&order);
        let mut chunks = Writer::new();
        chunks.varint(catalog.contexts.len() as u64);
        catalog.contexts.encode(&mut chunks);
        for Chunk { span, source, context, .. } in catalog.chunks {
            for value in [span.0, span.1 - span.0, source.0, source.1 - source.0, context] {
                chunks.varint(u64::from(value));
            }
        }
        frame.section(*b"CHNK", chunks.into_bytes()).section(*b"DOCS", docs.into_bytes());
        if let Some(units) = catalog.units.encode() {
            frame.section(*b"UNIT", units);
        }
        if let Some(languages) = catalog.languages.encode() {
            frame.section(*b"LANG", languages);
        }
    }
}

fn number(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| too_big())
}

fn too_big() -> Error {
    Error::corrupt("a position beyond 4 GiB")
}
