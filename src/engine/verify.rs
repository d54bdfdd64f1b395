//! Reading everything and believing nothing: every checksum, every order, every id, every total, and what blobs say of
//! each other.

use super::colbert::check_codebook;
use super::load::is_damage;
use super::services::Services;
use super::Engine;
use crate::codec::Frame;
use crate::error::{Error, Result};
use crate::index::{check_vectors, BlobKind, Codebook, Graph, Lazy, Page, Rotation, Segment};
use crate::store::{Blob, Manifest, SegmentEntry};
use serde::Serialize;
use std::collections::HashMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub ok: bool,
    /// Blobs that were read, and their bytes.
    pub blobs: usize,
    pub bytes: u64,
    /// Documents that can be found.
    pub documents: usize,
    /// Blobs that no generation needs: left behind by a crash, and removed by the next writer. They do no harm.
    pub orphans: usize,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
}

/// What is left of one segment.
#[derive(Default)]
pub(super) struct Inspected {
    /// With its vectors, if they are good; `None` if the segment itself is not.
    pub segment: Option<Segment>,
    /// Pages that are lost.
    pub pages: Vec<u32>,
    pub vectors_lost: bool,
    pub graph_lost: bool,
    /// Further representations that are lost.
    pub extras_lost: Vec<BlobKind>,
    pub problems: Vec<String>,
}

impl Engine {
    /// Reads and checks every blob of this generation.
    pub async fn verify(&self, services: &Services<'_>) -> Result<Verification> {
        let snapshot = self.snapshot();
        let manifest = &snapshot.manifest;
        let mut found = Verification::default();
        let mut ids: HashMap<String, (u64, u32)> = HashMap::new();
        for entry in &manifest.segments {
            let inspected = self.inspect(entry, &mut found, services).await?;
            found.problems.extend(inspected.problems);
            for id in inspected.segment.iter().flat_map(|segment| live_ids(segment, entry)) {
                found.documents += 1;
                if let Some((first, _)) = ids.insert(id.clone(), (entry.id, 0)) {
                    let message = format!("document {id:.60?} is in segment {first} and in segment {}", entry.id);
                    found.problems.push(message);
                }
            }
        }
        let lost = self.shared_lost(manifest, &mut found).await?;
        found.problems.extend(lost.into_iter().map(|(_, problem)| problem));
        let lost = self.pending_lost(manifest, &mut found).await?;
        found.problems.extend(lost.into_iter().map(|(_, problem)| problem));
        // A published collection cannot be listed.
        found.orphans = self.store.list().await.map_or(0, |list| manifest.orphans(&list).len());
        found.ok = found.problems.is_empty();
        Ok(found)
    }

    /// The blobs that all segments share and that cannot be read, each with the reason.
    pub(super) async fn shared_lost(
        &self,
        manifest: &Manifest,
        found: &mut Verification,
    ) -> Result<Vec<(BlobKind, String)>> {
        let mut lost = Vec::new();
        for (&kind, entry) in &manifest.shared {
            let Some(name) = manifest.shared_name(kind) else { continue };
            let read = self.counted(&name, &entry.blob, found).await;
            let sound = |bytes: Vec<u8>| match kind {
                BlobKind::Rotation => Rotation::decode(&bytes).map(drop),
                BlobKind::Centroids => Codebook::decode(&bytes).map(drop),
                _ => frame_is_whole(&bytes),
            };
            if let Err(error) = read.and_then(sound) {
                lost.push((kind, damage(error)?.within(format!("the collection's {}", kind.name())).to_string()));
            }
        }
        Ok(lost)
    }

    /// The segments whose vectors of another model, as far as they were prepared, cannot be put in place, each with the
    /// first reason.
    pub(super) async fn pending_lost(
        &self,
        manifest: &Manifest,
        found: &mut Verification,
    ) -> Result<Vec<(u64, String)>> {
        let mut lost = Vec::new();
        let Some(pending) = &manifest.pending else { return Ok(lost) };
        let config = self.vector_config(&pending.embedder)?;
        for (id, parts) in &pending.segments {
            let (mut first, mut reason) = (0, None);
            for (name, part) in pending.names(*id).iter().zip(parts) {
                let rows = first..first + part.rows;
                first = rows.end;
                let read = self.counted(name, &part.blob, found).await;
                // A build without models cannot change them, and so has nothing by which to look into their vectors.
                let check = |bytes: Vec<u8>| match cfg!(feature = "neural") {
                    true => check_vectors(&config, *id, rows, &bytes),
                    false => frame_is_whole(&bytes),
                };
                if let Err(error) = read.and_then(check) {
                    let problem = damage(error)?.within(format!("segment {id}, pending vectors")).to_string();
                    reason = reason.or(Some(problem));
                }
            }
            lost.extend(reason.map(|reason| (*id, reason)));
        }
        Ok(lost)
    }

    /// Looks at everything that belongs to a segment. Errors that are not damage end it.
    pub(super) async fn inspect(
        &self,
        entry: &SegmentEntry,
        found: &mut Verification,
        services: &Services<'_>,
    ) -> Result<Inspected> {
        let mut left = Inspected::default();
        let mut note = |what: &str, error: Error| -> Result<()> {
            left.problems.push(damage(error)?.within(format!("segment {}{what}", entry.id)).to_string());
            Ok(())
        };
        let (mut segment, lazy) = match self.inspect_main(entry, found).await {
            Ok(read) => read,
            Err(error) => {
                note("", error)?;
                return Ok(left);
            }
        };
        for (number, blob) in (0..).zip(&entry.pages) {
            let name = entry.page_name(number as usize);
            let read = self.counted(&name, blob, found).await.and_then(|bytes| {
                lazy.as_ref().map_or(Ok(()), |lazy| lazy.check_page(number, &bytes))?;
                Page::open(&segment, number, &bytes)?.check(&segment)
            });
            if let Err(error) = read {
                note("", error)?;
                left.pages.push(number);
            }
            services.pacer.pause().await?;
        }
        if let (Some(name), Some(vectors)) = (entry.vectors_name(), entry.vectors) {
            let read = self.counted(&name, &vectors.blob, found).await;
            match read.and_then(|bytes| segment.with_vectors(&bytes)) {
                Ok(with) => segment = with,
                Err(error) => {
                    note(", vectors", error)?;
                    (left.vectors_lost, left.graph_lost) = (true, true);
                    segment = segment.without_vectors();
                }
            }
        }
        if let (Some(name), Some(graph), false) = (entry.graph_name(), entry.graph, left.vectors_lost) {
            let read = self.counted(&name, &graph.blob, found).await;
            if let Err(error) = read.and_then(|bytes| Graph::open(&bytes, &segment)?.check()) {
                note(", graph", error)?;
                left.graph_lost = true;
            }
        }
        for (&kind, entry_of_kind) in &entry.extras {
            let Some(name) = entry.extra_name(kind) else { continue };
            let read = self.counted(&name, &entry_of_kind.blob, found).await;
            let fits = |with: Segment| check_codebook(&with, &self.snapshot().manifest).map(|()| with);
            let checked = match cfg!(feature = "neural") {
                true => read.and_then(|bytes| segment.with_extra(kind, &bytes)).and_then(fits),
                // Without models there is nobody to read it: its checksum was right, and it stays.
                false => read.map(|_| segment.clone()),
            };
            match checked {
                Ok(with) => segment = with,
                Err(error) => {
                    note(&format!(", {}", kind.name()), error)?;
                    left.extras_lost.push(kind);
                }
            }
        }
        left.segment = Some(segment);
        Ok(left)
    }

    async fn inspect_main(&self, entry: &SegmentEntry, found: &mut Verification) -> Result<(Segment, Option<Lazy>)> {
        let main = self.counted(&entry.main_name(), &entry.main, found).await?;
        let segment = Segment::open(entry.id, &main)?;
        segment.check()?;
        if (segment.docs(), segment.chunks(), segment.pages() as usize) != (entry.docs, entry.chunks, entry.pages.len())
        {
            return Err(Error::corrupt("the segment does not hold what the manifest says"));
        }
        let head = main.get(..entry.head as usize).filter(|head| !head.is_empty());
        let lazy = head.map(|head| Lazy::open(entry.id, head, main.len())).transpose()?;
        Ok((segment, lazy))
    }

    async fn counted(&self, name: &str, blob: &Blob, found: &mut Verification) -> Result<Vec<u8>> {
        let bytes = self.blob(name, blob).await?;
        found.blobs += 1;
        found.bytes += bytes.len() as u64;
        Ok(bytes)
    }
}

/// Damage is something to report; any other error is passed on.
pub(super) fn damage(error: Error) -> Result<Error> {
    match is_damage(&error) {
        true => Ok(error),
        false => Err(error),
    }
}

pub(super) fn frame_is_whole(bytes: &[u8]) -> Result<()> {
    let (kind, id) = Frame::identity(bytes)?;
    Frame::open(bytes, kind, id)?.verify()
}

/// Ids of the documents that are not deleted.
pub(super) fn live_ids<'a>(segment: &'a Segment, entry: &'a SegmentEntry) -> impl Iterator<Item = String> + 'a {
    let live = (0..segment.docs()).filter(|&doc| !entry.tombstones.contains(doc));
    live.filter_map(|doc| segment.doc(doc).ok()).map(|doc| doc.id.to_owned())
}
