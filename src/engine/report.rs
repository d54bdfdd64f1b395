//! What a collection is.

use super::rotate::prefixes;
use super::{Engine, Prefixes, Settings};
use crate::index::BlobKind;
use crate::model::{EmbedderInfo, EncoderInfo};
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// The models of further representations, by kind.
    pub encoders: BTreeMap<BlobKind, EncoderInfo>,
    /// What prefixes of the vectors are; none without vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<Prefixes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingStats>,
    pub settings: Settings,
    /// What could not be read, with the reason.
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
    /// Weighted terms of the learned sparse model; 0 without any.
    pub impact_bytes: usize,
    /// Vectors of tokens, and what they take; 0 without any.
    pub tokens: usize,
    pub token_bytes: usize,
    pub graph_bytes: usize,
}

/// A change to another model that has begun.
#[derive(Clone, Debug, Serialize)]
pub struct PendingStats {
    pub embedder: EmbedderInfo,
    /// Chunks that have their new vector, of those that need one.
    pub done: u64,
    pub total: u64,
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
                SegmentStats {
                    id: view.segment.id(),
                    documents: view.segment.docs(),
                    chunks: view.segment.chunks(),
                    bytes: view.entry.blobs().map(|(_, blob)| blob.bytes).sum(),
                    terms: inner.terms,
                    postings_bytes: inner.postings_bytes,
                    vector_bytes: inner.vector_bytes,
                    impact_bytes: inner.impact_bytes,
                    tokens: inner.tokens,
                    token_bytes: inner.token_bytes,
                    graph_bytes: view.graph.as_ref().map_or(0, |graph| graph.bytes()),
                }
            })
            .collect();
        Stats {
            generation: manifest.generation,
            documents: snapshot.live_docs(),
            chunks: segments.iter().map(|segment| segment.chunks as usize).sum(),
            deleted: manifest.segments.iter().map(|entry| entry.tombstones.deleted() as usize).sum(),
            bytes: manifest.blobs().map(|(_, blob)| blob.bytes).sum(),
            segments,
            embedder: manifest.embedder.clone(),
            encoders: manifest.encoders.clone(),
            prefixes: prefixes(manifest),
            pending: manifest.pending.as_ref().map(|pending| PendingStats {
                embedder: pending.embedder.clone(),
                done: manifest.segments.iter().map(|entry| u64::from(pending.rows(entry.id))).sum(),
                total: manifest.segments.iter().map(|entry| u64::from(entry.chunks)).sum(),
            }),
            settings: self.settings(),
            broken: snapshot
                .broken
                .iter()
                .map(|(_, error)| error.to_string())
                .chain(self.damaged.borrow().iter().cloned())
                .collect(),
        }
    }
}
