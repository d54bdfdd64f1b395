//! The texts of a segment, in blobs of about 64 kB, so that a hit loads only the page it needs.
//!
//! ```text
//! frame of kind "PAGE" and the segment's id
//! section HEAD  number of the page u32
//! section TEXT  the texts of its documents, one after the other, UTF-8
//! ```

use super::segment::Segment;
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};

const KIND: [u8; 4] = *b"PAGE";

/// A page is closed when its text has this many bytes. A longer document has a page of its own.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

pub(crate) fn encode(segment: u64, number: u32, text: String) -> Result<Vec<u8>> {
    let mut head = Writer::new();
    head.u32(number);
    let mut frame = FrameWriter::new(KIND, segment);
    frame.section(*b"HEAD", head.into_bytes()).section(*b"TEXT", text.into_bytes());
    frame.finish()
}

/// The verified text, out of the bytes of a page.
fn decode(bytes: &[u8], segment: u64, number: u32) -> Result<&str> {
    let read = || {
        let frame = Frame::open(bytes, KIND, segment)?;
        let mut head = Reader::new(frame.section(*b"HEAD")?);
        let found = head.u32()?;
        head.end()?;
        if found != number {
            return Err(Error::corrupt(format!("holds page {found}")));
        }
        let text = std::str::from_utf8(frame.section(*b"TEXT")?);
        text.map_err(|e| Error::corrupt("text that is not UTF-8").with_source(e))
    };
    read().map_err(|e: Error| e.within(format!("segment {segment}, page {number}")))
}

/// The text of document `doc`, out of its page.
fn cut<'a>(text: &'a str, segment: &Segment, doc: u32) -> Result<&'a str> {
    let outside =
        || Error::corrupt(format!("segment {}: the text of document {doc} lies outside its page", segment.id()));
    text.get(segment.doc(doc)?.text).ok_or_else(outside)
}

pub(super) fn text_of<'a>(bytes: &'a [u8], segment: &Segment, doc: u32) -> Result<&'a str> {
    cut(decode(bytes, segment.id(), segment.page_of(doc)?)?, segment, doc)
}

/// The verified text of one page.
#[derive(Debug)]
pub struct Page {
    number: u32,
    text: String,
}

impl Page {
    /// # Errors
    /// `Corrupt` for damaged bytes and for another segment's or another number's page.
    pub fn open(segment: &Segment, number: u32, bytes: &[u8]) -> Result<Page> {
        Ok(Page { number, text: decode(bytes, segment.id(), number)?.to_owned() })
    }

    /// The text of a document that lies in this page.
    ///
    /// # Errors
    /// `Internal` for a document of another page.
    pub fn text(&self, segment: &Segment, doc: u32) -> Result<&str> {
        match segment.page_of(doc)? {
            page if page == self.number => cut(&self.text, segment, doc),
            page => Err(Error::internal(format!("document {doc} is in page {page}, not {}", self.number))),
        }
    }

    /// Whether the documents that the segment has in this page fill it, and their chunks begin and end between
    /// characters.
    ///
    /// # Errors
    /// `Corrupt` if not.
    pub fn check(&self, segment: &Segment) -> Result<()> {
        let mut end = 0;
        for doc in 0..segment.docs() {
            let found = segment.doc(doc)?;
            if found.page != self.number {
                continue;
            }
            let text = self.text(segment, doc)?;
            end = found.text.end;
            for chunk in segment.doc_chunks(doc) {
                if text.get(segment.chunk(chunk)?.span).is_none() {
                    return Err(Error::corrupt(format!("chunk {chunk} ends within a character")));
                }
            }
        }
        match end == self.text.len() {
            true => Ok(()),
            false => Err(Error::corrupt(format!("page {} has {} bytes, not {end}", self.number, self.text.len()))),
        }
    }

    /// Bytes of text, for a cache to count.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}
