//! Work that nobody waits for: merging small segments, dropping what was deleted, building graphs. Each step is put in
//! place by one commit, so it can end at any moment. Others search and write meanwhile: what takes long is prepared from
//! a snapshot, without the writer's lock, and fitted to what has changed since when it is committed.

use super::load::is_damage;
use super::rotate::{BACKGROUND, COMPACTION};
use super::services::{Phase, Progress, Services};
use super::splade::representations;
use super::{Engine, GraphPolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{graph_job, Graph, Segment};
use crate::pace::{Pacer, Unpaced};
use crate::search::snapshot::{Snapshot, View};
use crate::store::{Blob, Fresh, Manifest, Numbered, SegmentEntry};
use std::rc::Rc;

/// Segments of one size class that are merged into one of the next.
const FAN_IN: usize = 8;
/// Chunks of the smallest size class.
const SMALLEST: u32 = 512;
/// A merge never makes a segment of more chunks than this: its columns are in memory while it is built.
const LARGEST: u32 = 200_000;
/// How often everything is merged anew because it was changed meanwhile.
const ATTEMPTS: usize = 3;
/// From so many chunks on a graph is faster than a scan; the crossover was measured between 5,000 and 7,000 with a
/// naive scan, and ours is several times faster than that.
const GRAPH_CHUNKS: u32 = 20_000;

/// A segment that is to stand in place of others.
struct Rewritten {
    segment: Segment,
    entry: SegmentEntry,
    /// Its blobs.
    staged: Vec<(String, u64)>,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    Merged,
    BuiltGraph,
    /// A segment got the weighted terms or token vectors that it lacked.
    Encoded,
    /// Vectors were turned.
    Rotated,
    /// Blobs that no reader needs any more were deleted.
    Deleted,
    /// There was nothing to do.
    Nothing,
}

impl Engine {
    /// Does the most useful single step, if there is one. The host calls it again until `Nothing`.
    pub async fn maintain(&self, services: &Services<'_>) -> Result<Maintenance> {
        // Not waited for: who holds it may wait for the turn that this call has.
        let Some(_upkeep) = self.upkeep.try_lock() else { return Ok(Maintenance::Nothing) };
        if self.check_writable().is_err() {
            return Ok(Maintenance::Nothing);
        }
        self.complete(services.pacer).await?;
        self.clear_up().await?;
        let snapshot = self.snapshot();
        if let Some(group) = due_for_merge(&self.mergeable(&snapshot)) {
            self.merge(group, services).await?;
            return Ok(Maintenance::Merged);
        }
        if self.delete_overdue(services.pacer).await? {
            return Ok(Maintenance::Deleted);
        }
        if self.make_up_splade(services).await? || self.make_up_tokens(services).await? {
            return Ok(Maintenance::Encoded);
        }
        if self.fit_if_due(&BACKGROUND, services).await? == Maintenance::Rotated {
            return Ok(Maintenance::Rotated);
        }
        self.next_graph(&snapshot, services).await
    }

    /// Whether [`Engine::maintain`] would find something to do.
    pub async fn is_due(&self, pacer: &dyn Pacer) -> Result<bool> {
        self.complete(pacer).await?;
        let snapshot = self.snapshot();
        let due = due_for_merge(&self.mergeable(&snapshot)).is_some() || self.due_for_graph(&snapshot).is_some();
        let due = due || snapshot.manifest.overdue().next().is_some();
        Ok(due || self.is_littered().await || self.is_fit_due(&BACKGROUND).await?)
    }

    /// Merges everything into one segment without deleted documents, turns its vectors if that is due, and builds every
    /// graph that is.
    pub async fn compact(&self, services: &Services<'_>) -> Result<()> {
        let busy = || Error::new(ErrorKind::Locked, "the collection is being rewritten already");
        let _upkeep = self.upkeep.try_lock().ok_or_else(busy)?;
        {
            let _writer = self.writer.lock().await;
            self.prepare_to_write().await?;
        }
        self.clear_up().await?;
        self.delete_overdue(services.pacer).await?;
        while self.make_up_splade(services).await? || self.make_up_tokens(services).await? {}
        for _ in 0..ATTEMPTS {
            let mut undisturbed = true;
            for group in self.groups() {
                undisturbed &= self.merge(group, services).await?;
            }
            if undisturbed {
                break;
            }
        }
        self.fit_if_due(&COMPACTION, services).await?;
        while self.next_graph(&self.snapshot(), services).await? == Maintenance::BuiltGraph {}
        Ok(())
    }

    /// Removes blobs that are only kept for readers of older generations: before a collection is published.
    pub async fn forget(&self) -> Result<()> {
        let retired: Vec<String> = self.snapshot().manifest.retired.iter().map(|blob| blob.name.clone()).collect();
        self.delete_retired(&retired, &Unpaced).await
    }

    /// The segments that may be rewritten: none for which vectors of another model are prepared already, and none that
    /// has lost its own.
    fn mergeable<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a View> {
        let config = self.segment_config(snapshot.manifest.embedder.as_ref());
        let extras = representations(&snapshot.manifest);
        let whole = |view: &&View| {
            *view.segment.config() == config
                && view.segment.extras() == extras
                && !is_prepared(&snapshot.manifest, view.segment.id())
        };
        snapshot.views.iter().filter(whole).collect()
    }

    /// The segments that become one each when everything is merged.
    fn groups(&self) -> Vec<Vec<u64>> {
        let snapshot = self.snapshot();
        let views = self.mergeable(&snapshot);
        if views.len() < 2 && views.iter().all(|view| view.tombstones().is_empty() && !is_old(view)) {
            return Vec::new();
        }
        let mut groups: Vec<Vec<u64>> = vec![Vec::new()];
        let mut chunks = 0;
        for view in views {
            if chunks + view.segment.chunks() > LARGEST {
                groups.push(Vec::new());
                chunks = 0;
            }
            chunks += view.segment.chunks();
            if let Some(group) = groups.last_mut() {
                group.push(view.segment.id());
            }
        }
        groups
    }

    /// Rewrites these segments as one. False if they were changed meanwhile by more than deletions: then nothing is.
    async fn merge(&self, group: Vec<u64>, services: &Services<'_>) -> Result<bool> {
        let (snapshot, id) = self.reserve().await?;
        let views: Vec<&View> = snapshot.views.iter().filter(|view| group.contains(&view.segment.id())).collect();
        if views.len() != group.len() {
            return Ok(false);
        }
        if let Some(turn) = services.turn {
            turn.release();
        }
        let rewritten = match self.rewritten(&snapshot, &views, id, services).await {
            // Perhaps somebody else has merged the same segments, and what they were is gone: that is seen below.
            Err(error) if !is_damage(&error) => return Err(error),
            rewritten => rewritten,
        };
        let staged = match &rewritten {
            Ok(Some(rewritten)) => rewritten.staged.clone(),
            _ => Vec::new(),
        };
        let replaced = self.replace(&snapshot, &views, rewritten, services).await;
        if !matches!(replaced, Ok(true)) {
            self.discard(&staged).await;
        }
        replaced
    }

    /// Puts what was rewritten in place of what it was made from, in a new turn to write.
    async fn replace(
        &self,
        then: &Snapshot,
        views: &[&View],
        rewritten: Result<Option<Rewritten>>,
        services: &Services<'_>,
    ) -> Result<bool> {
        if let Some(turn) = services.turn {
            turn.regain().await?;
        }
        let _writer = self.writer.lock().await;
        if services.turn.is_some() {
            self.refresh_now(services.pacer).await?;
        }
        let now = self.snapshot();
        let Some(mut manifest) = without(&now, then, views) else { return Ok(false) };
        let Some(Rewritten { segment, mut entry, staged }) = rewritten? else {
            return self.commit(&now, manifest, Vec::new(), None).await.map(|()| true);
        };
        for buried in views.iter().flat_map(|view| buried_since(view, &now)) {
            segment.find(buried).map(|doc| entry.tombstones.insert(doc));
        }
        manifest.segments.push(entry);
        let fresh = Fresh { put: Vec::new(), staged };
        self.commit(&now, manifest, fresh, Some(segment)).await.map(|()| true)
    }

    /// The number of a segment that is to be made, and the snapshot to make it from: a number is never given twice, so
    /// it is taken by a commit of its own.
    async fn reserve(&self) -> Result<(Rc<Snapshot>, u64)> {
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        let id = manifest.next_id;
        manifest.next_id += 1;
        self.commit(&snapshot, manifest, Vec::new(), None).await?;
        Ok((self.snapshot(), id))
    }

    /// The live documents of some segments as one, staged; `None` if there are none.
    async fn rewritten(
        &self,
        snapshot: &Snapshot,
        views: &[&View],
        id: u64,
        services: &Services<'_>,
    ) -> Result<Option<Rewritten>> {
        let total = views.iter().map(|view| view.live_docs() as usize).sum();
        let mut builder = self.builder(&snapshot.manifest)?;
        builder.expect(views.iter().map(|view| live_chunks(view) as usize).sum());
        for view in views {
            // Documents lie in pages one after the other, and none is read again: one page is kept.
            let mut kept = None;
            for doc in (0..view.segment.docs()).filter(|&doc| !view.tombstones().contains(doc)) {
                let number = view.segment.page_of(doc)?;
                let page = match kept.take_if(|(known, _)| *known == number) {
                    Some((_, page)) => page,
                    None => self.read_page(&view.entry, &view.segment, number).await?.0,
                };
                builder.copy(&view.segment, doc, page.text(&view.segment, doc)?, None)?;
                kept = Some((number, page));
                let done = builder.docs() as usize;
                if done.is_multiple_of(64) {
                    (services.progress)(Progress { phase: Phase::Merge, done, total, committed: 0 });
                }
                services.pacer.pause().await?;
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        let sealed = builder.seal_paced(id, services.pacer).await?;
        // Opened before it is stored: what is committed can be read.
        let segment = sealed.open_paced(services.pacer).await?;
        let (entry, blobs) = Engine::entry(snapshot, sealed)?;
        let staged = self.stage(blobs, services.pacer).await?;
        Ok(Some(Rewritten { segment, entry, staged }))
    }

    fn due_for_graph<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a View> {
        let least = match self.settings().vectors.index {
            GraphPolicy::Flat => return None,
            GraphPolicy::Auto => GRAPH_CHUNKS,
            GraphPolicy::Hnsw => 1,
        };
        let due = |view: &&View| {
            let has_vectors = view.segment.config().vectors.is_some();
            has_vectors && view.graph.is_none() && view.segment.chunks() >= least
        };
        snapshot.views.iter().find(due)
    }

    /// Builds one graph that is due. The build itself runs without the writer's lock: it takes minutes, and the
    /// segment cannot change, only vanish.
    async fn next_graph(&self, snapshot: &Snapshot, services: &Services<'_>) -> Result<Maintenance> {
        let (Some(view), Some(graphs)) = (self.due_for_graph(snapshot), services.graphs) else {
            return Ok(Maintenance::Nothing);
        };
        let (id, total, lost) = (view.segment.id(), view.segment.docs() as usize, view.entry.graph);
        (services.progress)(Progress { phase: Phase::Graph, done: 0, total, committed: 0 });
        let bytes = graphs.build(graph_job(&view.segment)?).await?;
        // What another worker built is checked before it is stored.
        Graph::open(&bytes, &view.segment)?;
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        // One that could not be read is replaced.
        if let Some(entry) = manifest.segments.iter_mut().find(|entry| entry.id == id && entry.graph == lost) {
            entry.graph = Some(Numbered { number: snapshot.manifest.generation + 1, blob: Blob::of(&bytes)? });
            let put = entry.graph_name().map(|name| (name, bytes));
            self.commit(&snapshot, manifest, Vec::from_iter(put), None).await?;
        }
        (services.progress)(Progress { phase: Phase::Graph, done: total, total, committed: 0 });
        Ok(Maintenance::BuiltGraph)
    }
}

/// Whether vectors of another model wait for it, some at least.
fn is_prepared(manifest: &Manifest, segment: u64) -> bool {
    manifest.pending.as_ref().is_some_and(|pending| !pending.parts(segment).is_empty())
}

/// The manifest of `now` without these segments, seen when `then` was; `None` if more than deletions changed them, or
/// if vectors of another model were prepared for one.
fn without(now: &Snapshot, then: &Snapshot, views: &[&View]) -> Option<Manifest> {
    let mut manifest = (*now.manifest).clone();
    if manifest.embedder != then.manifest.embedder {
        return None;
    }
    for view in views {
        let at = manifest.segments.iter().position(|entry| entry.id == view.entry.id)?;
        let entry = manifest.segments.remove(at);
        let tombstones = view.entry.tombstones.clone();
        if is_prepared(&manifest, entry.id) {
            return None;
        }
        if (SegmentEntry { tombstones, graph: view.entry.graph, ..entry }) != *view.entry {
            return None;
        }
    }
    Some(manifest)
}

/// Ids of the documents of a segment that were deleted or replaced since it was seen.
fn buried_since<'a>(view: &'a View, now: &Snapshot) -> Vec<&'a str> {
    let Some(entry) = now.manifest.segments.iter().find(|entry| entry.id == view.entry.id) else { return Vec::new() };
    let buried =
        (0..view.segment.docs()).filter(|&doc| entry.tombstones.contains(doc) && !view.tombstones().contains(doc));
    buried.filter_map(|doc| view.segment.doc(doc).ok().map(|found| found.id)).collect()
}

/// The oldest version of the format whose segments are those of today.
const SEGMENT_FORMAT: u16 = 2;

/// Whether it is better rewritten in the current version of the format.
fn is_old(view: &View) -> bool {
    view.segment.format() < SEGMENT_FORMAT
}

/// About how many chunks the live documents of a segment have: as many each as the others.
fn live_chunks(view: &View) -> u32 {
    let deleted = u64::from(view.tombstones().deleted()) * u64::from(view.segment.chunks());
    view.segment.chunks() - (deleted / u64::from(view.segment.docs().max(1))) as u32
}

/// The segments that are worth rewriting now: one of an older format, one that is mostly deleted, or the first size
/// class that is full.
fn due_for_merge(views: &[&View]) -> Option<Vec<u64>> {
    let wasted = views.iter().find(|view| is_old(view) || view.live_docs() * 2 < view.segment.docs());
    if let Some(view) = wasted {
        return Some(vec![view.segment.id()]);
    }
    let mut class = SMALLEST;
    while class <= LARGEST {
        let lower = if class == SMALLEST { 0 } else { class };
        let upper = if class == SMALLEST { class * FAN_IN as u32 } else { class.saturating_mul(FAN_IN as u32) };
        let members = views.iter().filter(|view| (lower..upper).contains(&live_chunks(view))).take(FAN_IN);
        let members: Vec<&View> = members.copied().collect();
        let fits = members.iter().map(|view| live_chunks(view)).sum::<u32>() <= LARGEST;
        if members.len() == FAN_IN && fits {
            return Some(members.iter().map(|view| view.segment.id()).collect());
        }
        class = upper;
    }
    None
}
