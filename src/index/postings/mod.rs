//! Postings: for each term the chunks that hold it, with its frequency in body and title.
//!
//! ```text
//! section LENS  per chunk: body length varint, title length varint; then per chunk: norm f32
//! sections TERM, LIDX  the lexicon and its index: see lexicon.rs, index.rs
//! section POST  the lists in order of their terms, then 8 bytes of slack. One list of df postings:
//!   per full block of 128: last chunk - last chunk of the block before varint | payload length varint |
//!                          greatest body frequency, greatest title frequency, least body length,
//!                          least title length varint | least norm f32
//!   the payloads of the full blocks: three widths u8, then gaps - 1, body and title frequencies packed
//!   the other df % 128 postings: gap - 1 varint | body frequency * 2 + (title frequency > 0) varint |
//!                          title frequency varint, unless 0
//! ```
//! A gap is the distance to the chunk before; the first chunk counts from -1. Lengths are exact numbers of terms; the
//! norm is the root of the sum over the chunk's terms of (1 + ln(body + title frequency))^2, for cosines.

mod build;
mod cursor;
mod forward;
mod index;
mod lexicon;
mod packing;

pub(crate) use build::{Field, PostingsBuilder};
pub(crate) use cursor::{Bound, Cursor, END};
pub(crate) use forward::Forward;
pub(crate) use index::TermIndex;
pub(crate) use lexicon::{Lexicon, LexiconWriter, Term};

use crate::codec::{Frame, Reader};
use crate::error::{Error, Result};
use crate::pace::{at_once, Pacer, Stride, Unpaced};
pub(crate) use packing::SLACK;
use std::sync::Arc;

/// Number of terms of one chunk in each field, and its norm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Length {
    pub body: u32,
    pub title: u32,
    pub norm: f32,
}

/// How often one term stands in one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub chunk: u32,
    pub body: u32,
    pub title: u32,
}

/// Postings that are written or verified between two pauses; also terms.
pub(crate) const PAUSE: usize = 4096;

/// The postings of a segment, verified.
pub(crate) struct Postings {
    pub lexicon: Lexicon,
    /// Shared by the parts of a remote segment.
    pub lengths: Arc<[Length]>,
    lists: Vec<u8>,
    /// Number of postings.
    pub count: usize,
    /// Chunks with at least one term.
    pub filled: u32,
    /// Terms in all bodies and in all titles.
    pub total: (u64, u64),
}

impl Postings {
    pub async fn open(frame: &Frame<'_>, chunks: u32, pacer: &dyn Pacer) -> Result<Postings> {
        let lengths = read_lengths(frame.section(*b"LENS")?, chunks)?;
        let lists = frame.section(*b"POST")?.to_vec();
        pacer.pause().await?;
        let lexicon = Lexicon::open(frame.section(*b"TERM")?, lists.len().saturating_sub(SLACK), pacer).await?;
        if frame.optional(*b"LIDX")?.is_some_and(|index| index != lexicon.index()) {
            return Err(Error::corrupt("the index of terms contradicts them"));
        }
        pacer.pause().await?;
        Postings::new(lexicon, lengths.into(), lists, pacer).await
    }

    /// The part of a remote segment's postings that some terms need: each with its number of postings and its list,
    /// ascending by term.
    pub fn of_terms<'a>(
        lengths: Arc<[Length]>,
        terms: impl IntoIterator<Item = (&'a str, u32, &'a [u8])>,
    ) -> Result<Postings> {
        let (mut lexicon, mut lists) = (LexiconWriter::default(), Vec::new());
        for (term, df, list) in terms {
            lexicon.push(term, df, list.len());
            lists.extend_from_slice(list);
        }
        let lexicon = at_once(Lexicon::open(&lexicon.finish(), lists.len(), &Unpaced))?;
        lists.extend([0; SLACK]);
        at_once(Postings::new(lexicon, lengths, lists, &Unpaced))
    }

    /// The lengths alone, of a remote segment of which no term was asked for yet.
    pub fn without_terms(frame: &Frame, chunks: u32) -> Result<Postings> {
        Postings::of_terms(read_lengths(frame.section(*b"LENS")?, chunks)?.into(), [])
    }

    async fn new(lexicon: Lexicon, lengths: Arc<[Length]>, lists: Vec<u8>, pacer: &dyn Pacer) -> Result<Postings> {
        let filled = lengths.iter().filter(|length| length.body > 0 || length.title > 0).count() as u32;
        let total = lengths
            .iter()
            .fold((0, 0), |(body, title), length| (body + u64::from(length.body), title + u64::from(length.title)));
        let mut postings = Postings { lexicon, lengths, lists, count: 0, filled, total };
        postings.count = postings.verify(pacer).await?;
        Ok(postings)
    }

    /// Reads every list once, so that no later reader meets a chunk that does not exist.
    async fn verify(&self, pacer: &dyn Pacer) -> Result<usize> {
        let (mut walk, mut count, mut stride) = (self.lexicon.walk(), 0, Stride::new(pacer, PAUSE));
        while let Some(term) = walk.next()? {
            let list = self.cursor(&term).and_then(|cursor| cursor.verify(&self.lengths));
            let more = list.map_err(|e| e.within(format!("postings of {:?}", walk.text)))?;
            count += more;
            stride.done(more).await?;
        }
        Ok(count)
    }

    pub fn cursor(&self, term: &Term) -> Result<Cursor<'_>> {
        let list = self.lists.get(term.start..).ok_or_else(|| Error::corrupt("a list outside its section"))?;
        Cursor::new(list, term.len, term.df, &self.lengths)
    }

    pub fn bytes(&self) -> usize {
        self.lists.len() + self.lexicon.bytes() + self.lengths.len() * size_of::<Length>()
    }
}

fn read_lengths(bytes: &[u8], chunks: u32) -> Result<Vec<Length>> {
    let mut reader = Reader::new(bytes);
    if chunks as usize > bytes.len() {
        return Err(Error::corrupt(format!("lengths of {chunks} chunks in {} bytes", bytes.len())));
    }
    let mut lengths = vec![Length::default(); chunks as usize];
    let length = |reader: &mut Reader| {
        u32::try_from(reader.varint()?).map_err(|_| Error::corrupt("a chunk of more than 2^32 terms"))
    };
    for slot in &mut lengths {
        (slot.body, slot.title) = (length(&mut reader)?, length(&mut reader)?);
    }
    for (slot, norm) in lengths.iter_mut().zip(reader.f32s(chunks as usize)?) {
        slot.norm = norm;
        // A chunk with a term has a norm of at least 1: scorers divide by it.
        if norm < 0.0 || (norm < 1.0 && (slot.body > 0 || slot.title > 0)) {
            return Err(Error::corrupt(format!("a norm of {norm}")));
        }
    }
    reader.end()?;
    Ok(lengths)
}

/// What [`PostingsBuilder::seal`] made: the sections of these names.
pub(crate) struct Encoded {
    pub lengths: Vec<u8>,
    pub index: Vec<u8>,
    pub terms: Vec<u8>,
    pub lists: Vec<u8>,
}
