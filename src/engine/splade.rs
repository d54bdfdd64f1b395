//! The learned sparse representation of a collection: which model made it, passages encoded as they are added, queries
//! as they are asked, and segments that lack it encoded by maintenance.

use super::agreement::Representation;
use super::services::{Phase, Progress, Services};
use super::write::model_input;
use super::Engine;
use crate::error::{Error, Result};
use crate::index::{seal_impacts, BlobKind, Level, WeightedTerms};
use crate::limits;
use crate::model::{Role, SparseEncoder};
use crate::pace::LocalFuture;
use crate::search::snapshot::{Snapshot, View};
use crate::sorting::{set, sort_by};
use crate::store::{Blob, Manifest, Numbered};
use std::collections::BTreeSet;
use std::future::ready;

const KIND: BlobKind = BlobKind::Splade;
const MODEL: Representation =
    Representation { kind: KIND, search: "splade", stored: "weighted terms", encoder: "sparse encoder" };

/// Chunks that are encoded in one call while a segment is made up for.
const PART: usize = 256;

/// The further representations that new segments of a collection get.
pub(super) fn representations(manifest: &Manifest) -> BTreeSet<BlobKind> {
    set(manifest.encoders.keys().copied().filter(|kind| kind.of_segments()))
}

/// The model of this call. A build without models has none, and by this nothing of what is done with one.
fn model<'a>(services: &Services<'a>) -> Option<&'a dyn SparseEncoder> {
    services.sparse.filter(|_| cfg!(feature = "neural"))
}

/// Enters the model of this call into the manifest; see [`Representation::agree`].
pub(super) fn agree(manifest: &mut Manifest, services: &Services<'_>) -> Result<()> {
    MODEL.agree(manifest, services.sparse.map(|encoder| encoder.info()))
}

/// Whether weighted terms can be asked for; see [`Representation::check_search`].
pub(super) fn check_search(snapshot: &Snapshot, services: &Services<'_>) -> Result<()> {
    MODEL.check_search(snapshot, services.sparse.map(|encoder| encoder.info()))
}

/// The weighted terms of texts, checked.
async fn encode(
    texts: &[String],
    role: Role,
    encoder: &dyn SparseEncoder,
    services: &Services<'_>,
) -> Result<Vec<WeightedTerms>> {
    let terms = encoder.encode(texts, role, services.pacer).await?;
    match terms.len() == texts.len() {
        true => Ok(terms),
        false => Err(Error::invalid(format!("the sparse encoder returned {} of {} texts", terms.len(), texts.len()))),
    }
}

/// The weighted terms of those passages that are wanted; of the others none. `None` without a model.
pub(super) fn encode_some<'a>(
    passages: &'a [String],
    wanted: &'a [bool],
    services: &'a Services<'_>,
) -> LocalFuture<'a, Result<Option<Vec<WeightedTerms>>>> {
    let Some(encoder) = model(services) else { return Box::pin(ready(Ok(None))) };
    Box::pin(async move {
        let chosen: Vec<String> =
            passages.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(text, _)| text.clone()).collect();
        let mut terms = encode(&chosen, Role::Passage, encoder, services).await?.into_iter();
        Ok(Some(wanted.iter().map(|wanted| wanted.then(|| terms.next()).flatten().unwrap_or_default()).collect()))
    })
}

/// The weighted terms of passages; none without a model.
pub(super) fn weighted_passages<'a>(
    texts: &'a [String],
    services: &'a Services<'_>,
) -> LocalFuture<'a, Result<Vec<WeightedTerms>>> {
    match model(services) {
        Some(encoder) if !texts.is_empty() => Box::pin(encode(texts, Role::Passage, encoder, services)),
        _ => Box::pin(ready(Ok(Vec::new()))),
    }
}

impl Engine {
    /// The heaviest terms of a query; none without a model.
    pub(super) fn weighted_query<'a>(
        &'a self,
        query: &'a str,
        services: &'a Services<'_>,
    ) -> LocalFuture<'a, Result<WeightedTerms>> {
        let Some(encoder) = model(services) else { return Box::pin(ready(Ok(WeightedTerms::default()))) };
        Box::pin(async move {
            let found = encode(&[query.to_owned()], Role::Query, encoder, services).await?.pop();
            let mut terms = found.unwrap_or_default();
            terms.retain(|(_, weight)| weight.is_finite() && *weight > 0.0);
            sort_by(&mut terms, |a, b| b.1.total_cmp(&a.1));
            terms.truncate(limits::QUERY_TERMS);
            Ok(terms)
        })
    }

    /// Encodes one segment that lacks its weighted terms: it was added before there was a sparse encoder, or lost them.
    /// True if there was one.
    pub(super) fn make_up_splade<'a>(&'a self, services: &'a Services<'_>) -> LocalFuture<'a, Result<bool>> {
        match model(services) {
            Some(encoder) => Box::pin(self.make_up_terms(encoder, services)),
            None => Box::pin(ready(Ok(false))),
        }
    }

    async fn make_up_terms(&self, encoder: &dyn SparseEncoder, services: &Services<'_>) -> Result<bool> {
        let snapshot = self.snapshot();
        let stored = snapshot.manifest.encoders.get(&KIND);
        // Another model's are left as they are: searches and additions say so.
        if stored.is_some_and(|stored| stored.digest != encoder.info().digest) {
            return Ok(false);
        }
        let lacks =
            |view: &&View| view.lazy.is_none() && view.segment.chunks() > 0 && !view.segment.extras().contains(&KIND);
        let Some(view) = snapshot.views.iter().find(lacks) else { return Ok(false) };
        let (id, lost, total) = (view.entry.id, view.entry.extras.get(&KIND).copied(), view.segment.docs() as usize);
        let mut chunks: Vec<WeightedTerms> = Vec::with_capacity(view.segment.chunks() as usize);
        while chunks.len() < view.segment.chunks() as usize {
            let done = view.segment.chunk(chunks.len() as u32)?.doc as usize;
            (services.progress)(Progress { phase: Phase::Embed, done, total, committed: 0 });
            self.encode_part(view, &mut chunks, encoder, services).await?;
        }
        let bytes = seal_impacts(id, &chunks, services.pacer).await?;
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        agree(&mut manifest, services)?;
        // Meanwhile the segment may have been merged away, or made up for by somebody else.
        let same = |entry: &&mut crate::store::SegmentEntry| entry.id == id && entry.extras.get(&KIND) == lost.as_ref();
        if let Some(entry) = manifest.segments.iter_mut().find(same) {
            let number = snapshot.manifest.generation + 1;
            entry.extras.insert(KIND, Numbered { number, blob: Blob::of(&bytes)? });
            let put = entry.extra_name(KIND).map(|name| (name, bytes));
            self.commit(&snapshot, manifest, Vec::from_iter(put), None).await?;
        }
        Ok(true)
    }

    /// Encodes the chunks after those that are there. Sentences and deleted documents get nothing.
    async fn encode_part(
        &self,
        view: &View,
        chunks: &mut Vec<WeightedTerms>,
        encoder: &dyn SparseEncoder,
        services: &Services<'_>,
    ) -> Result<()> {
        let first = chunks.len() as u32;
        let last = view.segment.chunks().min(first + PART as u32);
        let (mut inputs, mut live) = (Vec::new(), Vec::new());
        for number in first..last {
            let chunk = view.segment.chunk(number)?;
            live.push(chunk.unit.level() == Level::Chunk && !view.tombstones().contains(chunk.doc));
            if live.last() == Some(&true) {
                let title = view.segment.doc(chunk.doc)?.title.unwrap_or_default();
                let text = self.text(view, chunk.doc, Some(chunk.span)).await?;
                inputs.push(model_input(title, chunk.context, &text));
            }
            services.pacer.pause().await?;
        }
        let mut encoded = encode(&inputs, Role::Passage, encoder, services).await?.into_iter();
        chunks.extend(live.into_iter().map(|live| live.then(|| encoded.next()).flatten().unwrap_or_default()));
        Ok(())
    }
}
