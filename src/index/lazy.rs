//! A segment that is not here: its head is read when it is opened, and of the rest only what a query needs, block by
//! block, each verified. This file says what to fetch and takes what was fetched; fetching is the engine's work.
//!
//! ```text
//! section SUMS  CRC-32 of each 4 KiB of section TERM u32 | of section POST u32 |
//!               pages varint, per page: where its text begins in its blob varint | bytes of it varint |
//!               CRC-32 of each 4 KiB of it u32
//! ```

use super::catalog::Catalog;
use super::columns::Columns;
use super::kind::BlobKind;
use super::postings::{Postings, TermIndex, SLACK};
use super::segment::{read_head, Segment, KIND};
use crate::codec::blocks::BLOCK;
use crate::codec::{Blocks, Frame, Place, Reader, Writer};
use crate::error::{Error, Result};
use crate::pace::{at_once, Pacer, Unpaced};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Checksums of the parts that are fetched one by one.
#[derive(Debug)]
pub(super) struct Sums {
    terms: Blocks,
    lists: Blocks,
    pages: Vec<Blocks>,
}

/// The text within the bytes of a page.
fn text_run(page: &[u8]) -> Result<Blocks> {
    let (kind, id) = Frame::identity(page)?;
    let frame = Frame::open(page, kind, id)?;
    Ok(Blocks::of(frame.place(*b"TEXT")?.start, frame.section(*b"TEXT")?))
}

impl Sums {
    pub fn encode(terms: &[u8], lists: &[u8], pages: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        Blocks::of(0, terms).encode(&mut writer);
        Blocks::of(0, lists).encode(&mut writer);
        writer.varint(pages.len() as u64);
        for page in pages {
            let text = text_run(page)?;
            writer.varint(text.start as u64);
            writer.varint(text.length as u64);
            text.encode(&mut writer);
        }
        Ok(writer.into_bytes())
    }

    pub fn read(frame: &Frame, pages: u32) -> Result<Sums> {
        let mut reader = Reader::new(frame.section(*b"SUMS")?);
        let (terms, lists) = (frame.place(*b"TERM")?, frame.place(*b"POST")?);
        let terms = Blocks::decode(&mut reader, terms.start, terms.length)?;
        let lists = Blocks::decode(&mut reader, lists.start, lists.length)?;
        let count = reader.count(2)?;
        if count != pages as usize {
            return Err(Error::corrupt(format!("checksums of {count} pages, {pages} there")));
        }
        let number = |reader: &mut Reader| {
            u32::try_from(reader.varint()?).map(|n| n as usize).map_err(|_| Error::corrupt("a page of 4 GiB"))
        };
        let page = |reader: &mut Reader| {
            let (start, length) = (number(reader)?, number(reader)?);
            Blocks::decode(reader, start, length)
        };
        let pages = (0..count).map(|_| page(&mut reader)).collect::<Result<_>>()?;
        reader.end()?;
        Ok(Sums { terms, lists, pages })
    }

    /// Compares them with the segment, if it is all there.
    pub async fn check(&self, frame: &Frame<'_>, pacer: &dyn Pacer) -> Result<()> {
        for (run, tag) in [(&self.terms, *b"TERM"), (&self.lists, *b"POST")] {
            for (block, bytes) in frame.section(tag)?.chunks(BLOCK).enumerate() {
                run.check(block, bytes)?;
                pacer.pause().await?;
            }
        }
        Ok(())
    }
}

/// The list of a term, and how many postings it has.
type List = (u32, Vec<u8>);

/// Lists that are remembered: those of some hundred queries.
const KEPT: usize = 2_000;

/// A segment of which the head is here. What was fetched once is kept.
pub struct Lazy {
    sums: Sums,
    index: TermIndex,
    columns: Place,
    /// With what was fetched of it, but for terms.
    segment: RefCell<Segment>,
    has_columns: RefCell<bool>,
    /// `None`: the segment does not hold the term.
    lists: RefCell<BTreeMap<String, Option<List>>>,
}

impl Lazy {
    /// `head` is the beginning of the segment's blob of `total` bytes, as long as its manifest says.
    ///
    /// # Errors
    /// `Corrupt`, `FormatTooOld`, `FormatTooNew`; `Unsupported` for version 1, whose segments have no head.
    pub fn open(id: u64, head: &[u8], total: usize) -> Result<Lazy> {
        Lazy::read(id, head, total).map_err(|e| e.within(format!("segment {id}")))
    }

    fn read(id: u64, head: &[u8], total: usize) -> Result<Lazy> {
        let frame = Frame::prefix(head, total, KIND, id)?;
        if frame.format() < 2 {
            return Err(Error::unsupported("version 1 of the format is not read in parts"));
        }
        let (config, docs, chunks) = read_head(&frame)?;
        let catalog = at_once(Catalog::open(&frame, docs, chunks, &Unpaced))?;
        let sums = Sums::read(&frame, catalog.pages())?;
        let (terms, lists) = (sums.terms.length, sums.lists.length.saturating_sub(SLACK));
        let index = TermIndex::decode(frame.section(*b"LIDX")?, terms, lists)?;
        let segment = Segment {
            id,
            fingerprint: frame.fingerprint(),
            format: frame.format(),
            config,
            docs,
            chunks,
            catalog: Arc::new(catalog),
            columns: Arc::default(),
            postings: Arc::new(Postings::without_terms(&frame, chunks)?),
            vectors: None,
            impacts: None,
            tokens: None,
        };
        Ok(Lazy {
            sums,
            index,
            columns: frame.place(*b"COLS")?,
            segment: RefCell::new(segment),
            has_columns: RefCell::new(false),
            lists: RefCell::default(),
        })
    }

    /// What is here, without any term.
    pub fn segment(&self) -> Segment {
        self.segment.borrow().clone()
    }

    /// The run of section TERM, and the part of it that holds a term, if that part is still needed.
    pub fn term_part(&self, term: &str) -> Option<(&Blocks, Range<usize>)> {
        match self.lists.borrow().contains_key(term) {
            true => None,
            false => self.index.range(term).map(|range| (&self.sums.terms, range)),
        }
    }

    /// Looks for a term in the bytes of its part: its number of postings, the run of section POST, and the part of
    /// that which holds its list.
    pub fn find(&self, term: &str, bytes: &[u8]) -> Result<Option<(u32, &Blocks, Range<usize>)>> {
        let found = self.index.find(term, bytes)?;
        let place = |term: super::postings::Term| (term.df, &self.sums.lists, term.start..term.start + term.len);
        Ok(found.map(place))
    }

    /// Remembers the list of a term, or that there is none.
    pub fn learn(&self, term: &str, list: Option<(u32, Vec<u8>)>) {
        self.lists.borrow_mut().insert(term.to_owned(), list);
    }

    /// The segment with the postings of these terms, all of which were learnt or have no part.
    ///
    /// # Errors
    /// `Corrupt` for a list that contradicts itself.
    pub fn with_terms<'a>(&self, terms: impl IntoIterator<Item = &'a str>) -> Result<Segment> {
        let mut segment = self.segment();
        let mut lists = self.lists.borrow_mut();
        let asked: Vec<&str> = terms.into_iter().collect();
        let known = lists.iter().filter(|(term, _)| asked.contains(&term.as_str()));
        let wanted = known.filter_map(|(term, list)| list.as_ref().map(|(df, list)| (term.as_str(), *df, &list[..])));
        segment.postings = Arc::new(Postings::of_terms(segment.postings.lengths.clone(), wanted)?);
        if lists.len() > KEPT {
            lists.clear();
        }
        Ok(segment)
    }

    /// Where the columns are that filters read, while they are not here.
    pub fn columns_place(&self) -> Option<Place> {
        (!*self.has_columns.borrow()).then_some(self.columns)
    }

    pub fn take_columns(&self, bytes: &[u8]) -> Result<()> {
        self.columns.check(bytes)?;
        let mut segment = self.segment.borrow_mut();
        segment.columns = Arc::new(Columns::decode(bytes, segment.docs)?);
        *self.has_columns.borrow_mut() = true;
        Ok(())
    }

    pub fn take_vectors(&self, bytes: &[u8]) -> Result<()> {
        let with = self.segment().with_vectors(bytes)?;
        *self.segment.borrow_mut() = with;
        Ok(())
    }

    pub fn take_extra(&self, kind: BlobKind, bytes: &[u8]) -> Result<()> {
        let with = self.segment().with_extra(kind, bytes)?;
        *self.segment.borrow_mut() = with;
        Ok(())
    }

    /// The text of a page within its blob.
    pub fn page(&self, number: u32) -> Result<&Blocks> {
        let missing = || Error::internal(format!("page {number} of {}", self.sums.pages.len()));
        self.sums.pages.get(number as usize).ok_or_else(missing)
    }

    /// Whether these are the bytes of a page, by the checksums that the segment keeps of it.
    pub fn check_page(&self, number: u32, bytes: &[u8]) -> Result<()> {
        match text_run(bytes)? == *self.page(number)? {
            true => Ok(()),
            false => Err(Error::corrupt(format!("page {number} is not the one that its segment knows"))),
        }
    }
}
