//! The container of every stored blob.
//!
//! ```text
//! magic "NFLD" | format u16 | reader u16 | kind [u8;4] | id u64 | sections u32
//! per section: tag [u8;4] | offset u32 | length u32 | crc32 u32
//! crc32 u32 of everything above
//! the sections, each at a multiple of 16, zeros between them, nothing after the last
//! ```
//! `format` is the version of the writer, `reader` the oldest version that can read the blob, `kind` and `id` say
//! which blob this is, so that two blobs that were swapped are noticed. A section is verified when it is taken.
//! `FORMAT.md` is the norm.

use super::crc::{crc32, crc32_after};
use super::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pace::Pacer;
use std::cell::Cell;

/// Four ASCII letters.
pub type Tag = [u8; 4];

const MAGIC: Tag = *b"NFLD";
/// Version this code writes, and newest it reads.
pub const FORMAT: u16 = 3;
/// Oldest version that can read what this code writes.
pub const READER: u16 = 3;
/// Oldest version this code reads.
pub const OLDEST: u16 = 1;
const HEADER: usize = 4 + 2 + 2 + 4 + 8 + 4;
const ENTRY: usize = 16;
const ALIGN: usize = 16;

pub struct FrameWriter {
    kind: Tag,
    id: u64,
    sections: Vec<(Tag, Vec<u8>)>,
}

impl FrameWriter {
    pub fn new(kind: Tag, id: u64) -> FrameWriter {
        FrameWriter { kind, id, sections: Vec::new() }
    }

    pub fn section(&mut self, tag: Tag, bytes: Vec<u8>) -> &mut FrameWriter {
        self.sections.push((tag, bytes));
        self
    }

    pub fn finish(self) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        writer.raw(&MAGIC);
        writer.u16(FORMAT);
        writer.u16(READER);
        writer.raw(&self.kind);
        writer.u64(self.id);
        writer.u32(self.sections.len() as u32);
        let mut offset = (HEADER + ENTRY * self.sections.len() + 4).next_multiple_of(ALIGN);
        for (tag, bytes) in &self.sections {
            let too_big = || Error::limit("a stored blob above 4 GiB");
            writer.raw(tag);
            writer.u32(u32::try_from(offset).map_err(|_| too_big())?);
            writer.u32(u32::try_from(bytes.len()).map_err(|_| too_big())?);
            writer.u32(crc32(bytes));
            offset = (offset + bytes.len()).next_multiple_of(ALIGN);
        }
        let mut bytes = writer.into_bytes();
        bytes.extend_from_slice(&crc32(&bytes).to_le_bytes());
        bytes.reserve_exact(offset.saturating_sub(bytes.len()));
        // Each is let go once it is there: together they may take tens of megabytes.
        for (_, section) in self.sections {
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
            bytes.extend_from_slice(&section);
        }
        Ok(bytes)
    }
}

/// A blob whose header was verified.
#[derive(Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    format: u16,
    entries: Vec<(Tag, usize, usize, u32)>,
    /// All sections are known to be good.
    verified: Cell<bool>,
}

/// Bytes whose checksum is computed between two pauses: less than a millisecond of work.
const PIECE: usize = 1 << 20;

impl<'a> Frame<'a> {
    /// Kind and id that a blob claims to be, before anything of it was verified.
    pub fn identity(bytes: &[u8]) -> Result<(Tag, u64)> {
        let mut reader = Reader::new(bytes);
        if reader.raw(4).ok() != Some(&MAGIC) {
            return Err(Error::corrupt("not a Nearfield blob"));
        }
        reader.u32()?;
        let mut kind = [0; 4];
        kind.copy_from_slice(reader.raw(4)?);
        Ok((kind, reader.u64()?))
    }

    /// Checks magic, versions, identity, the table and its checksum, and that the sections tile the blob exactly.
    pub fn open(bytes: &'a [u8], kind: Tag, id: u64) -> Result<Frame<'a>> {
        Frame::prefix(bytes, bytes.len(), kind, id)
    }

    /// As [`Frame::open`], of a blob of `total` bytes of which only the first were read: the sections within them can
    /// be taken.
    pub fn prefix(bytes: &'a [u8], total: usize, kind: Tag, id: u64) -> Result<Frame<'a>> {
        let mut reader = Reader::new(bytes);
        if reader.raw(4).ok() != Some(&MAGIC) {
            return Err(Error::corrupt("not a Nearfield blob"));
        }
        let (format, needs) = (reader.u16()?, reader.u16()?);
        if needs > FORMAT {
            let message = format!("format {format} needs a reader of version {needs}; this one is {FORMAT}");
            return Err(Error::new(ErrorKind::FormatTooNew, message));
        }
        if format < OLDEST {
            let message = format!("format {format}; the oldest that can be read is {OLDEST}");
            return Err(Error::new(ErrorKind::FormatTooOld, message));
        }
        let (found_kind, found_id, count) = (reader.raw(4)?, reader.u64()?, reader.u32()? as usize);
        if count > limits::FRAME_SECTIONS || count * ENTRY + 4 > reader.remaining() {
            return Err(Error::corrupt(format!("{count} sections declared")));
        }
        let table = HEADER + count * ENTRY;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let mut tag = [0; 4];
            tag.copy_from_slice(reader.raw(4)?);
            entries.push((tag, reader.u32()? as usize, reader.u32()? as usize, reader.u32()?));
        }
        if reader.u32()? != crc32(&bytes[..table]) {
            return Err(Error::corrupt("checksum of the section table"));
        }
        if found_kind != kind || found_id != id {
            let message = format!("blob {}-{found_id} where {}-{id} belongs", show(found_kind), show(&kind));
            return Err(Error::corrupt(message));
        }
        let mut end = table + 4;
        for &(tag, offset, length, _) in &entries {
            let next = offset.checked_add(length).filter(|&next| next <= total);
            let gap_is_zero = || bytes.iter().take(offset).skip(end).all(|&b| b == 0);
            match next {
                Some(next) if offset == end.next_multiple_of(ALIGN) && gap_is_zero() => end = next,
                _ => return Err(Error::corrupt(format!("section {} lies outside its place", show(&tag)))),
            }
        }
        if end != total || bytes.len() > total {
            return Err(Error::corrupt(format!("{total} bytes where {end} belong")));
        }
        Ok(Frame { bytes, format, entries, verified: Cell::new(false) })
    }

    /// The version of its writer.
    pub fn format(&self) -> u16 {
        self.format
    }

    /// The checksum of the table, and so of the checksums of all sections: blobs of one kind and id that share it are
    /// equal.
    pub fn fingerprint(&self) -> u32 {
        let table = HEADER + self.entries.len() * ENTRY;
        crc32(&self.bytes[..table])
    }

    /// The bytes of a section, after their checksum was compared.
    pub fn section(&self, tag: Tag) -> Result<&'a [u8]> {
        let section = self.optional(tag)?;
        section.ok_or_else(|| Error::corrupt(format!("section {} is missing", show(&tag))))
    }

    pub fn optional(&self, tag: Tag) -> Result<Option<&'a [u8]>> {
        let Some(&(_, offset, length, _)) = self.entries.iter().find(|entry| entry.0 == tag) else {
            return Ok(None);
        };
        let unread = || Error::internal(format!("section {} was not read", show(&tag)));
        let section = self.bytes.get(offset..offset + length).ok_or_else(unread)?;
        match self.verified.get() {
            true => Ok(Some(section)),
            false => self.place(tag)?.check(section).map(|()| Some(section)),
        }
    }

    /// The sections in their order.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.entries.iter().map(|entry| entry.0)
    }

    /// Compares every section with its checksum.
    pub fn verify(&self) -> Result<()> {
        self.tags().try_for_each(|tag| self.section(tag).map(drop))
    }

    /// As [`Frame::verify`], politely; sections that are taken afterwards are not checked again.
    pub async fn verify_paced(&self, pacer: &dyn Pacer) -> Result<()> {
        for &(tag, start, length, expected) in &self.entries {
            let mut crc = 0;
            for piece in self.bytes.get(start..start + length).unwrap_or_default().chunks(PIECE) {
                crc = crc32_after(crc, piece);
                pacer.pause().await?;
            }
            if crc != expected {
                return Err(Error::corrupt(format!("checksum of section {}", show(&tag))));
            }
        }
        self.verified.set(true);
        Ok(())
    }

    /// Where a section is, for readers that fetch it alone.
    pub fn place(&self, tag: Tag) -> Result<Place> {
        let entry = self.entries.iter().find(|entry| entry.0 == tag);
        let &(tag, start, length, crc) =
            entry.ok_or_else(|| Error::corrupt(format!("section {} is missing", show(&tag))))?;
        Ok(Place { tag, start, length, crc })
    }
}

/// Where a section is within its blob, and its checksum.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    tag: Tag,
    pub start: usize,
    pub length: usize,
    crc: u32,
}

impl Place {
    /// Whether these are the bytes of the section.
    pub fn check(&self, section: &[u8]) -> Result<()> {
        match section.len() == self.length && crc32(section) == self.crc {
            true => Ok(()),
            false => Err(Error::corrupt(format!("checksum of section {}", show(&self.tag)))),
        }
    }
}

/// [`Frame::fingerprint`] of a blob whose sections were not verified: by it a manifest knows its blobs.
pub fn fingerprint(bytes: &[u8]) -> Result<u32> {
    let (kind, id) = Frame::identity(bytes)?;
    Ok(Frame::open(bytes, kind, id)?.fingerprint())
}

fn show(tag: &[u8]) -> String {
    tag.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = FrameWriter::new(*b"TEST", 7);
        writer.section(*b"AAAA", vec![1, 2, 3]).section(*b"EMPT", vec![]).section(*b"BBBB", vec![9; 40]);
        writer.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> Result<()> {
        let frame = Frame::open(bytes, *b"TEST", 7)?;
        for tag in [*b"AAAA", *b"EMPT", *b"BBBB"] {
            frame.section(tag)?;
        }
        Ok(())
    }

    #[test]
    fn sections_come_back() {
        let bytes = sample();
        let frame = Frame::open(&bytes, *b"TEST", 7).unwrap();
        assert_eq!(frame.section(*b"AAAA").unwrap(), [1, 2, 3]);
        assert!(frame.section(*b"EMPT").unwrap().is_empty());
        assert_eq!(frame.section(*b"BBBB").unwrap(), [9; 40]);
        assert!(frame.optional(*b"NONE").unwrap().is_none());
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_noticed() {
        let bytes = sample();
        for len in 0..bytes.len() {
            assert!(read_all(&bytes[..len]).is_err(), "cut at {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read_all(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_blob_in_its_place_is_noticed() {
        let bytes = sample();
        assert_eq!(Frame::open(&bytes, *b"TEST", 8).unwrap_err().kind, ErrorKind::Corrupt);
        assert_eq!(Frame::open(&bytes, *b"REST", 7).unwrap_err().kind, ErrorKind::Corrupt);
    }

    #[test]
    fn a_prefix_gives_the_sections_within_it() {
        let bytes = sample();
        let whole = Frame::open(&bytes, *b"TEST", 7).unwrap();
        let place = whole.place(*b"BBBB").unwrap();
        for len in 0..bytes.len() {
            let Ok(frame) = Frame::prefix(&bytes[..len], bytes.len(), *b"TEST", 7) else { continue };
            assert_eq!(frame.section(*b"AAAA").is_ok(), len >= place.start - 13, "{len}");
            assert_eq!(frame.section(*b"BBBB").unwrap_err().kind, ErrorKind::Internal);
            assert!(Frame::prefix(&bytes[..len], bytes.len() + 1, *b"TEST", 7).is_err());
        }
        place.check(&bytes[place.start..]).unwrap();
        assert!(place.check(&bytes[place.start + 1..]).is_err());
    }

    #[test]
    fn versions_are_told_apart() {
        let mut bytes = sample();
        bytes[6] = READER as u8 + 1;
        assert_eq!(read_all(&bytes).unwrap_err().kind, ErrorKind::FormatTooNew);
        let mut bytes = sample();
        bytes[4] = 0;
        assert_eq!(read_all(&bytes).unwrap_err().kind, ErrorKind::FormatTooOld);
    }
}
