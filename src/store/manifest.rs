//! The one blob that says what a collection is: its settings, its model, its segments with what is deleted in each,
//! and the blobs that no longer count but may still be read by a snapshot.
//!
//! Written by [`Manifest::commit`], read by [`Manifest::decode`]. A frame of kind `MANI`, id = generation:
//!
//! ```text
//! HEAD  next_id u64
//! SETT  settings, JSON
//! EMBD  embedder, JSON; absent without one
//! ENCS  the models of the further representations, JSON by kind; absent without any
//! SEGS  count varint, then the segments (entry.rs)
//! BLOB  blobs that all segments share (extra.rs); absent without any
//! PEND  vectors of another model that are being prepared (entry.rs); absent without any
//! RETD  count varint, then per blob: name text | since u64
//! ```

use super::{extra, names, Blob, BlobKind, Commit, Extras, Fresh, Pending, SegmentEntry};
use crate::codec::{fingerprint, Frame, FrameWriter, Reader, Tag, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::model::{EmbedderInfo, EncoderInfo};
use crate::sorting::set;
use std::collections::{BTreeMap, HashSet};

pub(crate) const KIND: Tag = *b"MANI";
const HEAD: Tag = *b"HEAD";
const SETTINGS: Tag = *b"SETT";
const EMBEDDER: Tag = *b"EMBD";
const ENCODERS: Tag = *b"ENCS";
const SHARED: Tag = *b"BLOB";
const SEGMENTS: Tag = *b"SEGS";
const PENDING: Tag = *b"PEND";
const RETIRED: Tag = *b"RETD";

/// Generations for which a blob is kept after the one that no longer names it, so that a reader on an older
/// snapshot finds its pages until it has heard of the new one.
pub const KEEP: u64 = 2;

/// Which stored manifest this is, or is a changed copy of: its fingerprint. Says nothing of content, and so compares equal
/// to any other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin(pub Option<u32>);

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

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
    /// The models that made the further representations, by kind.
    pub encoders: BTreeMap<BlobKind, EncoderInfo>,
    /// Blobs that all segments share.
    pub shared: Extras,
    pub segments: Vec<SegmentEntry>,
    /// The model to which the collection is changing, and its vectors so far.
    pub pending: Option<Pending>,
    /// Kept by [`Manifest::commit`]; nobody else needs to touch it.
    pub retired: Vec<Retired>,
    /// Set by [`Manifest::decode`] and [`Manifest::commit`].
    pub origin: Origin,
}

/// A blob that generation `since` was the first not to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    pub name: String,
    pub since: u64,
}

impl Manifest {
    /// Of a collection that nothing was committed to.
    pub fn new(settings: serde_json::Value) -> Manifest {
        Manifest {
            generation: 0,
            next_id: 1,
            settings,
            embedder: None,
            encoders: BTreeMap::new(),
            shared: Extras::new(),
            segments: vec![],
            pending: None,
            retired: vec![],
            origin: Origin::default(),
        }
    }

    /// Whether both are the same commit of the same collection. Generations alone do not tell: a collection may have been
    /// removed and made anew, and have come as far.
    pub fn is_same_commit(&self, other: &Manifest) -> bool {
        (self.generation, self.origin.0) == (other.generation, other.origin.0)
    }

    /// The blobs that this generation needs, by name.
    pub fn blobs(&self) -> impl Iterator<Item = (String, Blob)> + '_ {
        let segments = self.segments.iter().flat_map(SegmentEntry::blobs);
        segments.chain(self.shared_blobs()).chain(self.pending.iter().flat_map(Pending::all_blobs))
    }

    /// Those of them that all segments share.
    pub fn shared_blobs(&self) -> impl Iterator<Item = (String, Blob)> + '_ {
        self.shared.iter().map(|(&kind, entry)| (names::shared(kind, entry.number, entry.blob.sum), entry.blob))
    }

    /// Name of the blob of a kind that all segments share, if there is one.
    pub fn shared_name(&self, kind: BlobKind) -> Option<String> {
        self.shared.get(&kind).map(|entry| names::shared(kind, entry.number, entry.blob.sum))
    }

    pub fn segment(&self, id: u64) -> Option<&SegmentEntry> {
        self.segments.iter().find(|entry| entry.id == id)
    }

    /// Names of retired blobs that no reader needs any more: they may be removed, and then forgotten by a commit of a copy
    /// whose `retired` has them no more.
    pub fn overdue(&self) -> impl Iterator<Item = &str> {
        self.retired.iter().filter(|blob| blob.since + KEEP <= self.generation).map(|blob| blob.name.as_str())
    }

    /// Blobs of a store's list that neither this generation nor a snapshot before it needs: staged for a commit to come,
    /// or left behind by one that never came. Who knows that nobody is staging may retire and remove them.
    pub fn orphans(&self, list: &[(String, u64)]) -> Vec<String> {
        let known: HashSet<String> =
            self.blobs().map(|b| b.0).chain(self.retired.iter().map(|r| r.name.clone())).collect();
        list.iter().map(|(name, _)| name).filter(|name| !known.contains(*name)).cloned().collect()
    }

    /// Turns this manifest, a changed copy of `current`, into its successor and returns the commit that makes it so:
    /// the generation is set, and blobs that are no longer named are retired.
    ///
    /// `fresh` must hold exactly the blobs that are new, in the sizes that the entries state; anything else is a bug of
    /// the caller and `Internal`. If the commit fails, throw this copy away.
    pub fn commit(&mut self, current: &Manifest, fresh: impl Into<Fresh>) -> Result<Commit> {
        let Fresh { put, staged } = fresh.into();
        let docs: u64 = self.segments.iter().map(|segment| u64::from(segment.docs)).sum();
        if docs > u64::from(limits::COLLECTION_DOCS) {
            let message = format!("a collection of {docs} documents; at most {}", limits::COLLECTION_DOCS);
            return Err(Error::limit(message));
        }
        let sizes = |manifest: &Manifest| set(manifest.blobs().map(|(name, blob)| (name, blob.bytes)));
        let (before, after) = (sizes(current), sizes(self));
        let named = set(after.difference(&before).cloned());
        let given = put.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64));
        let given = set(given.chain(staged.iter().cloned()));
        if let Some((name, bytes)) = named.symmetric_difference(&given).next() {
            return Err(Error::internal(format!("blob {name} of {bytes} bytes is only in the manifest or only put")));
        }
        let generation = current.generation + 1;
        let retired = |(name, _): &(String, u64)| Retired { name: name.clone(), since: generation };
        self.generation = generation;
        self.retired.extend(before.difference(&after).map(retired));
        let manifest = self.encode()?;
        self.origin = Origin(Some(fingerprint(&manifest)?));
        let (expected, upon) = (current.generation, current.origin.0);
        let commit = Commit { expected, upon, generation, manifest, put, staged };
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
        if !self.encoders.is_empty() {
            frame.section(ENCODERS, json(&self.encoders)?);
        }
        let mut segments = Writer::new();
        segments.varint(self.segments.len() as u64);
        self.segments.iter().for_each(|segment| segment.write(&mut segments));
        frame.section(SEGMENTS, segments.into_bytes());
        if !self.shared.is_empty() {
            let mut shared = Writer::new();
            extra::write(&self.shared, &mut shared);
            frame.section(SHARED, shared.into_bytes());
        }
        if let Some(pending) = &self.pending {
            frame.section(PENDING, pending.encode()?);
        }
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
            let frame = Frame::open(bytes, KIND, generation)?;
            let manifest = Manifest::read(&frame, generation)?;
            manifest.check()?;
            Ok(Manifest { origin: Origin(Some(frame.fingerprint())), ..manifest })
        };
        read().map_err(|error: Error| error.within("manifest"))
    }

    fn read(frame: &Frame<'_>, generation: u64) -> Result<Manifest> {
        let mut head = Reader::new(frame.section(HEAD)?);
        let next_id = head.u64()?;
        head.end()?;
        let settings = parse(frame.section(SETTINGS)?, "settings")?;
        let embedder = frame.optional(EMBEDDER)?.map(|bytes| parse(bytes, "embedder")).transpose()?;
        let encoders = frame.optional(ENCODERS)?.map(|bytes| parse(bytes, "encoders")).transpose()?;
        // Each document sets a bit aside: what all segments together declare is limited before any is.
        let segments = SegmentEntry::read_all(frame.section(SEGMENTS)?, frame.format(), limits::COLLECTION_DOCS)?;
        let shared = frame.optional(SHARED)?.map(read_shared).transpose()?.unwrap_or_default();
        let pending = frame.optional(PENDING)?.map(Pending::decode).transpose()?;
        let mut reader = Reader::new(frame.section(RETIRED)?);
        let count = reader.count(9)?;
        let entry = |reader: &mut Reader<'_>| Ok(Retired { name: reader.text()?.to_owned(), since: reader.u64()? });
        let retired = (0..count).map(|_| entry(&mut reader)).collect::<Result<_>>()?;
        reader.end()?;
        let encoders = encoders.unwrap_or_default();
        let origin = Origin::default();
        Ok(Manifest { generation, next_id, settings, embedder, encoders, shared, segments, pending, retired, origin })
    }

    /// The rules that hold in every manifest, when it is written and when it is read.
    fn check(&self) -> Result<()> {
        if self.generation == 0 {
            return Err(Error::corrupt("generation 0"));
        }
        for EmbedderInfo { dims, name, .. } in self.embedder.iter().chain(self.pending.iter().map(|it| &it.embedder)) {
            if *dims == 0 || *dims > limits::VECTOR_DIMS {
                return Err(Error::corrupt(format!("model {name} of {dims} dimensions")));
            }
        }
        extra::check(&self.shared, false)?;
        let mut seen = HashSet::new();
        for segment in &self.segments {
            segment.check().map_err(|error| error.within(format!("segment {}", segment.id)))?;
            if segment.id >= self.next_id || !seen.insert(segment.id) {
                let message = format!("segment {} appears twice or is not below {}", segment.id, self.next_id);
                return Err(Error::corrupt(message));
            }
        }
        self.pending.iter().try_for_each(|pending| pending.check(&self.segments))?;
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

fn read_shared(bytes: &[u8]) -> Result<Extras> {
    let mut reader = Reader::new(bytes);
    let shared = extra::read(&mut reader)?;
    reader.end().map(|()| shared)
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::internal("a setting that is no JSON").with_source(error))
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::corrupt(what).with_source(error))
}

#[cfg(test)]
mod tests;
