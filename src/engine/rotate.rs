//! Turning the vectors of a collection into the axes along which they spread most, so that prefixes of them mean
//! something: [`Rotation`] has the arithmetic. The axes are fitted on what is stored; one commit puts the turned vectors
//! of all segments and the axes in place, so that no search sees vectors of two rotations. Vectors that come later, and
//! queries, are turned by the same axes.
//!
//! What is stored in int8 is read, turned and rounded again: cosines change by some 0.001, as they do when vectors are
//! quantised at all. So a collection is fitted once, early, and again only when it has grown several times.

use super::services::{Phase, Progress, Services};
use super::settings::RotationPolicy;
use super::{Engine, Maintenance};
use crate::error::{Error, Result};
use crate::index::{join_vectors, seal_vectors, BlobKind, Moments, Rotation, Storage, VectorConfig};
use crate::model::EmbedderInfo;
use crate::pace::LocalFuture;
use crate::search::snapshot::{Snapshot, View};
use crate::store::{Blob, Manifest, Numbered};
use serde::Serialize;
use std::future::ready;
use std::rc::Rc;

/// Vectors that the axes are fitted on, evenly spaced over the collection.
const SAMPLE: u64 = 8_192;
/// Vectors that are turned between two pauses.
const SLICE: u32 = 64;
/// Dimensions up to which a collection is fitted without being asked: a second's work.
const AUTO_DIMS: usize = 1_024;

/// From when on, and after how much growth, a collection is fitted without being asked.
pub(super) struct Patience {
    chunks: u64,
    growth: u64,
}

/// In the background: where it is worth the work.
pub(super) const BACKGROUND: Patience = Patience { chunks: 1_000, growth: 4 };
/// When everything is rewritten anyway.
pub(super) const COMPACTION: Patience = Patience { chunks: 128, growth: 2 };

/// What the first dimensions of a collection's vectors are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefixes {
    /// The model was trained so that they stand for the whole.
    Matryoshka,
    /// They are the axes along which the vectors spread most.
    Pca,
    /// They are some of the model's numbers: to compare them alone is off-label.
    Prefix,
}

/// What a manifest says of prefixes; `None` without vectors.
pub(super) fn prefixes(manifest: &Manifest) -> Option<Prefixes> {
    let embedder = manifest.embedder.as_ref()?;
    Some(match (manifest.shared.contains_key(&BlobKind::Rotation), embedder.matryoshka) {
        (true, _) => Prefixes::Pca,
        (_, true) => Prefixes::Matryoshka,
        _ => Prefixes::Prefix,
    })
}

impl Engine {
    /// Fits the axes on the vectors that are there now and turns them all. Searches go on meanwhile; what was
    /// published, exported or is read elsewhere stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` without vectors, for those of one bit a dimension, and while those of another model are being prepared; `LimitExceeded` for vectors
    /// of more than [`ROTATION_DIMS`](crate::limits::ROTATION_DIMS) dimensions; `Corrupt` where vectors are missing,
    /// which [`Engine::reembed`] mends.
    pub async fn fit(&self, services: &Services<'_>) -> Result<()> {
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        let snapshot = self.snapshot();
        let config = self.vector_form(&snapshot.manifest);
        let config = config.ok_or_else(|| Error::invalid("fit: the collection has no vectors"))?;
        if config.storage == Storage::Binary {
            return Err(Error::invalid("fit: of one bit a dimension there is nothing to turn"));
        }
        if snapshot.manifest.pending.is_some() {
            return Err(Error::invalid("fit: another model's vectors are being prepared; end the reembed first"));
        }
        if let Some((id, error)) = snapshot.broken.first() {
            return Err(Error::corrupt(format!("fit: segment {id} is broken: {error}")));
        }
        if let Some(view) = snapshot.views.iter().find(|view| view.segment.config().vectors.is_none()) {
            return Err(Error::corrupt(format!("fit: segment {} has lost its vectors; reembed first", view.entry.id)));
        }
        let step = self.fitted(&snapshot, &config, services).await?;
        let present = self.rotation(&snapshot.manifest).await?;
        let rotation = match &present {
            Some(present) => step.after(present)?,
            None => step.clone(),
        };
        let number = snapshot.manifest.generation + 1;
        let (mut manifest, mut put) = ((*snapshot.manifest).clone(), Vec::new());
        let total = snapshot.live_docs();
        let mut done = 0;
        for view in &snapshot.views {
            (services.progress)(Progress { phase: Phase::Rotate, done, total, committed: 0 });
            let bytes = turned(view, &config, &step, services).await?;
            done += view.live_docs() as usize;
            if let Some(entry) = manifest.segments.iter_mut().find(|entry| entry.id == view.entry.id) {
                // The graph was made for the numbers as they were rounded before; maintenance builds it anew.
                (entry.vectors, entry.graph) = (Some(Numbered { number, blob: Blob::of(&bytes)? }), None);
                put.extend(entry.vectors_name().map(|name| (name, bytes)));
            }
        }
        let bytes = rotation.encode()?;
        manifest.shared.insert(BlobKind::Rotation, Numbered { number, blob: Blob::of(&bytes)? });
        put.extend(manifest.shared_name(BlobKind::Rotation).map(|name| (name, bytes)));
        self.commit(&snapshot, manifest, put, None).await?;
        (services.progress)(Progress { phase: Phase::Rotate, done: total, total, committed: 0 });
        Ok(())
    }

    /// Fits the collection if that is due. A build without models turns by the axes that there are, and fits none.
    pub(super) fn fit_if_due<'a>(
        &'a self,
        patience: &'a Patience,
        services: &'a Services<'_>,
    ) -> LocalFuture<'a, Result<Maintenance>> {
        if !cfg!(feature = "neural") {
            return Box::pin(ready(Ok(Maintenance::Nothing)));
        }
        Box::pin(async move {
            match self.is_fit_due(patience).await? {
                true => self.fit(services).await.map(|()| Maintenance::Rotated),
                false => Ok(Maintenance::Nothing),
            }
        })
    }

    /// Whether the settings want it, it was not done yet or the collection has outgrown it, and nothing stands in the
    /// way.
    pub(super) async fn is_fit_due(&self, patience: &Patience) -> Result<bool> {
        if !cfg!(feature = "neural") {
            return Ok(false);
        }
        let snapshot = self.snapshot();
        let manifest = &snapshot.manifest;
        let (Some(embedder), Some(config)) = (&manifest.embedder, self.vector_form(manifest)) else {
            return Ok(false);
        };
        let wanted = match self.settings().vectors.rotation {
            _ if config.storage == Storage::Binary => false,
            RotationPolicy::None => false,
            RotationPolicy::Pca => config.dims <= crate::limits::ROTATION_DIMS,
            RotationPolicy::Auto => !embedder.matryoshka && config.dims <= AUTO_DIMS,
        };
        let whole = manifest.pending.is_none()
            && snapshot.broken.is_empty()
            && snapshot.views.iter().all(|view| view.segment.config().vectors.as_ref() == Some(&config));
        let chunks: u64 = snapshot.views.iter().map(|view| u64::from(view.segment.chunks())).sum();
        if !wanted || !whole || chunks < patience.chunks {
            return Ok(false);
        }
        match self.rotation(manifest).await? {
            Some(rotation) => Ok(rotation.fitted_on() < SAMPLE && rotation.fitted_on() * patience.growth <= chunks),
            None => Ok(true),
        }
    }

    /// The rotation of the collection's vectors, if they have one; read when it is first needed.
    pub(super) async fn rotation(&self, manifest: &Manifest) -> Result<Option<Rc<Rotation>>> {
        let kind = BlobKind::Rotation;
        let (Some(entry), Some(name)) = (manifest.shared.get(&kind).copied(), manifest.shared_name(kind)) else {
            return Ok(None);
        };
        let known = self.rotation.borrow().as_ref().filter(|(known, _)| *known == entry).map(|(_, it)| it.clone());
        if known.is_some() {
            return Ok(known);
        }
        let rotation = Rotation::decode(&self.blob(&name, &entry.blob).await?)?;
        if self.vector_form(manifest).is_none_or(|config| config.dims != rotation.dims()) {
            return Err(Error::corrupt(format!("a rotation of {} dimensions", rotation.dims())));
        }
        let rotation = Rc::new(rotation);
        *self.rotation.borrow_mut() = Some((entry, rotation.clone()));
        Ok(Some(rotation))
    }

    /// Vectors as the model made them, in the axes of the collection.
    pub(super) async fn turned(&self, manifest: &Manifest, vectors: Vec<f32>) -> Result<Vec<f32>> {
        match self.rotation(manifest).await? {
            Some(rotation) => rotation.turn(&vectors),
            None => Ok(vectors),
        }
    }

    fn vector_form(&self, manifest: &Manifest) -> Option<VectorConfig> {
        let embedder: Option<&EmbedderInfo> = manifest.embedder.as_ref();
        self.segment_config(embedder).vectors
    }

    /// The axes for the vectors as they are stored now.
    async fn fitted(&self, snapshot: &Snapshot, config: &VectorConfig, services: &Services<'_>) -> Result<Rotation> {
        let mut moments = Moments::new(config.dims)?;
        let alive = |view: &View| view.live.as_ref().map_or(u64::from(view.segment.chunks()), |it| it.count().into());
        let total: u64 = snapshot.views.iter().map(alive).sum();
        let mut at = 0;
        for view in &snapshot.views {
            for chunk in 0..view.segment.chunks() {
                if view.live.as_ref().is_some_and(|live| !live.contains(chunk)) {
                    continue;
                }
                // Of `total`, evenly, as many as the sample takes.
                at += 1;
                if total > SAMPLE && at * SAMPLE / total == (at - 1) * SAMPLE / total {
                    continue;
                }
                if let Some(vector) = view.segment.vector(chunk)? {
                    moments.add(&vector);
                }
                if moments.count().is_multiple_of(u64::from(SLICE)) {
                    services.pacer.pause().await?;
                }
            }
        }
        Rotation::fit(moments, services.pacer).await
    }
}

/// The vectors of a segment, turned, as a blob.
async fn turned(view: &View, config: &VectorConfig, step: &Rotation, services: &Services<'_>) -> Result<Vec<u8>> {
    let (id, chunks) = (view.entry.id, view.segment.chunks());
    let mut parts = Vec::new();
    for first in (0..chunks).step_by(SLICE as usize) {
        let mut rows = Vec::new();
        for chunk in first..chunks.min(first + SLICE) {
            rows.extend(view.segment.vector(chunk)?.unwrap_or_default());
        }
        parts.push(seal_vectors(config, id, first, &step.turn(&rows)?)?);
        services.pacer.pause().await?;
    }
    join_vectors(config, id, &parts)
}
