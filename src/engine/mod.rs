//! The facade: one writer, many snapshots. [`Engine`] opens a collection in a store, [`write`] adds to it,
//! [`maintain`] keeps its segments few and its graphs built, [`read`] answers queries,
//! [`report`] says what is there. A collection that somebody published is read in parts ([`remote`]). What a call needs from outside
//! (models, patience, time) comes with the call as [`Services`].
//!
//! Every method takes `&self` and may run while others wait: a search holds the snapshot it began with, and writers
//! queue for one lock.

mod agreement;
mod archive;
mod colbert;
mod context;
mod expand;
mod hits;
mod late;
mod levels;
mod list;
mod load;
mod maintain;
mod pages;
mod question;
mod read;
mod reembed;
mod remote;
mod repair;
mod report;
mod rerank;
mod rotate;
mod services;
mod settings;
mod splade;
mod staging;
mod timings;
mod verify;
mod write;

pub use archive::Importer;
pub use context::{Context, Passage};
pub use expand::Expansion;
pub use hits::{Content, Explanation, Hit};
pub use levels::Levels;
pub use list::{ListOptions, Listed, Listing};
pub use maintain::Maintenance;
pub use read::Found;
pub use reembed::Reembedding;
pub use repair::Repair;
pub use report::{PendingStats, SegmentStats, Stats};
pub use rotate::Prefixes;
pub use services::{GraphBuilder, Phase, Progress, Services, Turn};
pub use settings::{GraphPolicy, RotationPolicy, Settings, VectorSettings, Wanted};
pub use timings::Timings;
pub use verify::Verification;
pub use write::Incoming;

use crate::error::{Error, Result};
use crate::index::{Codebook, Page, Rotation, Segment};
use crate::pace::{Pacer, Unpaced};
use crate::search::snapshot::Snapshot;
use crate::store::{Fresh, Manifest, Numbered, Store, COMMIT_BYTES};
use crate::text::Analyzers;
use futures_util::lock::Mutex;
use load::Depth;
use pages::PageCache;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub struct Engine {
    store: Box<dyn Store>,
    settings: RefCell<Settings>,
    analyzers: Analyzers,
    snapshot: RefCell<Rc<Snapshot>>,
    /// By segment and number.
    pages: RefCell<PageCache<(u64, u32), Page>>,
    /// Blocks of remote blobs, by blob and place within it.
    blocks: RefCell<PageCache<(String, usize), Vec<u8>>>,
    /// Texts that searches could not read in this generation.
    damaged: RefCell<Vec<String>>,
    /// The rotation that was used last, with what the manifest says of it.
    rotation: RefCell<Option<(Numbered, Rc<Rotation>)>>,
    /// The codebook of token vectors that was used last, likewise.
    codebook: RefCell<Option<(Numbered, Rc<Codebook>)>>,
    writer: Mutex<()>,
    /// Held while segments are merged and graphs built, which takes long and leaves the writer free.
    upkeep: Mutex<()>,
    access: Access,
    /// Whether what a crash left behind was looked for.
    swept: Cell<bool>,
}

/// What may be done with a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadWrite,
    /// Read in parts, as queries need them, and never written: a collection that somebody published.
    Remote,
}

impl Engine {
    /// Opens a collection, or prepares a new one, which exists from its first commit.
    pub async fn open(store: Box<dyn Store>, wanted: Wanted) -> Result<Engine> {
        Engine::open_as(Access::ReadWrite, Depth::All, store, wanted).await
    }

    /// As [`Engine::open`], so far that words can be searched. The rest, which may be ten times as much, is read by
    /// [`Engine::complete`], or by the first call that needs it; what of it is broken is not known before.
    pub async fn open_for_words(store: Box<dyn Store>, wanted: Wanted) -> Result<Engine> {
        Engine::open_as(Access::ReadWrite, Depth::Words, store, wanted).await
    }

    /// Opens a published collection: only what queries need is read, and nothing can be written. `NotFound` if there
    /// is none.
    pub async fn open_remote(store: Box<dyn Store>, wanted: Wanted) -> Result<Engine> {
        Engine::open_as(Access::Remote, Depth::All, store, wanted).await
    }

    async fn open_as(access: Access, depth: Depth, store: Box<dyn Store>, wanted: Wanted) -> Result<Engine> {
        let manifest = match store.manifest().await? {
            Some(bytes) => Some(Manifest::decode(&bytes)?),
            None if access == Access::Remote => return Err(Error::not_found("there is no collection")),
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
            analyzers: Analyzers::new(&settings.language)?,
            settings: RefCell::new(settings),
            snapshot: RefCell::new(Rc::new(Snapshot::empty(manifest.clone()))),
            pages: RefCell::default(),
            blocks: RefCell::default(),
            damaged: RefCell::default(),
            rotation: RefCell::default(),
            codebook: RefCell::default(),
            writer: Mutex::new(()),
            upkeep: Mutex::new(()),
            access,
            swept: Cell::new(false),
            store,
        };
        engine.adopt_to(depth, manifest, None, &Unpaced).await?;
        Ok(engine)
    }

    pub fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }

    /// The current generation. Holding it keeps it.
    pub fn snapshot(&self) -> Rc<Snapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// Looks whether another tab has committed, or another collection was published in this one's place, and if so
    /// adopts it. True if there was something new.
    pub async fn refresh(&self) -> Result<bool> {
        self.refresh_paced(&Unpaced).await
    }

    /// As [`Engine::refresh`], politely: searches go on meanwhile, on what was there.
    pub async fn refresh_paced(&self, pacer: &dyn Pacer) -> Result<bool> {
        let _writer = self.writer.lock().await;
        self.refresh_now(pacer).await
    }

    /// The same, unless this engine is writing.
    async fn refresh_if_idle(&self) -> Result<bool> {
        match self.writer.try_lock() {
            Some(_writer) => self.refresh_now(&Unpaced).await,
            None => Ok(false),
        }
    }

    async fn refresh_now(&self, pacer: &dyn Pacer) -> Result<bool> {
        let Some(bytes) = self.store.manifest().await? else { return self.vanished() };
        let manifest = Manifest::decode(&bytes)?;
        let current = self.snapshot().manifest.clone();
        let newer = match self.access {
            Access::ReadWrite => !manifest.is_same_commit(&current),
            // Another deployment counts its generations anew.
            Access::Remote => manifest.segments != current.segments || manifest.embedder != current.embedder,
        };
        if newer {
            self.check_settings(&manifest)?;
            self.pages.take();
            self.adopt(manifest, None, pacer).await?;
        }
        // Who refreshes is about to write, or to wait for a newer generation anyway.
        self.complete_now(pacer).await?;
        Ok(newer)
    }

    /// The analyser was made for the settings that were there.
    fn check_settings(&self, manifest: &Manifest) -> Result<()> {
        match stored_settings(manifest)?.language == self.settings.borrow().language {
            true => Ok(()),
            false => Err(Error::invalid("the collection was replaced by one in another language; open it again")),
        }
    }

    /// There is no manifest any more. Browsers evict whole origins: who had something must hear of it.
    fn vanished(&self) -> Result<bool> {
        match self.snapshot().manifest.generation {
            0 => Ok(false),
            generation => {
                Err(Error::not_found(format!("the collection of generation {generation} is gone: it was evicted")))
            }
        }
    }

    /// `Unsupported` in a published collection.
    fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::Remote => Err(Error::unsupported("a published collection is read only")),
        }
    }

    /// Gives the store back. Later calls that need it fail with `ConnectionLost`.
    pub fn close(&self) {
        self.store.close();
    }

    /// A segment that could not be read is tried again: what is written must know every document there is.
    async fn prepare_to_write(&self) -> Result<()> {
        self.check_writable()?;
        let snapshot = self.snapshot();
        match snapshot.broken.is_empty() && !snapshot.is_partial() {
            true => Ok(()),
            false => self.adopt((*snapshot.manifest).clone(), None, &Unpaced).await,
        }
    }

    /// Commits `manifest` upon `snapshot` and makes it current. `segment` is the new one, if any, which need not be read
    /// back. On failure the old generation stays.
    async fn commit(
        &self,
        snapshot: &Snapshot,
        mut manifest: Manifest,
        fresh: impl Into<Fresh>,
        segment: Option<Segment>,
    ) -> Result<()> {
        self.check_writable()?;
        let mut fresh: Fresh = fresh.into();
        let mut staged = Vec::new();
        if fresh.put.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() > COMMIT_BYTES {
            staged = self.stage(std::mem::take(&mut fresh.put), &Unpaced).await?;
            fresh.staged.extend_from_slice(&staged);
        }
        let committed = match manifest.commit(&snapshot.manifest, fresh) {
            Ok(commit) => self.store.commit(commit).await,
            Err(error) => Err(error),
        };
        if let Err(error) = committed {
            self.discard(&staged).await;
            return Err(error);
        }
        self.adopt(manifest, segment, &Unpaced).await
    }
}

fn stored_settings(manifest: &Manifest) -> Result<Settings> {
    serde_json::from_value(manifest.settings.clone()).map_err(|e| Error::corrupt("settings").with_source(e))
}
