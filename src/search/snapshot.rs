//! What a search sees: the segments of one generation, each with the chunks that are alive. Immutable; a commit makes
//! the next one, and searches under way keep theirs.

use crate::error::{Error, Result};
use crate::index::{Bitset, Graph, Lazy, Segment};
use crate::store::{Manifest, SegmentEntry, Tombstones};
use std::rc::Rc;

/// One segment as this generation sees it.
#[derive(Clone)]
pub struct View {
    pub segment: Rc<Segment>,
    pub graph: Option<Rc<Graph>>,
    pub entry: Rc<SegmentEntry>,
    /// Of a segment that is fetched in parts: how to get the others.
    pub lazy: Option<Rc<Lazy>>,
    /// Only what words need was read so far: vectors, weighted terms and graph are still to come.
    pub partial: bool,
    /// Chunks of documents that are not deleted; `None` while nothing is.
    pub live: Option<Rc<Bitset>>,
}

impl View {
    pub fn new(segment: Rc<Segment>, graph: Option<Rc<Graph>>, entry: &SegmentEntry) -> View {
        let live = (!entry.tombstones.is_empty()).then(|| {
            let mut live = Bitset::full(segment.chunks());
            live.subtract(&segment.expand(entry.tombstones.bits()));
            Rc::new(live)
        });
        View { segment, graph, entry: Rc::new(entry.clone()), lazy: None, partial: false, live }
    }

    pub fn tombstones(&self) -> &Tombstones {
        &self.entry.tombstones
    }

    pub fn live_docs(&self) -> u32 {
        self.entry.live_docs()
    }
}

#[derive(Clone)]
pub struct Snapshot {
    pub manifest: Rc<Manifest>,
    /// In the order of the manifest.
    pub views: Vec<View>,
    /// Segments of which something could not be read, with the reason: the rest keeps answering.
    pub broken: Vec<(u64, Rc<Error>)>,
}

impl Snapshot {
    /// Of a manifest none of whose segments were read yet.
    pub fn empty(manifest: Manifest) -> Snapshot {
        Snapshot { manifest: Rc::new(manifest), views: Vec::new(), broken: Vec::new() }
    }

    /// Whether something is still to be read.
    pub fn is_partial(&self) -> bool {
        self.views.iter().any(|view| view.partial)
    }

    /// The live document of this id, as position of its view and ordinal within it.
    pub fn find(&self, id: &str) -> Option<(usize, u32)> {
        let in_view = |(at, view): (usize, &View)| {
            let doc = view.segment.find(id)?;
            (!view.tombstones().contains(doc)).then_some((at, doc))
        };
        self.views.iter().enumerate().find_map(in_view)
    }

    pub fn live_docs(&self) -> usize {
        self.views.iter().map(|view| view.live_docs() as usize).sum()
    }

    /// Every filter field must be one that some document has: a misspelt one would silently find nothing.
    pub fn check_fields<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for field in fields {
            let known = |view: &View| view.segment.fields().any(|known| known == field);
            if !self.views.is_empty() && !self.views.iter().any(known) {
                return Err(Error::invalid(format!("filter: no document has a metadata field {field:?}")));
            }
        }
        Ok(())
    }
}
