//! Adding, replacing and deleting. Documents are taken in batches; each batch becomes one sealed segment and one
//! atomic commit, so that a batch is either searchable and safe or never happened. The first batch is small, so that
//! the first documents can be found at once; batches then grow, so that segments stay few.

use super::colbert::{self, TokenBatch};
use super::late::{self, Whole, Window};
use super::levels::unit_input;
use super::services::{Phase, Progress, Services};
use super::splade::{self, representations};
use super::{Engine, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{
    Beside, ChunkEntry, Document, Level, Meta, Sealed, Segment, SegmentBuilder, SegmentConfig, Unit, VectorConfig,
    WeightedTerms,
};
use crate::model::{EmbedderInfo, Role};
use crate::pace::{Pacer, Unpaced};
use crate::search::snapshot::Snapshot;
use crate::store::{Blob, Extras, Manifest, Named, Numbered, SegmentEntry, Tombstones};
use crate::text::{chunk, passage, Chunk, ChunkOptions, Strategy, TokenCounter};
use serde::Deserialize;
use std::collections::HashMap;

const FIRST_BATCH_CHUNKS: usize = 64;
const LARGEST_BATCH_CHUNKS: usize = 1024;
/// A batch is also closed at so much text, so that few long documents do not pile up in memory.
const BATCH_TEXT_BYTES: usize = 4 << 20;

/// A document as it comes in.
#[derive(Clone, Debug, Deserialize)]
pub struct Incoming {
    #[serde(flatten)]
    pub document: Document,
    /// How this document is cut, where it differs from the collection's way.
    #[serde(default)]
    pub strategy: Option<Strategy>,
}

impl From<Document> for Incoming {
    fn from(document: Document) -> Incoming {
        Incoming { document, strategy: None }
    }
}

/// A document cut and ready: plain text, chunks, and what the model is to read of each.
struct Prepared {
    document: Document,
    chunks: Vec<ChunkEntry>,
    /// What the model reads for each chunk, or of the whole.
    inputs: Vec<String>,
    windows: Vec<Window>,
}

/// What the models made of a batch: a row or an entry for each chunk.
#[derive(Default)]
struct Encoded {
    vectors: Option<Vec<f32>>,
    splade: Option<Vec<WeightedTerms>>,
    tokens: Option<TokenBatch>,
}

impl Engine {
    /// Adds documents; one with the id of an earlier one replaces it, in the collection as in the same call. Returns
    /// how many distinct documents were added. When it fails midway, the batches that progress called `committed`
    /// stay, and the rest was not added.
    pub async fn add(&self, documents: Vec<Incoming>, services: &Services<'_>) -> Result<usize> {
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        documents.iter().try_for_each(|incoming| incoming.document.check())?;
        let documents = last_of_each_id(documents);
        let total = documents.len();
        let mut committed = 0;
        let mut limit = FIRST_BATCH_CHUNKS;
        let mut queue = documents.into_iter().peekable();
        while queue.peek().is_some() {
            let report = |phase, done| (services.progress)(Progress { phase, done, total, committed });
            let mut batch = Vec::new();
            let (mut chunks, mut bytes) = (0, 0);
            while chunks < limit && bytes < BATCH_TEXT_BYTES {
                let Some(incoming) = queue.next() else { break };
                let prepared = self.prepare(incoming, services)?;
                chunks += prepared.chunks.len();
                bytes += prepared.document.text.len();
                batch.push(prepared);
                report(Phase::Chunk, committed + batch.len());
                services.pacer.pause().await?;
            }
            report(Phase::Embed, committed);
            let encoded = self.encode(&mut batch, services).await?;
            report(Phase::Commit, committed + batch.len());
            committed += self.commit_batch(batch, encoded, services).await?;
            (services.progress)(Progress { phase: Phase::Commit, done: committed, total, committed });
            limit = (limit * 2).min(LARGEST_BATCH_CHUNKS);
        }
        Ok(committed)
    }

    /// Deletes documents and returns how many there were.
    pub async fn delete(&self, ids: &[String]) -> Result<usize> {
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        let deleted = ids.iter().filter(|id| bury(&mut manifest, &snapshot, id)).count();
        if deleted > 0 {
            self.commit(&snapshot, manifest, Vec::new(), None).await?;
        }
        Ok(deleted)
    }

    /// Replaces a document's metadata; text, postings and vectors are copied as they are.
    pub async fn update_meta(&self, id: &str, meta: Meta) -> Result<()> {
        let _writer = self.writer.lock().await;
        self.prepare_to_write().await?;
        let snapshot = self.snapshot();
        let (at, doc) = snapshot.find(id).ok_or_else(|| Error::not_found(format!("document {id:?}")))?;
        let view = &snapshot.views[at];
        let page = self.page(view, doc).await?;
        let text = page.text(&view.segment, doc)?;
        Document { id: id.to_owned(), text: String::new(), title: None, url: None, meta: meta.clone(), language: None }
            .check()?;
        // What its segment lacks, the new one lacks too.
        let mut builder = SegmentBuilder::with(view.segment.config(), &view.segment.extras())?;
        builder.copy(&view.segment, doc, text, Some(&meta))?;
        let mut manifest = (*snapshot.manifest).clone();
        bury(&mut manifest, &snapshot, id);
        self.seal(&snapshot, manifest, builder).await
    }

    /// Cuts a document, leaving room for the title, which the model reads before each chunk.
    fn prepare(&self, incoming: Incoming, services: &Services<'_>) -> Result<Prepared> {
        let Incoming { document, strategy } = incoming;
        let longest = services.embedder.map_or(usize::MAX, |embedder| embedder.info().max_tokens);
        let chunked = {
            let options = self.chunk_options(&document, strategy, longest, services.counter);
            chunk(&document.text, &options, services.counter)
                .map_err(|e| e.within(format!("document {:?}", document.id)))?
        };
        let title = document.title.clone().or(chunked.title);
        let entry =
            |Chunk { span, source, context }: Chunk| ChunkEntry { span, source, context, unit: Unit::default() };
        let mut chunks: Vec<ChunkEntry> = chunked.chunks.into_iter().map(entry).collect();
        if chunks.is_empty() {
            // Nothing to read, but the title and the metadata can still be found.
            chunks.push(ChunkEntry { span: 0..0, source: 0..0, context: String::new(), unit: Unit::default() });
        }
        let text = chunked.text.into_owned();
        let seen = || format!("{}\n{text}", title.as_deref().unwrap_or_default());
        let language = self.analyzers.of_document(document.language, seen);
        let chunks = self.settings().levels.units(&text, chunks, services.counter);
        let heading = title.as_deref().unwrap_or("");
        let input = |chunk: &ChunkEntry| unit_input(&chunk.unit, heading, &chunk.context, &text[chunk.span.clone()]);
        let (mut inputs, mut windows) = (Vec::new(), Vec::new());
        if self.is_late() && services.embedder.is_some() {
            let units: Vec<_> = chunks.iter().map(|chunk| (chunk.span.clone(), chunk.unit.clone())).collect();
            windows = late::windows(&Whole { title: heading, text: &text, units: &units }, longest, services.counter);
        }
        // Weighted terms and token vectors are those of the chunk alone.
        if windows.is_empty() || services.sparse.is_some() || services.late.is_some() {
            inputs.extend(chunks.iter().map(input));
        }
        Ok(Prepared { document: Document { text, title, language, ..document }, chunks, inputs, windows })
    }

    fn chunk_options(
        &self,
        document: &Document,
        strategy: Option<Strategy>,
        longest: usize,
        counter: &dyn TokenCounter,
    ) -> ChunkOptions {
        let options = self.settings().chunk;
        let size = options.size.min(longest);
        let title = document.title.as_deref().map_or(0, |title| counter.count(title));
        let strategy = strategy.unwrap_or(options.strategy);
        ChunkOptions { strategy, size: size - title.min(size / 4), ..options }
    }

    /// All inputs of the batch in one call of each model, so that it can sort and spread them; but
    /// for token vectors, which are too many to be in memory at once.
    async fn encode(&self, batch: &mut [Prepared], services: &Services<'_>) -> Result<Encoded> {
        let inputs: Vec<String> = batch.iter_mut().flat_map(|prepared| std::mem::take(&mut prepared.inputs)).collect();
        let chunks: Vec<bool> =
            batch.iter().flat_map(|it| &it.chunks).map(|it| it.unit.level() == Level::Chunk).collect();
        let splade = splade::encode_some(&inputs, &chunks, services).await?;
        let tokens = self.encode_tokens(&inputs, &chunks, None, services).await?;
        let Some(embedder) = services.embedder else { return Ok(Encoded { vectors: None, splade, tokens }) };
        if batch.iter().any(|prepared| !prepared.windows.is_empty()) {
            let windows: Vec<_> = batch.iter_mut().map(|prepared| std::mem::take(&mut prepared.windows)).collect();
            let counts: Vec<usize> = batch.iter().map(|prepared| prepared.chunks.len()).collect();
            let vectors = late::embed_late(&windows, &counts, embedder, services.pacer).await?;
            return Ok(Encoded { vectors: Some(vectors), splade, tokens });
        }
        let vectors = embedder.embed(&inputs, Role::Passage, services.pacer).await?;
        let expected = inputs.len() * embedder.info().dims;
        if vectors.len() != expected || vectors.iter().any(|v| !v.is_finite()) {
            let message = format!("the embedder returned {} numbers for {} texts", vectors.len(), inputs.len());
            return Err(Error::invalid(format!("{message}; {expected} finite ones were expected")));
        }
        Ok(Encoded { vectors: Some(vectors), splade, tokens })
    }

    async fn commit_batch(&self, batch: Vec<Prepared>, encoded: Encoded, services: &Services<'_>) -> Result<usize> {
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        manifest.embedder = agreed_embedder(&manifest, services)?;
        splade::agree(&mut manifest, services)?;
        colbert::agree(&mut manifest, services)?;
        let mut builder = self.builder(&manifest)?;
        let Encoded { vectors, splade, tokens } = encoded;
        let mut put = Vec::new();
        let tokens = self.settle(&mut manifest, &snapshot, tokens, &mut put, services).await?;
        let width = services.embedder.map_or(0, |embedder| embedder.info().dims);
        let mut row = 0;
        for prepared in &batch {
            let last = row + prepared.chunks.len();
            let rows = vectors.as_ref().map(|all| &all[row * width..last * width]);
            let beside = Beside {
                splade: splade.as_ref().map(|all| &all[row..last]),
                tokens: tokens.as_ref().map(|all| all.part(row..last)),
            };
            row = last;
            let stored = match rows {
                Some(rows) => {
                    let rows = leading(rows, width, self.settings().vectors.dims).into_owned();
                    Some(self.turned(&manifest, rows).await?)
                }
                None => None,
            };
            builder.add_with(&prepared.document, &prepared.chunks, stored.as_deref(), beside)?;
            bury(&mut manifest, &snapshot, &prepared.document.id);
            services.pacer.pause().await?;
        }
        let (segment, more) = self.append(&mut manifest, &snapshot, builder, services.pacer).await?;
        put.extend(more);
        self.commit(&snapshot, manifest, put, Some(segment)).await?;
        Ok(batch.len())
    }

    /// Seals what was built as the next segment and commits it with `manifest`.
    pub(super) async fn seal(
        &self,
        snapshot: &Snapshot,
        mut manifest: Manifest,
        builder: SegmentBuilder,
    ) -> Result<()> {
        let (segment, put) = self.append(&mut manifest, snapshot, builder, &Unpaced).await?;
        self.commit(snapshot, manifest, put, Some(segment)).await
    }

    /// Seals what was built as the next segment of `manifest`, which will be committed upon `snapshot` with these blobs.
    pub(super) async fn append(
        &self,
        manifest: &mut Manifest,
        snapshot: &Snapshot,
        builder: SegmentBuilder,
        pacer: &dyn Pacer,
    ) -> Result<(Segment, Vec<Named>)> {
        let id = manifest.next_id;
        manifest.next_id += 1;
        let sealed = builder.seal_paced(id, pacer).await?;
        // Opened before it is stored: what is committed can be read.
        let segment = sealed.open_paced(pacer).await?;
        let (entry, put) = Engine::entry(snapshot, sealed)?;
        manifest.segments.push(entry);
        pacer.pause().await?;
        Ok((segment, put))
    }

    /// What a manifest says of a new segment that will be committed upon `snapshot` or a later one, and its blobs.
    pub(super) fn entry(snapshot: &Snapshot, sealed: Sealed) -> Result<(SegmentEntry, Vec<Named>)> {
        let Sealed { id, main, head, pages, vectors, extras, docs, chunks } = sealed;
        let number = snapshot.manifest.generation + 1;
        let numbered = |bytes: &Vec<u8>| Ok(Numbered { number, blob: Blob::of(bytes)? });
        let entry = SegmentEntry {
            id,
            docs,
            chunks,
            head,
            main: Blob::of(&main)?,
            pages: pages.iter().map(|page| Blob::of(page)).collect::<Result<_>>()?,
            vectors: vectors.as_ref().map(numbered).transpose()?,
            graph: None,
            extras: extras.iter().map(|(kind, bytes)| Ok((*kind, numbered(bytes)?))).collect::<Result<Extras>>()?,
            tombstones: Tombstones::new(docs),
        };
        let names: Vec<String> = entry.blobs().map(|(name, _)| name).collect();
        let extras = extras.into_iter().map(|(_, bytes)| bytes);
        let put = names.into_iter().zip(std::iter::once(main).chain(pages).chain(vectors).chain(extras)).collect();
        Ok((entry, put))
    }

    /// For the next segment of a collection.
    pub(super) fn builder(&self, manifest: &Manifest) -> Result<SegmentBuilder> {
        SegmentBuilder::with(&self.segment_config(manifest.embedder.as_ref()), &representations(manifest))
    }

    pub(super) fn segment_config(&self, embedder: Option<&EmbedderInfo>) -> SegmentConfig {
        let Settings { language, vectors, .. } = self.settings();
        let config = |info: &EmbedderInfo| VectorConfig {
            dims: vectors.dims.map_or(info.dims, |dims| dims.min(info.dims)),
            storage: vectors.storage,
            metric: vectors.metric,
        };
        SegmentConfig { language, vectors: embedder.map(config) }
    }
}

/// The model whose vectors the collection holds: the stored one, or that of the first documents.
fn agreed_embedder(manifest: &Manifest, services: &Services<'_>) -> Result<Option<EmbedderInfo>> {
    let offered = services.embedder.map(|embedder| embedder.info().clone());
    match (&manifest.embedder, offered) {
        (None, offered) if manifest.segments.is_empty() => Ok(offered),
        (None, None) => Ok(None),
        (Some(stored), Some(offered)) if stored.digest == offered.digest => Ok(Some(offered)),
        (stored, offered) => Err(mismatch(stored.as_ref(), offered.as_ref())),
    }
}

/// The error of vectors that would meet those of another model.
pub(super) fn mismatch(stored: Option<&EmbedderInfo>, offered: Option<&EmbedderInfo>) -> Error {
    let show = |info: Option<&EmbedderInfo>| match info {
        Some(info) => format!("{} ({:.12})", info.name, info.digest),
        None => "no model".to_owned(),
    };
    let message = format!("the collection holds vectors of {}, this call has {}", show(stored), show(offered));
    Error::new(ErrorKind::ModelMismatch, message)
}

/// Marks the live document of this id as deleted, wherever it is.
fn bury(manifest: &mut Manifest, snapshot: &Snapshot, id: &str) -> bool {
    let Some((at, doc)) = snapshot.find(id) else { return false };
    let segment = snapshot.views[at].segment.id();
    let entry = manifest.segments.iter_mut().find(|entry| entry.id == segment);
    entry.is_some_and(|entry| entry.tombstones.insert(doc))
}

/// What the model reads of a chunk: title, heading path and text.
pub(super) fn model_input(title: &str, context: &str, text: &str) -> String {
    passage(&heading(title, context), text).into_owned()
}

/// Title and heading path. A title that begins the path is read once.
pub(super) fn heading(title: &str, context: &str) -> String {
    let rest = context.strip_prefix(title).map_or(context, |rest| rest.trim_start_matches(" > "));
    match (title.is_empty(), rest.is_empty()) {
        (false, false) => format!("{title} > {rest}"),
        (false, true) => title.to_owned(),
        (true, _) => rest.to_owned(),
    }
}

/// The first `dims` numbers of each row.
pub(super) fn leading(rows: &[f32], width: usize, dims: Option<usize>) -> std::borrow::Cow<'_, [f32]> {
    match dims {
        Some(dims) if dims < width => rows.chunks_exact(width).flat_map(|row| &row[..dims]).copied().collect(),
        _ => rows.into(),
    }
}

fn last_of_each_id(documents: Vec<Incoming>) -> Vec<Incoming> {
    let mut last = HashMap::new();
    for (at, incoming) in documents.iter().enumerate() {
        last.insert(incoming.document.id.clone(), at);
    }
    let keep = |(at, incoming): &(usize, Incoming)| last.get(&incoming.document.id) == Some(at);
    documents.into_iter().enumerate().filter(keep).map(|(_, incoming)| incoming).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_reads_each_heading_once() {
        assert_eq!(model_input("Guide", "Guide > Install", "Run it."), "Guide > Install\n\nRun it.");
        assert_eq!(model_input("Guide", "", "Run it."), "Guide\n\nRun it.");
        assert_eq!(model_input("", "Install", "Run it."), "Install\n\nRun it.");
        assert_eq!(model_input("Guide", "Guide", "Run it."), "Guide\n\nRun it.");
    }

    #[test]
    fn a_prefix_of_each_row() {
        assert_eq!(leading(&[1.0, 2.0, 3.0, 4.0], 2, Some(1)).as_ref(), [1.0, 3.0]);
        assert_eq!(leading(&[1.0, 2.0], 2, None).as_ref(), [1.0, 2.0]);
    }
}
