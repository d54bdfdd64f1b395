//! What a collection is, and whether it is whole.

use super::services::Services;
use super::{Engine, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Graph, Page, Segment};
use crate::model::EmbedderInfo;
use crate::store::{names, SegmentEntry};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub generation: u64,
    /// Documents that can be found.
    pub documents: usize,
    /// Chunks, those of deleted documents included until they are merged away.
    pub chunks: usize,
    pub deleted: usize,
    pub segments: Vec<SegmentStats>,
    /// Stored bytes of this generation.
    pub bytes: u64,
    pub embedder: Option<EmbedderInfo>,
    pub settings: Settings,
    /// Segments that could not be read, with the reason.
    pub broken: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentStats {
    pub id: u64,
    pub documents: u32,
    pub chunks: u32,
    pub bytes: u64,
    pub terms: usize,
    pub postings_bytes: usize,
    pub vector_bytes: usize,
    pub graph_bytes: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub ok: bool,
    pub blobs: usize,
    pub bytes: u64,
    /// What is wrong, one line for each blob.
    pub problems: Vec<String>,
}

impl Engine {
    pub fn stats(&self) -> Stats {
        let snapshot = self.snapshot();
        let manifest = &snapshot.manifest;
        let segments: Vec<SegmentStats> = snapshot
            .views
            .iter()
            .map(|view| {
                let inner = view.segment.stats();
                let entry = manifest.segments.iter().find(|entry| entry.id == view.segment.id());
                SegmentStats {
                    id: view.segment.id(),
                    documents: view.segment.docs(),
                    chunks: view.segment.chunks(),
                    bytes: entry.map_or(0, |entry| entry.blobs().map(|(_, bytes)| bytes).sum()),
                    terms: inner.terms,
                    postings_bytes: inner.postings_bytes,
                    vector_bytes: inner.vector_bytes,
                    graph_bytes: view.graph.as_ref().map_or(0, |graph| graph.bytes()),
                }
            })
            .collect();
        Stats {
            generation: manifest.generation,
            documents: snapshot.live_docs(),
            chunks: segments.iter().map(|segment| segment.chunks as usize).sum(),
            deleted: manifest.segments.iter().map(|entry| entry.tombstones.deleted() as usize).sum(),
            bytes: manifest.blobs().map(|(_, bytes)| bytes).sum(),
            segments,
            embedder: manifest.embedder.clone(),
            settings: self.settings(),
            broken: snapshot.broken.iter().map(|(_, error)| error.to_string()).collect(),
        }
    }

    /// Reads and checks every blob of this generation.
    pub async fn verify(&self, services: &Services<'_>) -> Result<Verification> {
        let snapshot = self.snapshot();
        let mut found = Verification { ok: true, blobs: 0, bytes: 0, problems: Vec::new() };
        for entry in &snapshot.manifest.segments {
            if let Err(error) = self.verify_segment(entry, &mut found, services).await {
                match error.kind {
                    ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::FormatTooNew | ErrorKind::FormatTooOld => {
                        found.problems.push(error.within(format!("segment {}", entry.id)).to_string());
                    }
                    _ => return Err(error),
                }
            }
        }
        found.ok = found.problems.is_empty();
        Ok(found)
    }

    async fn verify_segment(
        &self,
        entry: &SegmentEntry,
        found: &mut Verification,
        services: &Services<'_>,
    ) -> Result<()> {
        let main = self.checked_read(names::segment(entry.id), entry.main_bytes, found).await?;
        let segment = Segment::open(entry.id, main)?;
        if (segment.docs(), segment.chunks()) != (entry.docs, entry.chunks) {
            return Err(Error::corrupt("the segment does not hold what the manifest says"));
        }
        for (number, &bytes) in entry.pages.iter().enumerate() {
            let page = self.checked_read(names::page(entry.id, number), u64::from(bytes), found).await?;
            Page::open(&segment, number as u32, &page)?;
            services.pacer.pause().await?;
        }
        if let Some(graph) = entry.graph {
            let bytes = self.checked_read(names::graph(entry.id, graph.number), graph.bytes, found).await?;
            Graph::open(&bytes, &segment)?;
        }
        Ok(())
    }

    async fn checked_read(&self, name: String, expected: u64, found: &mut Verification) -> Result<Vec<u8>> {
        let bytes = self.store.read(&name).await?;
        found.blobs += 1;
        found.bytes += bytes.len() as u64;
        match bytes.len() as u64 == expected {
            true => Ok(bytes),
            false => Err(Error::corrupt(format!("blob {name} has {} bytes, not {expected}", bytes.len()))),
        }
    }
}
