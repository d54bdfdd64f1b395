//! What a manifest says of one segment and of each of its blobs.
//!
//! ```text
//! blob      bytes varint | flag u8 | fingerprint u32 if the flag is 1 (0: a blob of version 1)
//! segment   id u64 | docs u32 | chunks u32 | head u32 | main blob | pages: count varint, blob each
//!           | vectors, graph: u8 each, and if 1: number u64 | blob
//!           | extras: count varint, per blob: kind u8 | number u64 | blob | tombstones
//! part      rows u32 | blob
//! pending   embedder: length varint, JSON | run u64 | segments varint, per segment: id u64
//!           | parts: count varint, part each
//! ```

use super::extra::{self, Extras};
use super::{names, Tombstones};
use crate::codec::{fingerprint, Reader, Writer};
use crate::error::{Error, Result};
use crate::index::BlobKind;
use crate::model::EmbedderInfo;

/// A blob as a manifest knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    pub bytes: u64,
    /// Its [`fingerprint`]; not known of what version 1 wrote.
    pub sum: Option<u32>,
}

impl Blob {
    /// Of a frame.
    pub fn of(bytes: &[u8]) -> Result<Blob> {
        Ok(Blob { bytes: bytes.len() as u64, sum: Some(fingerprint(bytes)?) })
    }

    /// Whether `bytes` can be this blob: its length and its table of checksums are as recorded.
    pub fn check(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 != self.bytes {
            return Err(Error::corrupt(format!("{} bytes, not {}", bytes.len(), self.bytes)));
        }
        match self.sum {
            Some(sum) if fingerprint(bytes)? != sum => Err(Error::corrupt("another blob than the manifest names")),
            _ => Ok(()),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.varint(self.bytes);
        writer.u8(self.sum.is_some().into());
        self.sum.iter().for_each(|&sum| writer.u32(sum));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Blob> {
        let bytes = reader.varint()?;
        let sum = optional(reader, |reader| reader.u32())?;
        Ok(Blob { bytes, sum })
    }

    pub(super) fn check_size(&self) -> Result<()> {
        match self.bytes {
            0 => Err(Error::corrupt("a blob of no bytes")),
            _ => Ok(()),
        }
    }
}

/// A blob of which a segment, or a collection, has one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The generation that first named it, or, where it was prepared while others wrote, an earlier one.
    pub number: u64,
    pub blob: Blob,
}

impl Numbered {
    fn write(entry: &Option<Numbered>, writer: &mut Writer) {
        writer.u8(entry.is_some().into());
        if let Some(Numbered { number, blob }) = entry {
            writer.u64(*number);
            blob.write(writer);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Numbered> {
        Ok(Numbered { number: reader.u64()?, blob: Blob::read(reader)? })
    }
}

fn optional<T>(reader: &mut Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<Option<T>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => read(reader).map(Some),
        flag => Err(Error::corrupt(format!("flag {flag}"))),
    }
}

/// One segment: its blobs' names follow from its numbers by the rules of [`names`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    pub id: u64,
    /// Documents, deleted ones included.
    pub docs: u32,
    pub chunks: u32,
    /// Bytes of the main blob that a remote reader reads first; 0: it cannot be read in parts.
    pub head: u32,
    /// Documents, postings.
    pub main: Blob,
    /// Text.
    pub pages: Vec<Blob>,
    /// Vectors; in version 1 they are in the main blob.
    pub vectors: Option<Numbered>,
    /// The graph over the vectors, once it is built.
    pub graph: Option<Numbered>,
    /// Further representations of its chunks.
    pub extras: Extras,
    pub tombstones: Tombstones,
}

impl SegmentEntry {
    /// Bytes of the shortest entry: no page, vectors, graph, extra or tombstone.
    const LEAST: usize = SegmentEntry::LEAST_V2 + 1;
    const LEAST_V2: usize = 8 + 4 + 4 + 4 + 2 + 1 + 1 + 1 + 3;
    const LEAST_V1: usize = 8 + 4 + 4 + 8 + 1 + 1 + 3;

    pub fn main_name(&self) -> String {
        names::segment(self.id, self.main.sum)
    }

    /// Name of a page; that of a page which does not exist is one that no blob has.
    pub fn page_name(&self, page: usize) -> String {
        names::page(self.id, page, self.pages.get(page).and_then(|blob| blob.sum))
    }

    pub fn vectors_name(&self) -> Option<String> {
        self.vectors.map(|Numbered { number, blob }| names::vectors(self.id, number, blob.sum))
    }

    pub fn graph_name(&self) -> Option<String> {
        self.graph.map(|Numbered { number, blob }| names::graph(self.id, number, blob.sum))
    }

    /// Name of the blob of a further representation, if the segment has it.
    pub fn extra_name(&self, kind: BlobKind) -> Option<String> {
        self.extras.get(&kind).map(|Numbered { number, blob }| names::extra(self.id, kind, *number, blob.sum))
    }

    /// The segment's blobs by name.
    pub fn blobs(&self) -> impl Iterator<Item = (String, Blob)> + '_ {
        let pages = self.pages.iter().enumerate().map(|(at, &blob)| (self.page_name(at), blob));
        let of = |name: Option<String>, entry: Option<Numbered>| Some((name?, entry?.blob));
        let vectors = of(self.vectors_name(), self.vectors);
        let graph = of(self.graph_name(), self.graph);
        let extra = move |(kind, entry): (&BlobKind, &Numbered)| Some((self.extra_name(*kind)?, entry.blob));
        let extras = self.extras.iter().filter_map(extra);
        std::iter::once((self.main_name(), self.main)).chain(pages).chain(vectors).chain(graph).chain(extras)
    }

    /// Documents that are not deleted.
    pub fn live_docs(&self) -> u32 {
        self.docs - self.tombstones.deleted()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u64(self.id);
        [self.docs, self.chunks, self.head].iter().for_each(|&number| writer.u32(number));
        self.main.write(writer);
        writer.varint(self.pages.len() as u64);
        self.pages.iter().for_each(|page| page.write(writer));
        Numbered::write(&self.vectors, writer);
        Numbered::write(&self.graph, writer);
        extra::write(&self.extras, writer);
        self.tombstones.write(writer);
    }

    /// `room`: documents that the segments from here on may have, each of which sets a bit aside.
    fn read(reader: &mut Reader<'_>, room: &mut u32) -> Result<SegmentEntry> {
        SegmentEntry::read_with(reader, room, extra::read)
    }

    /// As version 2 wrote it: without extras.
    fn read_v2(reader: &mut Reader<'_>, room: &mut u32) -> Result<SegmentEntry> {
        SegmentEntry::read_with(reader, room, |_| Ok(Extras::new()))
    }

    fn read_with(
        reader: &mut Reader<'_>,
        room: &mut u32,
        extras: impl FnOnce(&mut Reader<'_>) -> Result<Extras>,
    ) -> Result<SegmentEntry> {
        let (id, docs, chunks, head) = (reader.u64()?, reader.u32()?, reader.u32()?, reader.u32()?);
        take_room(room, id, docs)?;
        let main = Blob::read(reader)?;
        let count = reader.count(2)?;
        let pages = (0..count).map(|_| Blob::read(reader)).collect::<Result<_>>()?;
        let vectors = optional(reader, Numbered::read)?;
        let graph = optional(reader, Numbered::read)?;
        let extras = extras(reader)?;
        let tombstones = Tombstones::read(reader, docs)?;
        Ok(SegmentEntry { id, docs, chunks, head, main, pages, vectors, graph, extras, tombstones })
    }

    /// As version 1 wrote it: id u64 | docs u32 | chunks u32 | bytes of main u64 | pages: count varint, bytes u32 each
    /// | graph u8 (0, or 1: number u32 | bytes u64) | tombstones.
    fn read_v1(reader: &mut Reader<'_>, room: &mut u32) -> Result<SegmentEntry> {
        let blob = |bytes: u64| Blob { bytes, sum: None };
        let (id, docs, chunks, main) = (reader.u64()?, reader.u32()?, reader.u32()?, reader.u64()?);
        take_room(room, id, docs)?;
        let count = reader.count(4)?;
        let pages = reader.u32s(count)?.into_iter().map(|bytes| blob(bytes.into())).collect();
        let graph =
            optional(reader, |reader| Ok(Numbered { number: reader.u32()?.into(), blob: blob(reader.u64()?) }))?;
        let tombstones = Tombstones::read(reader, docs)?;
        let (main, extras) = (blob(main), Extras::new());
        Ok(SegmentEntry { id, docs, chunks, head: 0, main, pages, vectors: None, graph, extras, tombstones })
    }

    /// The entries of a manifest in this version of the format.
    pub(super) fn read_all(bytes: &[u8], format: u16, mut room: u32) -> Result<Vec<SegmentEntry>> {
        let mut reader = Reader::new(bytes);
        let (least, read): (_, fn(&mut Reader<'_>, &mut u32) -> _) = match format {
            1 => (SegmentEntry::LEAST_V1, SegmentEntry::read_v1),
            2 => (SegmentEntry::LEAST_V2, SegmentEntry::read_v2),
            _ => (SegmentEntry::LEAST, SegmentEntry::read),
        };
        let count = reader.count(least)?;
        let entries = (0..count).map(|_| read(&mut reader, &mut room)).collect::<Result<_>>()?;
        reader.end()?;
        Ok(entries)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.tombstones.docs() != self.docs {
            let message = format!("tombstones of {} documents, {} there", self.tombstones.docs(), self.docs);
            return Err(Error::corrupt(message));
        }
        if u64::from(self.head) > self.main.bytes {
            return Err(Error::corrupt(format!("a head of {} bytes in {}", self.head, self.main.bytes)));
        }
        extra::check(&self.extras, true)?;
        self.blobs().try_for_each(|(_, blob)| blob.check_size())
    }
}

fn take_room(room: &mut u32, id: u64, docs: u32) -> Result<()> {
    let too_many = || Error::corrupt(format!("segment {id} of {docs} documents; {room} are the most left"));
    *room = room.checked_sub(docs).ok_or_else(too_many)?;
    Ok(())
}

/// Vectors of some chunks of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Chunks.
    pub rows: u32,
    pub blob: Blob,
}

/// The vectors of another model that are being prepared, while those of the present one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub embedder: EmbedderInfo,
    /// The generation in which it began.
    pub run: u64,
    /// By segment, the parts that are there, in order from chunk 0 on.
    pub segments: Vec<(u64, Vec<Part>)>,
}

impl Pending {
    /// The parts of a segment.
    pub fn parts(&self, segment: u64) -> &[Part] {
        self.segments.iter().find(|(id, _)| *id == segment).map_or(&[], |(_, parts)| parts)
    }

    /// Chunks of a segment that are through.
    pub fn rows(&self, segment: u64) -> u32 {
        self.parts(segment).iter().map(|part| part.rows).sum()
    }

    /// The names of a segment's parts, in order.
    pub fn names(&self, segment: u64) -> Vec<String> {
        let mut first = 0;
        let name = |part: &Part| {
            let name = names::part(segment, self.run, first, part.blob.sum);
            first += part.rows;
            name
        };
        self.parts(segment).iter().map(name).collect()
    }

    /// The blobs of all parts, by name.
    pub fn all_blobs(&self) -> impl Iterator<Item = (String, Blob)> + '_ {
        self.segments.iter().flat_map(|(id, parts)| self.names(*id).into_iter().zip(parts.iter().map(|part| part.blob)))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        writer.blob(&super::manifest::json(&self.embedder)?);
        writer.u64(self.run);
        writer.varint(self.segments.len() as u64);
        for (id, parts) in &self.segments {
            writer.u64(*id);
            writer.varint(parts.len() as u64);
            for part in parts {
                writer.u32(part.rows);
                part.blob.write(&mut writer);
            }
        }
        Ok(writer.into_bytes())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Pending> {
        let mut reader = Reader::new(bytes);
        let embedder = super::manifest::parse(reader.blob()?, "embedder of the pending vectors")?;
        let run = reader.u64()?;
        let part = |reader: &mut Reader<'_>| Ok(Part { rows: reader.u32()?, blob: Blob::read(reader)? });
        let segment = |reader: &mut Reader<'_>| {
            let id = reader.u64()?;
            let count = reader.count(6)?;
            Ok((id, (0..count).map(|_| part(reader)).collect::<Result<_>>()?))
        };
        let count = reader.count(9)?;
        let segments = (0..count).map(|_| segment(&mut reader)).collect::<Result<_>>()?;
        reader.end()?;
        Ok(Pending { embedder, run, segments })
    }

    /// The rules for pending vectors, given the segments of the manifest.
    pub(super) fn check(&self, segments: &[SegmentEntry]) -> Result<()> {
        for (id, parts) in &self.segments {
            let entry = segments.iter().find(|entry| entry.id == *id);
            let rows = parts.iter().try_fold(0u32, |sum, part| sum.checked_add(part.rows));
            let fits = entry.zip(rows).is_some_and(|(entry, rows)| rows <= entry.chunks);
            if !fits || parts.iter().any(|part| part.rows == 0) {
                return Err(Error::corrupt(format!("pending vectors of segment {id} that cannot be")));
            }
            parts.iter().try_for_each(|part| part.blob.check_size())?;
        }
        Ok(())
    }
}
