//! From a manifest to a snapshot: segments that are open stay open, others are read and checked. What cannot be read is
//! left out and reported: a graph costs speed, vectors cost the vector leg, and only a broken segment costs documents.

use super::colbert::check_codebook;
use super::{Access, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{ChunkRef, Graph, Lazy, Page, Segment};
use crate::pace::{LocalFuture, Pacer};
use crate::search::snapshot::{Snapshot, View};
use crate::store::{Blob, Manifest, SegmentEntry};
use std::future::ready;
use std::ops::Range;
use std::rc::Rc;

/// Whether the fault is in what is stored, so that the rest may still be good.
pub(super) fn is_damage(error: &Error) -> bool {
    use ErrorKind::{Corrupt, FormatTooNew, FormatTooOld, NotFound};
    matches!(error.kind, Corrupt | NotFound | FormatTooNew | FormatTooOld)
}

/// What a search does when a text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// It fails: perhaps there is a newer generation.
    Strict,
    /// It leaves the hit out, and statistics tell of the damage.
    Lenient,
}

/// How much of a segment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What words need.
    Words,
    All,
}

/// What is the same for all segments that are read for one generation.
struct Reading<'a> {
    depth: Depth,
    manifest: &'a Manifest,
    pacer: &'a dyn Pacer,
}

impl Engine {
    /// Reads what opening has left for later.
    pub async fn complete(&self, pacer: &dyn Pacer) -> Result<()> {
        match self.snapshot().is_partial() {
            true => {
                let _writer = self.writer.lock().await;
                self.complete_now(pacer).await
            }
            false => Ok(()),
        }
    }

    pub(super) async fn complete_now(&self, pacer: &dyn Pacer) -> Result<()> {
        let snapshot = self.snapshot();
        match snapshot.is_partial() {
            true => self.adopt((*snapshot.manifest).clone(), None, pacer).await,
            false => Ok(()),
        }
    }

    /// Runs a read. If it meets damage, perhaps what it read is gone because somebody has committed or published anew:
    /// then it runs again on the newest generation, and takes what is left.
    pub(super) async fn with_care<T>(&self, read: impl AsyncFn(Care) -> Result<T>) -> Result<T> {
        let (mut care, mut again) = (Care::Strict, true);
        loop {
            match read(care).await {
                Err(error) if again && is_damage(&error) => {
                    let newer = self.refresh_if_idle().await?;
                    match self.access {
                        Access::ReadWrite => care = Care::Lenient,
                        Access::Remote if newer => {}
                        Access::Remote => return Err(error),
                    }
                    again = false;
                }
                done => return done,
            }
        }
    }

    /// Makes a generation current. `fresh` is a segment that was just written. Until all is read, the one before
    /// answers.
    pub(super) async fn adopt(&self, manifest: Manifest, fresh: Option<Segment>, pacer: &dyn Pacer) -> Result<()> {
        self.adopt_to(Depth::All, manifest, fresh, pacer).await
    }

    pub(super) async fn adopt_to(
        &self,
        depth: Depth,
        manifest: Manifest,
        fresh: Option<Segment>,
        pacer: &dyn Pacer,
    ) -> Result<()> {
        self.damaged.take();
        let before = self.snapshot();
        let (mut views, mut broken) = (Vec::new(), Vec::new());
        let reading = Reading { depth, manifest: &manifest, pacer };
        for entry in &manifest.segments {
            let mut report =
                |error: Error| broken.push((entry.id, Rc::new(error.within(format!("segment {}", entry.id)))));
            let known = before.views.iter().find(|view| (view.entry.id, view.entry.main) == (entry.id, entry.main));
            // What could not be read is tried again.
            let known = known.filter(|_| before.broken.iter().all(|(id, _)| *id != entry.id));
            let fresh = fresh.as_ref().filter(|segment| segment.id() == entry.id);
            match self.view(&reading, entry, known, fresh, &mut report).await {
                Ok(view) => views.push(view),
                Err(error) if is_damage(&error) => report(error),
                Err(error) => return Err(error),
            }
        }
        *self.snapshot.borrow_mut() = Rc::new(Snapshot { manifest: Rc::new(manifest), views, broken });
        Ok(())
    }

    async fn view(
        &self,
        reading: &Reading<'_>,
        entry: &SegmentEntry,
        known: Option<&View>,
        fresh: Option<&Segment>,
        report: &mut dyn FnMut(Error),
    ) -> Result<View> {
        let &Reading { depth, manifest, pacer } = reading;
        let whole = known.filter(|view| !view.partial);
        if let Some(view) = whole.filter(|view| *view.entry == *entry) {
            return Ok(view.clone());
        }
        if self.access == Access::Remote && entry.head > 0 {
            return self.remote_view(entry, known).await;
        }
        let same_vectors = whole.filter(|view| view.entry.vectors == entry.vectors);
        let same_segment = whole.filter(|view| same_parts(view, entry));
        let segment = match (same_segment, fresh) {
            (Some(view), _) => Rc::clone(&view.segment),
            (None, Some(segment)) => Rc::new(segment.clone()),
            (None, None) => {
                let segment = match known {
                    Some(view) if view.partial => (*view.segment).clone(),
                    Some(view) => (*view.segment).clone().without_vectors().without_extras(),
                    None => {
                        let bytes = self.blob(&entry.main_name(), &entry.main).await?;
                        Segment::open_paced(entry.id, &bytes, pacer).await?
                    }
                };
                match depth {
                    Depth::Words => Rc::new(segment),
                    Depth::All => {
                        let segment = self.with_vectors(segment, entry, report, pacer).await?;
                        Rc::new(self.with_extras(segment, entry, manifest, report, pacer).await?)
                    }
                }
            }
        };
        if (segment.docs(), segment.chunks()) != (entry.docs, entry.chunks) {
            return Err(Error::corrupt("the segment does not hold what the manifest says"));
        }
        if depth == Depth::Words {
            let partial = entry.vectors.is_some() || entry.graph.is_some() || !entry.extras.is_empty();
            return Ok(View { partial, ..View::new(segment, None, entry) });
        }
        let graph = match same_vectors.filter(|view| view.entry.graph == entry.graph) {
            Some(view) => view.graph.clone(),
            None => degraded(self.graph(&segment, entry, pacer).await, report)?.flatten(),
        };
        Ok(View::new(segment, graph, entry))
    }

    async fn with_vectors(
        &self,
        segment: Segment,
        entry: &SegmentEntry,
        report: &mut dyn FnMut(Error),
        pacer: &dyn Pacer,
    ) -> Result<Segment> {
        let (Some(name), Some(vectors)) = (entry.vectors_name(), entry.vectors) else { return Ok(segment) };
        let read = async || {
            let bytes = self.blob(&name, &vectors.blob).await?;
            segment.with_vectors_paced(&bytes, pacer).await
        };
        // What is in a segment of version 1 may be another model's.
        Ok(degraded(read().await, report)?.unwrap_or_else(|| segment.without_vectors()))
    }

    /// What models made besides vectors; a build without models leaves it where it is.
    fn with_extras<'a>(
        &'a self,
        mut segment: Segment,
        entry: &'a SegmentEntry,
        manifest: &'a Manifest,
        report: &'a mut dyn FnMut(Error),
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Segment>> {
        if !cfg!(feature = "neural") {
            return Box::pin(ready(Ok(segment)));
        }
        Box::pin(async move {
            for (&kind, extra) in &entry.extras {
                let Some(name) = entry.extra_name(kind) else { continue };
                let read = async || {
                    let with = segment.with_extra_paced(kind, &self.blob(&name, &extra.blob).await?, pacer).await?;
                    check_codebook(&with, manifest).map(|()| with)
                };
                if let Some(with) = degraded(read().await, report)? {
                    segment = with;
                }
            }
            Ok(segment)
        })
    }

    async fn graph(&self, segment: &Segment, entry: &SegmentEntry, pacer: &dyn Pacer) -> Result<Option<Rc<Graph>>> {
        let (Some(name), Some(graph)) = (entry.graph_name(), entry.graph) else { return Ok(None) };
        if segment.config().vectors.is_none() {
            return Ok(None);
        }
        let bytes = self.blob(&name, &graph.blob).await?;
        Graph::open_paced(&bytes, segment, pacer).await.map(|graph| Some(Rc::new(graph)))
    }

    /// Only the head of the segment is read.
    async fn remote_view(&self, entry: &SegmentEntry, known: Option<&View>) -> Result<View> {
        let lazy = match known.filter(|view| same_parts(view, entry)).and_then(|view| view.lazy.clone()) {
            Some(lazy) => lazy,
            None => {
                let head = self.store.read_range(&entry.main_name(), 0..u64::from(entry.head)).await?;
                Rc::new(Lazy::open(entry.id, &head, entry.main.bytes as usize)?)
            }
        };
        let segment = lazy.segment();
        if (segment.docs(), segment.chunks()) != (entry.docs, entry.chunks) {
            return Err(Error::corrupt("the segment does not hold what the manifest says"));
        }
        Ok(View { lazy: Some(lazy), ..View::new(Rc::new(segment), None, entry) })
    }

    /// A blob, if it is the one that the manifest names.
    pub(super) async fn blob(&self, name: &str, expected: &Blob) -> Result<Vec<u8>> {
        let bytes = self.store.read(name).await?;
        expected.check(&bytes).map_err(|error| error.within(format!("blob {name}")))?;
        Ok(bytes)
    }

    /// The page that holds a document's text, from memory or from the store.
    pub(super) async fn page(&self, view: &View, doc: u32) -> Result<Rc<Page>> {
        let (segment, number) = (view.segment.id(), view.segment.page_of(doc)?);
        if let Some(page) = self.pages.borrow_mut().get(&(segment, number)) {
            return Ok(page);
        }
        self.fresh_page(&view.entry, &view.segment, number).await
    }

    /// A page from the store; it is kept in memory.
    pub(super) async fn fresh_page(&self, entry: &SegmentEntry, segment: &Segment, number: u32) -> Result<Rc<Page>> {
        let (page, bytes) = self.read_page(entry, segment, number).await?;
        let page = Rc::new(page);
        self.pages.borrow_mut().put((entry.id, number), Rc::clone(&page), bytes);
        Ok(page)
    }

    /// A page from the store, with the number of its bytes there.
    pub(super) async fn read_page(
        &self,
        entry: &SegmentEntry,
        segment: &Segment,
        number: u32,
    ) -> Result<(Page, usize)> {
        let missing = || Error::corrupt(format!("segment {} has no page {number}", entry.id));
        let blob = entry.pages.get(number as usize).ok_or_else(missing)?;
        let bytes = self.blob(&entry.page_name(number as usize), blob).await?;
        Ok((Page::open(segment, number, &bytes)?, bytes.len()))
    }

    /// Part of the text of a document; `None`: all of it.
    pub(super) async fn text(&self, view: &View, doc: u32, span: Option<Range<usize>>) -> Result<String> {
        if let Some(lazy) = &view.lazy {
            return self.remote_text(view, lazy, doc, span).await;
        }
        let page = self.page(view, doc).await?;
        let text = page.text(&view.segment, doc)?;
        let part = text.get(span.unwrap_or(0..text.len()));
        Ok(part.ok_or_else(|| Error::corrupt("a chunk that ends within a character"))?.to_owned())
    }
}

impl Engine {
    /// Statistics tell of it until the next generation.
    pub(super) fn note_damage(&self, error: &Error) {
        let mut damaged = self.damaged.borrow_mut();
        if !damaged.contains(&error.to_string()) {
            damaged.push(error.to_string());
        }
    }

    /// The text of a chunk; `None` if it is damaged and that is no reason to fail.
    pub(super) async fn chunk_text(&self, view: &View, chunk: &ChunkRef<'_>, care: Care) -> Result<Option<String>> {
        match self.text(view, chunk.doc, Some(chunk.span.clone())).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if care == Care::Lenient && is_damage(&error) => {
                self.note_damage(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Damage to a part that can be done without is reported, and the part is missing.
fn degraded<T>(read: Result<T>, report: &mut dyn FnMut(Error)) -> Result<Option<T>> {
    match read {
        Ok(part) => Ok(Some(part)),
        Err(error) if is_damage(&error) => {
            report(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether vectors and further representations are those that a view has.
fn same_parts(view: &View, entry: &SegmentEntry) -> bool {
    (&view.entry.vectors, &view.entry.extras) == (&entry.vectors, &entry.extras)
}
