//! Changing the model. The vectors of the new one are prepared in parts beside the old ones, which answer until all are
//! there; one commit then puts them in place. Each part is a commit, so the work goes on where it stopped, whatever
//! stopped it. The same way, segments that lost their vectors get them again.

use super::late::{self, Whole, Window};
use super::levels::unit_input;
use super::services::{Phase, Progress, Services};
use super::write::leading;
use super::Engine;
use crate::error::{Error, Result};
use crate::index::{join_vectors, seal_vectors, BlobKind, VectorConfig};
use crate::model::{EmbedderInfo, Role, Spanned};
use crate::search::snapshot::{Snapshot, View};
use crate::store::{Blob, Manifest, Numbered, Part, Pending};
use std::ops::Range;
use std::rc::Rc;

/// Chunks of one part: what is lost at most when the work is stopped.
const PART: u32 = 256;

/// How far a change of the model has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reembedding {
    /// A part was committed, and there is more to do.
    Going,
    /// The collection has the vectors of the new model, and no others.
    Done,
}

impl Engine {
    /// One step towards the vectors of the model that comes with the call: one part, or the change itself. The host
    /// calls it again until `Done`.
    ///
    /// # Errors
    /// `InvalidInput` without a model; `Corrupt` while a segment cannot be read, which [`Engine::repair`] mends; and
    /// those of the model and the store.
    pub async fn reembed(&self, services: &Services<'_>) -> Result<Reembedding> {
        let embedder = services.embedder.ok_or_else(|| Error::invalid("reembed: there is no embedder"))?;
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        let snapshot = self.snapshot();
        if snapshot.views.len() != snapshot.manifest.segments.len() {
            let broken = snapshot.broken.first().map_or(String::new(), |(_, error)| error.to_string());
            return Err(Error::corrupt(format!("repair the collection first: {broken}")));
        }
        let wanted = embedder.info();
        let mut manifest = (*snapshot.manifest).clone();
        manifest.pending = manifest.pending.take().filter(|pending| pending.embedder.digest == wanted.digest);
        let run = snapshot.manifest.generation + 1;
        let pending =
            manifest.pending.get_or_insert_with(|| Pending { embedder: wanted.clone(), run, segments: Vec::new() });
        let next = snapshot.views.iter().find(|view| first_missing(view, &snapshot, pending).is_some());
        let Some(view) = next else { return self.change_model(&snapshot, manifest, wanted).await };
        let first = pending.rows(view.entry.id);
        let config = self.vector_config(wanted)?;
        let rows = self.vectors_of(view, first, services).await?;
        // What was lost of the present model's vectors joins the others in their axes; another model's have none yet.
        let rows = match is_present(&snapshot, wanted) {
            true => self.turned(&snapshot.manifest, rows).await?,
            false => rows,
        };
        let bytes = seal_vectors(&config, view.entry.id, first, &rows)?;
        let part = Part { rows: (rows.len() / config.dims) as u32, blob: Blob::of(&bytes)? };
        match pending.segments.iter_mut().find(|(id, _)| *id == view.entry.id) {
            Some((_, parts)) => parts.push(part),
            None => pending.segments.push((view.entry.id, vec![part])),
        }
        let name = pending.names(view.entry.id).pop().unwrap_or_default();
        let done = through(&snapshot, pending)?;
        self.commit(&snapshot, manifest, vec![(name, bytes)], None).await?;
        let total = snapshot.views.iter().map(|view| view.segment.docs() as usize).sum();
        (services.progress)(Progress { phase: Phase::Embed, done, total, committed: done });
        Ok(Reembedding::Going)
    }

    pub(super) fn vector_config(&self, embedder: &EmbedderInfo) -> Result<VectorConfig> {
        let config = self.segment_config(Some(embedder)).vectors;
        config.ok_or_else(|| Error::internal("a model without a form of vectors"))
    }

    /// The vectors of the chunks from `first` on, as many as a part has. Deleted documents get zeros.
    async fn vectors_of(&self, view: &View, first: u32, services: &Services<'_>) -> Result<Vec<f32>> {
        let embedder = services.embedder.ok_or_else(|| Error::invalid("reembed: there is no embedder"))?;
        let (width, dims) = (embedder.info().dims, self.vector_config(embedder.info())?.dims);
        let last = view.segment.chunks().min(first + PART);
        let (mut inputs, mut live) = (Vec::new(), Vec::new());
        for number in first..last {
            let chunk = view.segment.chunk(number)?;
            live.push(!view.tombstones().contains(chunk.doc));
            if view.tombstones().contains(chunk.doc) || self.is_late() {
                continue;
            }
            let title = view.segment.doc(chunk.doc)?.title.unwrap_or_default();
            let text = self.text(view, chunk.doc, Some(chunk.span.clone())).await?;
            inputs.push(unit_input(&chunk.unit, title, chunk.context, &text));
            services.pacer.pause().await?;
        }
        let vectors = match self.is_late() {
            true => self.late_vectors(view, first..last, services).await?,
            false => embedder.embed(&inputs, Role::Passage, services.pacer).await?,
        };
        let wanted = live.iter().filter(|live| **live).count();
        if vectors.len() != wanted * width {
            return Err(Error::invalid(format!("the embedder returned {} numbers for {wanted} texts", vectors.len())));
        }
        let vectors = leading(&vectors, width, Some(dims));
        let (mut rows, mut from) = (Vec::with_capacity(live.len() * dims), vectors.chunks_exact(dims));
        for live in live {
            match live.then(|| from.next()).flatten() {
                Some(row) => rows.extend_from_slice(row),
                None => rows.resize(rows.len() + dims, 0.0),
            }
        }
        Ok(rows)
    }

    /// The same for chunks whose documents are read whole: those of live documents, in order.
    async fn late_vectors(&self, view: &View, wanted: Range<u32>, services: &Services<'_>) -> Result<Vec<f32>> {
        let embedder = services.embedder.ok_or_else(|| Error::invalid("reembed: there is no embedder"))?;
        let (mut windows, mut counts) = (Vec::new(), Vec::new());
        let mut next = wanted.start;
        while next < wanted.end {
            let doc = view.segment.chunk(next)?.doc;
            let chunks = view.segment.doc_chunks(doc);
            let part = next..chunks.end.min(wanted.end);
            next = part.end;
            if view.tombstones().contains(doc) {
                continue;
            }
            let mut units = Vec::new();
            for number in chunks.clone() {
                let chunk = view.segment.chunk(number)?;
                units.push((chunk.span, chunk.unit));
            }
            let title = view.segment.doc(doc)?.title.unwrap_or_default();
            let text = self.text(view, doc, None).await?;
            let whole = Whole { title, text: &text, units: &units };
            let of_part = |window| within(window, &part, chunks.start);
            let read = late::windows(&whole, embedder.info().max_tokens, services.counter);
            windows.push(read.into_iter().map(of_part).filter(|window| !window.units.is_empty()).collect());
            counts.push(part.len());
            services.pacer.pause().await?;
        }
        late::embed_late(&windows, &counts, embedder, services.pacer).await
    }

    /// Puts the new vectors in place of the old ones.
    async fn change_model(
        &self,
        snapshot: &Rc<Snapshot>,
        mut manifest: Manifest,
        embedder: &EmbedderInfo,
    ) -> Result<Reembedding> {
        let Some(pending) = manifest.pending.take() else { return Ok(Reembedding::Done) };
        if pending.segments.is_empty() && snapshot.manifest.pending.is_none() && !snapshot.views.is_empty() {
            return Ok(Reembedding::Done);
        }
        let config = self.vector_config(embedder)?;
        let number = snapshot.manifest.generation + 1;
        let mut put = Vec::new();
        for entry in manifest.segments.iter_mut().filter(|entry| !pending.parts(entry.id).is_empty()) {
            let mut parts = Vec::new();
            for (name, part) in pending.names(entry.id).iter().zip(pending.parts(entry.id)) {
                parts.push(self.blob(name, &part.blob).await?);
            }
            let bytes = join_vectors(&config, entry.id, &parts)?;
            (entry.vectors, entry.graph) = (Some(Numbered { number, blob: Blob::of(&bytes)? }), None);
            put.extend(entry.vectors_name().map(|name| (name, bytes)));
        }
        if !is_present(snapshot, embedder) {
            manifest.shared.remove(&BlobKind::Rotation);
        }
        manifest.embedder = Some(embedder.clone());
        self.commit(snapshot, manifest, put, None).await?;
        Ok(Reembedding::Done)
    }
}

/// What a window has of the chunks `part` of a segment, numbered from the first of these; the document's are numbered
/// from `start`.
fn within(window: Window, part: &Range<u32>, start: u32) -> Window {
    let (mut read, mut units) = (Spanned { spans: Vec::new(), ..window.read.clone() }, Vec::new());
    for (unit, span) in window.units.into_iter().zip(window.read.spans) {
        let number = start + unit as u32;
        if part.contains(&number) {
            units.push((number - part.start) as usize);
            read.spans.push(span);
        }
    }
    Window { read, units }
}

/// Whether the collection's vectors are this model's.
fn is_present(snapshot: &Snapshot, embedder: &EmbedderInfo) -> bool {
    snapshot.manifest.embedder.as_ref().is_some_and(|stored| stored.digest == embedder.digest)
}

/// The first chunk of a segment that lacks its vector of the pending model.
fn first_missing(view: &View, snapshot: &Snapshot, pending: &Pending) -> Option<u32> {
    let present = is_present(snapshot, &pending.embedder);
    let rows = pending.rows(view.entry.id);
    let has = present && view.segment.config().vectors.is_some();
    (!has && rows < view.segment.chunks()).then_some(rows)
}

/// Documents all of whose chunks have their new vector.
fn through(snapshot: &Snapshot, pending: &Pending) -> Result<usize> {
    let of_view = |view: &View| match first_missing(view, snapshot, pending) {
        Some(chunk) => view.segment.chunk(chunk).map(|chunk| chunk.doc as usize),
        None => Ok(view.segment.docs() as usize),
    };
    snapshot.views.iter().map(of_view).sum()
}
