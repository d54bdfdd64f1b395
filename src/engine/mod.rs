//! The facade: one writer, many snapshots. [`Engine`] opens a collection in a store, [`write`] adds to it,
//! [`maintain`] keeps its segments few and its graphs built, [`read`] answers queries,
//! [`report`] says what is there. What a call needs from outside
//! (models, patience, time) comes with the call as [`Services`].
//!
//! Every method takes `&self` and may run while others wait: a search holds the snapshot it began with, and writers
//! queue for one lock.

mod hits;
mod maintain;
mod pages;
mod read;
mod report;
mod services;
mod settings;
mod write;

pub use hits::{Content, Explanation, Hit};
pub use maintain::Maintenance;
pub use read::{Found, Timings};
pub use report::{SegmentStats, Stats, Verification};
pub use services::{GraphBuilder, Phase, Progress, Services};
pub use settings::{GraphPolicy, Settings, VectorSettings, Wanted};
pub use write::Incoming;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{Graph, Page, Segment};
use crate::search::snapshot::{Snapshot, View};
use crate::store::{names, Manifest, SegmentEntry, Store};
use crate::text::Analyzer;
use futures_util::lock::Mutex;
use pages::PageCache;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub struct Engine {
    store: Box<dyn Store>,
    settings: RefCell<Settings>,
    analyzer: Analyzer,
    snapshot: RefCell<Rc<Snapshot>>,
    pages: RefCell<PageCache>,
    writer: Mutex<()>,
}

impl Engine {
    /// Opens a collection, or prepares a new one, which exists from its first commit.
    pub async fn open(store: Box<dyn Store>, wanted: Wanted) -> Result<Engine> {
        let manifest = match store.manifest().await? {
            Some(bytes) => Some(Manifest::decode(&bytes)?),
            None => None,
        };
        let settings = match &manifest {
            Some(manifest) => stored_settings(manifest)?.reopened(wanted)?,
            None => Settings::new(wanted),
        };
        settings.check()?;
        let json = serde_json::to_value(&settings).map_err(|e| Error::internal("settings").with_source(e))?;
        let mut manifest = manifest.unwrap_or_else(|| Manifest::new(json.clone()));
        manifest.settings = json;
        let engine = Engine {
            analyzer: Analyzer::new(&settings.language)?,
            settings: RefCell::new(settings),
            snapshot: RefCell::new(Rc::new(Snapshot::empty(manifest.clone()))),
            pages: RefCell::default(),
            writer: Mutex::new(()),
            store,
        };
        engine.adopt(manifest, HashMap::new()).await?;
        Ok(engine)
    }

    pub fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }

    /// The current generation. Holding it keeps it.
    pub fn snapshot(&self) -> Rc<Snapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// Looks whether another tab has committed, and if so adopts its generation. True if there was something new.
    pub async fn refresh(&self) -> Result<bool> {
        let _writer = self.writer.lock().await;
        let Some(bytes) = self.store.manifest().await? else { return Ok(false) };
        let manifest = Manifest::decode(&bytes)?;
        let newer = manifest.generation != self.snapshot().manifest.generation;
        if newer {
            self.adopt(manifest, HashMap::new()).await?;
        }
        Ok(newer)
    }

    /// Gives the store back. Later calls that need it fail with `ConnectionLost`.
    pub fn close(&self) {
        self.store.close();
    }

    /// Commits `manifest` upon `snapshot` and makes it current. `fresh` holds the blobs of new segments, which need
    /// not be read back. On failure the old generation stays.
    async fn commit(
        &self,
        snapshot: &Snapshot,
        mut manifest: Manifest,
        put: Vec<(String, Vec<u8>)>,
        fresh: Option<(u64, Vec<u8>)>,
    ) -> Result<()> {
        let commit = manifest.commit(&snapshot.manifest, put)?;
        self.store.commit(commit).await?;
        self.adopt(manifest, fresh.into_iter().collect()).await
    }

    /// Makes a generation current: segments that are open stay open, others are read. A segment that cannot be read
    /// is left out and reported by [`Snapshot::broken`].
    async fn adopt(&self, manifest: Manifest, mut fresh: HashMap<u64, Vec<u8>>) -> Result<()> {
        let before = self.snapshot();
        let (mut views, mut broken) = (Vec::new(), Vec::new());
        for entry in &manifest.segments {
            let known = before.views.iter().find(|view| view.segment.id() == entry.id);
            match self.view(entry, known, fresh.remove(&entry.id)).await {
                Ok(view) => views.push(view),
                Err(error) if matches!(error.kind, ErrorKind::Corrupt | ErrorKind::NotFound) => {
                    broken.push((entry.id, Rc::new(error.within(format!("segment {}", entry.id)))));
                }
                Err(error) => return Err(error),
            }
        }
        *self.snapshot.borrow_mut() = Rc::new(Snapshot { manifest: Rc::new(manifest), views, broken });
        Ok(())
    }

    async fn view(&self, entry: &SegmentEntry, known: Option<&View>, fresh: Option<Vec<u8>>) -> Result<View> {
        let segment = match (known, fresh) {
            (Some(view), _) if view.tombstones == entry.tombstones && view.graph.is_some() == entry.graph.is_some() => {
                return Ok(view.clone());
            }
            (Some(view), _) => Rc::clone(&view.segment),
            (None, Some(main)) => Rc::new(Segment::open(entry.id, main)?),
            (None, None) => Rc::new(Segment::open(entry.id, self.store.read(&names::segment(entry.id)).await?)?),
        };
        if (segment.docs(), segment.chunks()) != (entry.docs, entry.chunks) {
            return Err(Error::corrupt("the segment does not hold what the manifest says"));
        }
        let graph = match (known.and_then(|view| view.graph.clone()), entry.graph) {
            (Some(graph), Some(_)) => Some(graph),
            (None, Some(stored)) => {
                let bytes = self.store.read(&names::graph(entry.id, stored.number)).await?;
                Some(Rc::new(Graph::open(&bytes, &segment)?))
            }
            (_, None) => None,
        };
        Ok(View::new(segment, graph, entry.tombstones.clone()))
    }

    /// The page that holds a document's text, from memory or from the store.
    async fn page(&self, view: &View, doc: u32) -> Result<Rc<Page>> {
        let (segment, number) = (view.segment.id(), view.segment.page_of(doc)?);
        if let Some(page) = self.pages.borrow_mut().get((segment, number)) {
            return Ok(page);
        }
        let bytes = self.store.read(&names::page(segment, number as usize)).await?;
        let page = Rc::new(Page::open(&view.segment, number, &bytes)?);
        self.pages.borrow_mut().put((segment, number), Rc::clone(&page), bytes.len());
        Ok(page)
    }
}

fn stored_settings(manifest: &Manifest) -> Result<Settings> {
    serde_json::from_value(manifest.settings.clone()).map_err(|e| Error::corrupt("settings").with_source(e))
}
