//! The one blob that says what a collection is: its settings, its model, its segments with what is deleted in each,
//! and the blobs that no longer count but may still be read by a snapshot.
//!
//! Written by [`Manifest::commit`], read by [`Manifest::decode`]. A frame of kind `MANI`, id = generation:
//!
//! ```text
//! HEAD  next_id u64
//! SETT  settings, JSON
//! EMBD  embedder, JSON; absent without one
//! SEGS  count varint, then per segment: id u64 | docs u32 | chunks u32 | main_bytes u64
//!       | page sizes: count varint, u32 each | graph u8 (0 none, 1: number u32 | bytes u64) | tombstones
//! RETD  count varint, then per blob: name text | since u64
//! ```

use super::{names, Commit, Tombstones};
use crate::codec::{Frame, FrameWriter, Reader, Tag, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::model::EmbedderInfo;
use std::collections::{BTreeSet, HashSet};

pub(crate) const KIND: Tag = *b"MANI";
const HEAD: Tag = *b"HEAD";
const SETTINGS: Tag = *b"SETT";
const EMBEDDER: Tag = *b"EMBD";
const SEGMENTS: Tag = *b"SEGS";
const RETIRED: Tag = *b"RETD";

/// Generations for which a blob is kept after the one that no longer names it, so that a reader on an older
/// snapshot finds its pages until it has heard of the new one.
pub const KEEP: u64 = 2;

#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Counts commits; 0 is the empty collection that was never committed.
    pub generation: u64,
    /// The id of the next segment; ids are never used twice.
    pub next_id: u64,
    /// The engine's own settings.
    pub settings: serde_json::Value,
    /// The model whose vectors the segments hold.
    pub embedder: Option<EmbedderInfo>,
    pub segments: Vec<SegmentEntry>,
    /// Kept by [`Manifest::commit`]; nobody else needs to touch it.
    pub retired: Vec<Retired>,
}

/// One segment: its blobs follow from its numbers by the rules of [`names`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    pub id: u64,
    /// Documents, deleted ones included.
    pub docs: u32,
    pub chunks: u32,
    /// Size of the blob `seg-<id>`.
    pub main_bytes: u64,
    /// Sizes of the text pages `seg-<id>-t0…`.
    pub pages: Vec<u32>,
    /// The graph over the segment's vectors, once it is built.
    pub graph: Option<GraphEntry>,
    pub tombstones: Tombstones,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphEntry {
    pub number: u32,
    pub bytes: u64,
}

/// A blob that generation `since` was the first not to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    pub name: String,
    pub since: u64,
}

impl SegmentEntry {
    /// The segment's blobs with their sizes.
    pub fn blobs(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let pages = self.pages.iter().enumerate().map(|(at, &bytes)| (names::page(self.id, at), u64::from(bytes)));
        let graph = self.graph.map(|graph| (names::graph(self.id, graph.number), graph.bytes));
        std::iter::once((names::segment(self.id), self.main_bytes)).chain(pages).chain(graph)
    }

    /// Documents that are not deleted.
    pub fn live_docs(&self) -> u32 {
        self.docs - self.tombstones.deleted()
    }
}

impl Manifest {
    /// Of a collection that nothing was committed to.
    pub fn new(settings: serde_json::Value) -> Manifest {
        Manifest { generation: 0, next_id: 1, settings, embedder: None, segments: vec![], retired: vec![] }
    }

    /// The blobs that this generation needs, with their sizes.
    pub fn blobs(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.segments.iter().flat_map(SegmentEntry::blobs)
    }

    /// Blobs of a store's list that neither this generation nor a snapshot before it needs: left behind by a commit
    /// that never finished. The writer may put them into [`Commit::delete`].
    pub fn orphans(&self, list: &[(String, u64)]) -> Vec<String> {
        let known: HashSet<String> =
            self.blobs().map(|b| b.0).chain(self.retired.iter().map(|r| r.name.clone())).collect();
        list.iter().map(|(name, _)| name).filter(|name| !known.contains(*name)).cloned().collect()
    }

    /// Turns this manifest, a changed copy of `current`, into its successor and returns the commit that makes it so:
    /// the generation is set, blobs that are no longer named are retired, and those retired long enough are deleted.
    ///
    /// `put` must hold exactly the blobs that are new, in the sizes that the entries state; anything else is a bug of
    /// the caller and `Internal`. If the commit fails, throw this copy away.
    pub fn commit(&mut self, current: &Manifest, put: Vec<(String, Vec<u8>)>) -> Result<Commit> {
        let docs: u64 = self.segments.iter().map(|segment| u64::from(segment.docs)).sum();
        if docs > u64::from(limits::COLLECTION_DOCS) {
            let message = format!("a collection of {docs} documents; at most {}", limits::COLLECTION_DOCS);
            return Err(Error::limit(message));
        }
        let before: BTreeSet<(String, u64)> = current.blobs().collect();
        let after: BTreeSet<(String, u64)> = self.blobs().collect();
        let named: BTreeSet<(String, u64)> = after.difference(&before).cloned().collect();
        let given = put.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
        if let Some((name, bytes)) = named.symmetric_difference(&given).next() {
            return Err(Error::internal(format!("blob {name} of {bytes} bytes is only in the manifest or only put")));
        }
        let generation = current.generation + 1;
        let retired = |(name, _): &(String, u64)| Retired { name: name.clone(), since: generation };
        self.generation = generation;
        self.retired = current.retired.iter().cloned().chain(before.difference(&after).map(retired)).collect();
        let delete =
            self.retired.extract_if(.., |blob| blob.since + KEEP <= generation).map(|blob| blob.name).collect();
        let commit = Commit { expected: current.generation, generation, manifest: self.encode()?, put, delete };
        commit.check()?;
        Ok(commit)
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        self.check().map_err(|error| Error::internal(error.context).within("manifest to be written"))?;
        let mut frame = FrameWriter::new(KIND, self.generation);
        frame.section(HEAD, self.next_id.to_le_bytes().to_vec());
        frame.section(SETTINGS, json(&self.settings)?);
        if let Some(embedder) = &self.embedder {
            frame.section(EMBEDDER, json(embedder)?);
        }
        let mut segments = Writer::new();
        segments.varint(self.segments.len() as u64);
        self.segments.iter().for_each(|segment| segment.write(&mut segments));
        frame.section(SEGMENTS, segments.into_bytes());
        let mut retired = Writer::new();
        retired.varint(self.retired.len() as u64);
        for Retired { name, since } in &self.retired {
            retired.text(name);
            retired.u64(*since);
        }
        frame.section(RETIRED, retired.into_bytes());
        frame.finish()
    }

    /// `Corrupt`, `FormatTooOld` or `FormatTooNew` if this is not a manifest that can be trusted.
    pub fn decode(bytes: &[u8]) -> Result<Manifest> {
        let read = || {
            let (_, generation) = Frame::identity(bytes)?;
            let manifest = Manifest::read(&Frame::open(bytes, KIND, generation)?, generation)?;
            manifest.check()?;
            Ok(manifest)
        };
        read().map_err(|error: Error| error.within("manifest"))
    }

    fn read(frame: &Frame<'_>, generation: u64) -> Result<Manifest> {
        let mut head = Reader::new(frame.section(HEAD)?);
        let next_id = head.u64()?;
        head.end()?;
        let settings = parse(frame.section(SETTINGS)?, "settings")?;
        let embedder = frame.optional(EMBEDDER)?.map(|bytes| parse(bytes, "embedder")).transpose()?;
        let mut reader = Reader::new(frame.section(SEGMENTS)?);
        let count = reader.count(SegmentEntry::LEAST)?;
        // Each document sets a bit aside: what all segments together declare is limited before any is.
        let mut room = limits::COLLECTION_DOCS;
        let segments = (0..count).map(|_| SegmentEntry::read(&mut reader, &mut room)).collect::<Result<_>>()?;
        reader.end()?;
        let mut reader = Reader::new(frame.section(RETIRED)?);
        let count = reader.count(9)?;
        let entry = |reader: &mut Reader<'_>| Ok(Retired { name: reader.text()?.to_owned(), since: reader.u64()? });
        let retired = (0..count).map(|_| entry(&mut reader)).collect::<Result<_>>()?;
        reader.end()?;
        Ok(Manifest { generation, next_id, settings, embedder, segments, retired })
    }

    /// The rules that hold in every manifest, when it is written and when it is read.
    fn check(&self) -> Result<()> {
        if self.generation == 0 {
            return Err(Error::corrupt("generation 0"));
        }
        if let Some(EmbedderInfo { dims, name, .. }) = &self.embedder {
            if *dims == 0 || *dims > limits::VECTOR_DIMS {
                return Err(Error::corrupt(format!("model {name} of {dims} dimensions")));
            }
        }
        let mut seen = HashSet::new();
        for segment in &self.segments {
            segment.check().map_err(|error| error.within(format!("segment {}", segment.id)))?;
            if segment.id >= self.next_id || !seen.insert(names::segment(segment.id)) {
                let message = format!("segment {} appears twice or is not below {}", segment.id, self.next_id);
                return Err(Error::corrupt(message));
            }
        }
        let mut seen: HashSet<String> = self.blobs().map(|(name, _)| name).collect();
        for Retired { name, since } in &self.retired {
            names::check(name).map_err(|error| Error::corrupt(error.context))?;
            if *since == 0 || *since > self.generation || !seen.insert(name.clone()) {
                return Err(Error::corrupt(format!("blob {name:?} retired since generation {since}, live or twice")));
            }
        }
        Ok(())
    }
}

impl SegmentEntry {
    /// Bytes of the shortest entry: no page, no graph, no tombstone.
    const LEAST: usize = 8 + 4 + 4 + 8 + 1 + 1 + 3;

    fn write(&self, writer: &mut Writer) {
        writer.u64(self.id);
        writer.u32(self.docs);
        writer.u32(self.chunks);
        writer.u64(self.main_bytes);
        writer.varint(self.pages.len() as u64);
        writer.u32s(&self.pages);
        writer.u8(self.graph.is_some().into());
        if let Some(GraphEntry { number, bytes }) = self.graph {
            writer.u32(number);
            writer.u64(bytes);
        }
        self.tombstones.write(writer);
    }

    fn read(reader: &mut Reader<'_>, room: &mut u32) -> Result<SegmentEntry> {
        let (id, docs, chunks, main_bytes) = (reader.u64()?, reader.u32()?, reader.u32()?, reader.u64()?);
        let too_many = || Error::corrupt(format!("segment {id} of {docs} documents; {room} are the most left"));
        *room = room.checked_sub(docs).ok_or_else(too_many)?;
        let count = reader.count(4)?;
        let pages = reader.u32s(count)?;
        let graph = match reader.u8()? {
            0 => None,
            1 => Some(GraphEntry { number: reader.u32()?, bytes: reader.u64()? }),
            flag => return Err(Error::corrupt(format!("segment {id}: graph flag {flag}"))),
        };
        let tombstones = Tombstones::read(reader, docs)?;
        Ok(SegmentEntry { id, docs, chunks, main_bytes, pages, graph, tombstones })
    }

    fn check(&self) -> Result<()> {
        let SegmentEntry { docs, main_bytes, pages, graph, tombstones, .. } = self;
        if tombstones.docs() != *docs {
            return Err(Error::corrupt(format!("tombstones of {} documents, {docs} there", tombstones.docs())));
        }
        if *main_bytes == 0 || pages.contains(&0) || graph.is_some_and(|graph| graph.bytes == 0) {
            return Err(Error::corrupt("a blob of no bytes"));
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::internal("a setting that is no JSON").with_source(error))
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::corrupt(what).with_source(error))
}

#[cfg(test)]
mod tests;
