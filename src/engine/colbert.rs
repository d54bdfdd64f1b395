//! The token vectors of a collection, for late interaction: which model made them, the codebook that all segments
//! share, passages encoded as they are added, queries as they are asked, and segments that lack them encoded by
//! maintenance.
//!
//! The codebook comes with the first tokens, and anew while the collection is small and grows: then every segment's
//! codes are made again from the vectors that they stand for, in the commit that brings the tokens it was outgrown by.

use super::agreement::Representation;
use super::services::{Phase, Progress, Services};
use super::write::model_input;
use super::Engine;
use crate::error::{Error, Result};
use crate::index::{
    seal_tokens, BlobKind, ChunkTokens, Codebook, Level, Segment, TokenCodes, TokenForm, TokenQuery, TokenView,
};
use crate::model::{LateEncoder, Role};
use crate::pace::LocalFuture;
use crate::search::options::{Mode, RerankWith, SearchOptions};
use crate::search::snapshot::{Snapshot, View};
use crate::store::{Blob, Manifest, Named, Numbered, SegmentEntry};
use std::collections::btree_map::Entry;
use std::future::ready;
use std::rc::Rc;

const KIND: BlobKind = BlobKind::Colbert;
const SHARED: BlobKind = BlobKind::Centroids;
const MODEL: Representation =
    Representation { kind: KIND, search: "colbert", stored: "token vectors", encoder: "late-interaction model" };

/// Texts whose vectors are in memory at once, as numbers: 64 of 300 tokens take 7 MB at 96 dimensions.
const PART: usize = 64;
/// Chunks between two pauses while codes are made anew.
const SLICE: u32 = 64;

/// The codes of some passages, one entry for each, and what they are codes of.
pub(super) struct TokenBatch {
    codebook: Rc<Codebook>,
    chunks: Vec<TokenCodes>,
}

impl TokenBatch {
    fn tokens(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// A part of them, as the builder of a segment takes it.
    pub fn part(&self, range: std::ops::Range<usize>) -> ChunkTokens<'_> {
        ChunkTokens { form: self.codebook.form(), chunks: &self.chunks[range] }
    }
}

/// The model of this call. A build without models has none, and by this nothing of what is done with one.
fn model<'a>(services: &Services<'a>) -> Option<&'a dyn LateEncoder> {
    services.late.filter(|_| cfg!(feature = "neural"))
}

/// Enters the model of this call into the manifest; see [`Representation::agree`].
pub(super) fn agree(manifest: &mut Manifest, services: &Services<'_>) -> Result<()> {
    MODEL.agree(manifest, services.late.map(|encoder| encoder.info()))
}

/// Whether a search compares token vectors, in its mode or to rerank.
pub(super) fn is_wanted(options: &SearchOptions) -> bool {
    let reranks = options.rerank.is_some_and(|rerank| rerank.with == RerankWith::Colbert);
    options.mode == Mode::Colbert || (reranks && options.k > 0)
}

/// Whether token vectors can be asked for; see [`Representation::check_search`].
pub(super) fn check_search(snapshot: &Snapshot, services: &Services<'_>) -> Result<()> {
    MODEL.check_search(snapshot, services.late.map(|encoder| encoder.info()))
}

/// Whether a segment's codes are those of the collection's codebook.
///
/// # Errors
/// `Corrupt` if not.
pub(super) fn check_codebook(segment: &Segment, manifest: &Manifest) -> Result<()> {
    let expected = manifest.shared.get(&SHARED).and_then(|entry| entry.blob.sum);
    match segment.token_form() {
        Some(TokenForm { codebook, .. }) if Some(codebook) != expected => {
            Err(Error::corrupt(format!("tokens of another codebook than segment {} should have", segment.id())))
        }
        _ => Ok(()),
    }
}

/// Takes the codebook out of a manifest, and with it all that nobody can read without. Returns the names of its blobs.
pub(super) fn drop_codes(manifest: &mut Manifest) -> Vec<String> {
    manifest.shared.remove(&SHARED);
    let names = manifest.segments.iter().filter_map(|entry| entry.extra_name(KIND)).collect();
    for entry in &mut manifest.segments {
        entry.extras.remove(&KIND);
    }
    names
}

/// The vectors of texts, checked.
async fn encode(
    texts: &[String],
    role: Role,
    encoder: &dyn LateEncoder,
    services: &Services<'_>,
) -> Result<(Vec<u32>, Vec<f32>)> {
    let found = encoder.encode(texts, role, services.pacer).await?;
    let tokens: u64 = found.counts.iter().map(|&count| u64::from(count)).sum();
    let fits = found.counts.len() == texts.len() && found.rows.len() as u64 == tokens * encoder.dims() as u64;
    // Their length is 1: what is far from it would spoil the centroids of all others.
    if !fits || found.rows.iter().any(|x| x.is_nan() || x.abs() > 1.001) {
        let (texts, numbers) = (texts.len(), found.rows.len());
        return Err(Error::invalid(format!("the late-interaction model returned {numbers} numbers for {texts} texts")));
    }
    Ok((found.counts, found.rows))
}

impl Engine {
    /// The codebook of a manifest, if it has one; read when it is first needed.
    async fn codebook(&self, manifest: &Manifest) -> Result<Option<Rc<Codebook>>> {
        let (Some(entry), Some(name)) = (manifest.shared.get(&SHARED).copied(), manifest.shared_name(SHARED)) else {
            return Ok(None);
        };
        let known = self.codebook.borrow().as_ref().filter(|(known, _)| *known == entry).map(|(_, it)| it.clone());
        if known.is_some() {
            return Ok(known);
        }
        let codebook = Rc::new(Codebook::decode(&self.blob(&name, &entry.blob).await?)?);
        *self.codebook.borrow_mut() = Some((entry, codebook.clone()));
        Ok(Some(codebook))
    }

    /// A query's tokens, ready to be compared. `None` where there is nothing to compare them with.
    pub(super) fn token_query<'a>(
        &'a self,
        query: &'a str,
        manifest: &'a Manifest,
        services: &'a Services<'_>,
    ) -> LocalFuture<'a, Result<Option<Rc<TokenQuery>>>> {
        let Some(encoder) = model(services) else { return Box::pin(ready(Ok(None))) };
        Box::pin(async move {
            let Some(codebook) = self.codebook(manifest).await? else { return Ok(None) };
            let (_, rows) = encode(&[query.to_owned()], Role::Query, encoder, services).await?;
            TokenQuery::new(&rows, &codebook).map(|query| Some(Rc::new(query)))
        })
    }

    /// The codes of those passages that are wanted; of the others none. `None` without a model. Without a codebook, by
    /// the collection's; where it has none, by one that is fitted on the first of them.
    pub(super) fn encode_tokens<'a>(
        &'a self,
        passages: &'a [String],
        wanted: &'a [bool],
        codebook: Option<Rc<Codebook>>,
        services: &'a Services<'_>,
    ) -> LocalFuture<'a, Result<Option<TokenBatch>>> {
        match model(services) {
            Some(encoder) => {
                Box::pin(async move { self.encoded(passages, wanted, codebook, encoder, services).await.map(Some) })
            }
            None => Box::pin(ready(Ok(None))),
        }
    }

    async fn encoded(
        &self,
        passages: &[String],
        wanted: &[bool],
        codebook: Option<Rc<Codebook>>,
        encoder: &dyn LateEncoder,
        services: &Services<'_>,
    ) -> Result<TokenBatch> {
        let snapshot = self.snapshot();
        match snapshot.manifest.encoders.get(&KIND) {
            Some(stored) if stored.digest != encoder.info().digest => {
                return Err(MODEL.mismatch(stored, Some(encoder.info())))
            }
            _ => {}
        }
        let mut codebook = match codebook {
            Some(known) => Some(known),
            None => self.codebook(&snapshot.manifest).await?,
        };
        if let Some(dims) = codebook.as_ref().map(|known| known.form().dims).filter(|&dims| dims != encoder.dims()) {
            let found = encoder.dims();
            return Err(Error::invalid(format!("token vectors of {found} numbers, the collection's have {dims}")));
        }
        let chosen = passages.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(text, _)| text.clone());
        let chosen: Vec<String> = chosen.collect();
        let mut codes = Vec::with_capacity(chosen.len());
        for texts in chosen.chunks(PART) {
            let (counts, rows) = encode(texts, Role::Passage, encoder, services).await?;
            let codebook = match &mut codebook {
                Some(known) => known,
                None => {
                    let fitted = self.fit_codebook(&rows, encoder.dims(), services).await?;
                    codebook.insert(fitted)
                }
            };
            let mut rest = &rows[..];
            for count in counts {
                let (rows, later) = rest.split_at(count as usize * encoder.dims());
                rest = later;
                codes.push(codebook.quantise(rows));
                services.pacer.pause().await?;
            }
        }
        let codebook = match codebook {
            Some(known) => known,
            None => self.fit_codebook(&[], encoder.dims(), services).await?,
        };
        let mut codes = codes.into_iter();
        let chunks = wanted.iter().map(|wanted| wanted.then(|| codes.next()).flatten().unwrap_or_default()).collect();
        Ok(TokenBatch { codebook, chunks })
    }

    async fn fit_codebook(&self, vectors: &[f32], dims: usize, services: &Services<'_>) -> Result<Rc<Codebook>> {
        let bits = self.settings().vectors.tokens;
        Codebook::fit(vectors, dims, bits, services.pacer).await.map(Rc::new)
    }

    /// Sees to it that the manifest, a changed copy of the snapshot's, names the codebook of these codes. Where the
    /// collection with them has outgrown it, it is fitted anew, and all codes are made again. `put` gets the new blobs.
    /// None without a model.
    pub(super) fn settle<'a>(
        &'a self,
        manifest: &'a mut Manifest,
        snapshot: &'a Snapshot,
        batch: Option<TokenBatch>,
        put: &'a mut Vec<Named>,
        services: &'a Services<'_>,
    ) -> LocalFuture<'a, Result<Option<TokenBatch>>> {
        match batch.filter(|_| model(services).is_some()) {
            Some(batch) => {
                Box::pin(async move { self.settled(manifest, snapshot, batch, put, services).await.map(Some) })
            }
            None => Box::pin(ready(Ok(None))),
        }
    }

    async fn settled(
        &self,
        manifest: &mut Manifest,
        snapshot: &Snapshot,
        mut batch: TokenBatch,
        put: &mut Vec<Named>,
        services: &Services<'_>,
    ) -> Result<TokenBatch> {
        let number = snapshot.manifest.generation + 1;
        let views: Vec<&View> = snapshot.views.iter().filter(|view| view.segment.token_form().is_some()).collect();
        let stored: u64 = views.iter().map(|view| view.segment.stats().tokens as u64).sum();
        if batch.codebook.is_outgrown(stored + batch.tokens()) {
            let before = Rc::clone(&batch.codebook);
            let sample = sampled(&before, &views, &batch, stored + batch.tokens(), services).await?;
            let after = self.fit_codebook(&sample, before.form().dims, services).await?;
            // Codes that could not be read are of no use any more: maintenance makes up for them.
            drop_codes(manifest);
            for view in views {
                let mut chunks = Vec::with_capacity(view.segment.chunks() as usize);
                for chunk in 0..view.segment.chunks() {
                    chunks.extend(view.segment.chunk_tokens(chunk)?.map(|tokens| recoded(&before, &after, tokens)));
                    if chunk.is_multiple_of(SLICE) {
                        services.pacer.pause().await?;
                    }
                }
                let bytes = seal_tokens(view.entry.id, &ChunkTokens { form: after.form(), chunks: &chunks })?;
                if let Some(entry) = manifest.segments.iter_mut().find(|entry| entry.id == view.entry.id) {
                    entry.extras.insert(KIND, Numbered { number, blob: Blob::of(&bytes)? });
                    put.extend(entry.extra_name(KIND).map(|name| (name, bytes)));
                }
            }
            for codes in &mut batch.chunks {
                *codes = recoded(&before, &after, codes.view());
            }
            batch.codebook = after;
        }
        if let Entry::Vacant(free) = manifest.shared.entry(SHARED) {
            let bytes = batch.codebook.encode()?;
            free.insert(Numbered { number, blob: Blob::of(&bytes)? });
            put.extend(manifest.shared_name(SHARED).map(|name| (name, bytes)));
        }
        Ok(batch)
    }

    /// Encodes one segment that lacks its token vectors: it was added before there was a late-interaction model, or lost
    /// them. True if there was one.
    pub(super) fn make_up_tokens<'a>(&'a self, services: &'a Services<'_>) -> LocalFuture<'a, Result<bool>> {
        match model(services) {
            Some(encoder) => Box::pin(self.make_up_vectors(encoder, services)),
            None => Box::pin(ready(Ok(false))),
        }
    }

    async fn make_up_vectors(&self, encoder: &dyn LateEncoder, services: &Services<'_>) -> Result<bool> {
        let snapshot = self.snapshot();
        let stored = snapshot.manifest.encoders.get(&KIND);
        // Another model's are left as they are: searches and additions say so.
        if stored.is_some_and(|stored| stored.digest != encoder.info().digest) {
            return Ok(false);
        }
        let lacks =
            |view: &&View| view.lazy.is_none() && view.segment.chunks() > 0 && view.segment.token_form().is_none();
        let Some(view) = snapshot.views.iter().find(lacks) else { return Ok(false) };
        let (id, lost, total) = (view.entry.id, view.entry.extras.get(&KIND).copied(), view.segment.docs() as usize);
        let (mut codebook, mut chunks) = (None, Vec::with_capacity(view.segment.chunks() as usize));
        // A large segment takes minutes: others may write meanwhile.
        if let Some(turn) = services.turn {
            turn.release();
        }
        while chunks.len() < view.segment.chunks() as usize {
            let done = view.segment.chunk(chunks.len() as u32)?.doc as usize;
            (services.progress)(Progress { phase: Phase::Embed, done, total, committed: 0 });
            let (passages, live) = self.passages(view, chunks.len() as u32, services).await?;
            let part = self.encoded(&passages, &live, codebook.clone(), encoder, services).await?;
            codebook = Some(part.codebook);
            chunks.extend(part.chunks);
        }
        let Some(codebook) = codebook else { return Ok(false) };
        let batch = TokenBatch { codebook, chunks };
        if let Some(turn) = services.turn {
            turn.regain().await?;
        }
        let _writer = self.writer.lock().await;
        if services.turn.is_some() {
            self.refresh_now(services.pacer).await?;
        }
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        agree(&mut manifest, services)?;
        // Meanwhile the codebook may have become another one: then it is all to be done again.
        let present = self.codebook(&manifest).await?;
        if present.is_some_and(|present| present.form() != batch.codebook.form()) {
            return Ok(true);
        }
        // Or the segment was merged away, or made up for by somebody else.
        let same = |entry: &SegmentEntry| entry.id == id && entry.extras.get(&KIND) == lost.as_ref();
        if manifest.segments.iter().any(same) {
            let mut put = Vec::new();
            let batch = self.settled(&mut manifest, &snapshot, batch, &mut put, services).await?;
            let bytes = seal_tokens(id, &batch.part(0..batch.chunks.len()))?;
            let number = snapshot.manifest.generation + 1;
            if let Some(entry) = manifest.segments.iter_mut().find(|entry| entry.id == id) {
                entry.extras.insert(KIND, Numbered { number, blob: Blob::of(&bytes)? });
                put.extend(entry.extra_name(KIND).map(|name| (name, bytes)));
            }
            self.commit(&snapshot, manifest, put, None).await?;
        }
        Ok(true)
    }

    /// What the model reads of the next chunks of a segment, from `first` on; and of which of them it is to be asked.
    /// Sentences and deleted documents get nothing.
    async fn passages(&self, view: &View, first: u32, services: &Services<'_>) -> Result<(Vec<String>, Vec<bool>)> {
        let (mut passages, mut live) = (Vec::new(), Vec::new());
        for number in first..view.segment.chunks().min(first + PART as u32) {
            let chunk = view.segment.chunk(number)?;
            let wanted = chunk.unit.level() == Level::Chunk && !view.tombstones().contains(chunk.doc);
            live.push(wanted);
            passages.push(match wanted {
                false => String::new(),
                true => {
                    let title = view.segment.doc(chunk.doc)?.title.unwrap_or_default();
                    let text = self.text(view, chunk.doc, Some(chunk.span)).await?;
                    model_input(title, chunk.context, &text)
                }
            });
            services.pacer.pause().await?;
        }
        Ok((passages, live))
    }
}

/// The vectors that a new codebook is fitted on: of all that there are, evenly, as many as it takes.
async fn sampled(
    codebook: &Codebook,
    views: &[&View],
    batch: &TokenBatch,
    total: u64,
    services: &Services<'_>,
) -> Result<Vec<f32>> {
    let dims = codebook.form().dims;
    let most = Codebook::sample(dims) as u64;
    let (mut sample, mut vectors, mut at) = (Vec::new(), Vec::new(), 0);
    let mut take = |tokens: TokenView<'_>| {
        vectors.clear();
        codebook.dequantise(tokens, &mut vectors);
        for vector in vectors.chunks_exact(dims) {
            at += 1;
            if total <= most || at * most / total != (at - 1) * most / total {
                sample.extend_from_slice(vector);
            }
        }
    };
    for view in views {
        for chunk in 0..view.segment.chunks() {
            view.segment.chunk_tokens(chunk)?.into_iter().for_each(&mut take);
            if chunk.is_multiple_of(SLICE) {
                services.pacer.pause().await?;
            }
        }
    }
    batch.chunks.iter().for_each(|codes| take(codes.view()));
    Ok(sample)
}

/// The same vectors by another codebook.
fn recoded(before: &Codebook, after: &Codebook, tokens: TokenView<'_>) -> TokenCodes {
    let mut vectors = Vec::new();
    before.dequantise(tokens, &mut vectors);
    after.quantise(&vectors)
}
