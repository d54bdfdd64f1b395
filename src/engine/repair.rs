//! Dropping what is broken, and saying what was lost. What can be rescued is: documents whose text is whole are copied
//! out of a segment that lost a page, a segment that lost its vectors stays for lexical search until it is embedded
//! anew, and a lost graph is built again by maintenance.

use super::colbert::drop_codes;
use super::services::Services;
use super::verify::{Inspected, Verification};
use super::Engine;
use crate::error::Result;
use crate::index::{BlobKind, SegmentBuilder};
use crate::model::EmbedderInfo;
use crate::store::{Manifest, SegmentEntry};
use serde::Serialize;
use std::collections::HashMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// What was done, one sentence each; empty when nothing was wrong.
    pub actions: Vec<String>,
    /// Documents that are gone.
    pub lost: usize,
    /// Their ids, where they could still be read.
    pub lost_ids: Vec<String>,
    /// Chunks that lost their vector: they are found by words only, until `reembed`.
    pub without_vectors: u64,
}

impl Engine {
    /// Makes the collection whole again, in one commit.
    pub async fn repair(&self, services: &Services<'_>) -> Result<Repair> {
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        let (mut repair, mut put) = (Repair::default(), Vec::new());
        let mut places: HashMap<String, (u64, u32)> = HashMap::new();
        for entry in &snapshot.manifest.segments {
            let inspected = self.inspect(entry, &mut Verification::default(), services).await?;
            repair.mend(&mut manifest, entry, &inspected);
            repair.bury_older_copies(&mut manifest, entry, &inspected, &mut places);
            if let (Some(segment), false) = (&inspected.segment, inspected.pages.is_empty()) {
                let mut builder = SegmentBuilder::with(segment.config(), &segment.extras())?;
                let tombstones = manifest.segment(entry.id).map(|entry| entry.tombstones.clone()).unwrap_or_default();
                for doc in (0..segment.docs()).filter(|&doc| !tombstones.contains(doc)) {
                    let found = segment.doc(doc)?;
                    if inspected.pages.contains(&found.page) {
                        repair.lost += 1;
                        repair.lost_ids.push(found.id.to_owned());
                        continue;
                    }
                    let page = self.fresh_page(entry, segment, found.page).await?;
                    builder.copy(segment, doc, page.text(segment, doc)?, None)?;
                }
                manifest.segments.retain(|kept| kept.id != entry.id);
                if !builder.is_empty() {
                    put.extend(self.append(&mut manifest, &snapshot, builder, services.pacer).await?.1);
                }
                let pages = inspected.pages.len();
                repair
                    .actions
                    .push(format!("segment {}: {pages} pages of text are lost, the rest was copied", entry.id));
            }
        }
        for (kind, why) in self.shared_lost(&snapshot.manifest, &mut Verification::default()).await? {
            manifest.shared.remove(&kind);
            if kind == BlobKind::Rotation {
                repair.without_vectors += drop_vectors(&mut manifest);
                // Those that were being prepared to join them were in the same axes.
                let present = manifest.embedder.as_ref().map(|stored| stored.digest.clone());
                repair.drop_pending(&mut manifest, |_, model| present.as_ref() == Some(model), &why);
            }
            if kind == BlobKind::Centroids {
                let dropped = drop_codes(&mut manifest);
                put.retain(|(name, _): &(String, Vec<u8>)| !dropped.contains(name));
            }
            repair.actions.push(format!("the {} blob was dropped: {why}", kind.name()));
        }
        let kept: Vec<u64> = manifest.segments.iter().map(|entry| entry.id).collect();
        repair.drop_pending(&mut manifest, |id, _| !kept.contains(&id), "the segment is not there any more");
        for (lost, why) in self.pending_lost(&manifest, &mut Verification::default()).await? {
            repair.drop_pending(&mut manifest, |id, _| id == lost, &why);
        }
        if !repair.actions.is_empty() {
            self.commit(&snapshot, manifest, put, None).await?;
        }
        Ok(repair)
    }
}

/// Vectors in axes that nobody knows any more are worth nothing. Returns how many went.
fn drop_vectors(manifest: &mut Manifest) -> u64 {
    let mut dropped = 0;
    for entry in manifest.segments.iter_mut().filter(|entry| entry.vectors.is_some()) {
        (entry.vectors, entry.graph) = (None, None);
        dropped += u64::from(entry.chunks);
    }
    dropped
}

impl Repair {
    /// Takes out of the manifest what cannot be read.
    fn mend(&mut self, manifest: &mut Manifest, entry: &SegmentEntry, inspected: &Inspected) {
        let why = inspected.problems.first().map_or("", String::as_str);
        if inspected.segment.is_none() {
            manifest.segments.retain(|kept| kept.id != entry.id);
            self.lost += entry.live_docs() as usize;
            self.actions.push(format!("segment {} with {} documents was dropped: {why}", entry.id, entry.live_docs()));
            return;
        }
        let Some(kept) = manifest.segments.iter_mut().find(|kept| kept.id == entry.id) else { return };
        for kind in &inspected.extras_lost {
            kept.extras.remove(kind);
            self.actions.push(format!("segment {}: its {} blob was dropped: {why}", entry.id, kind.name()));
        }
        if inspected.vectors_lost {
            (kept.vectors, kept.graph) = (None, None);
            self.without_vectors += u64::from(entry.chunks);
            self.actions.push(format!("segment {}: {} vectors were dropped: {why}", entry.id, entry.chunks));
        } else if inspected.graph_lost {
            kept.graph = None;
            self.actions.push(format!("segment {}: its graph was dropped and will be built again: {why}", entry.id));
        }
    }

    /// Takes vectors of another model that were being prepared out of the manifest, of the segments that are asked for by
    /// id and the model's digest. The rest of them stay, and these are made again.
    fn drop_pending(&mut self, manifest: &mut Manifest, is_lost: impl Fn(u64, &String) -> bool, why: &str) {
        let Some(pending) = &mut manifest.pending else { return };
        let EmbedderInfo { name, digest, .. } = &pending.embedder;
        for (id, parts) in pending.segments.extract_if(.., |(id, _)| is_lost(*id, digest)) {
            let rows: u32 = parts.iter().map(|part| part.rows).sum();
            self.actions
                .push(format!("segment {id}: {rows} vectors prepared for the model {name:?} were dropped: {why}"));
        }
        manifest.pending.take_if(|pending| pending.segments.is_empty());
    }

    /// Of a document that is there twice, the one in the later segment stays.
    fn bury_older_copies(
        &mut self,
        manifest: &mut Manifest,
        entry: &SegmentEntry,
        inspected: &Inspected,
        places: &mut HashMap<String, (u64, u32)>,
    ) {
        let Some(segment) = &inspected.segment else { return };
        for doc in (0..segment.docs()).filter(|&doc| !entry.tombstones.contains(doc)) {
            let Ok(found) = segment.doc(doc) else { continue };
            let here = (entry.id, doc);
            let Some(other) = places.insert(found.id.to_owned(), here) else { continue };
            let older = other.min(here);
            places.insert(found.id.to_owned(), other.max(here));
            let kept = manifest.segments.iter_mut().find(|kept| kept.id == older.0);
            if kept.is_some_and(|kept| kept.tombstones.insert(older.1)) {
                self.actions.push(format!("document {:.60?}: the older of two copies was deleted", found.id));
            }
        }
    }
}
