//! A collection that is read only, with one blob replaced: for tests of what damage does.

use nearfield::pace::LocalFuture;
use nearfield::store::{Commit, MemoryStore, Named, Store};
use nearfield::{Error, Result};
use pollster::block_on;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The name under which the manifest stands among the blobs.
pub const MANIFEST: &str = "manifest";

pub type Blobs = BTreeMap<String, Vec<u8>>;

/// Everything that a store holds.
pub fn blobs(store: &dyn Store) -> Blobs {
    let names = block_on(store.list()).unwrap();
    let read = |name: String| (name.clone(), block_on(store.read(&name)).unwrap());
    let mut blobs: Blobs = names.into_iter().map(|(name, _)| read(name)).collect();
    blobs.insert(MANIFEST.into(), block_on(store.manifest()).unwrap().unwrap());
    blobs
}

pub struct Overlay {
    pub blobs: Rc<Blobs>,
    /// A name, and what stands there instead: nothing, if it is gone.
    pub instead: (String, Option<Vec<u8>>),
}

impl Overlay {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        match self.instead.0 == name {
            true => self.instead.1.clone(),
            false => self.blobs.get(name).cloned(),
        }
    }

    /// A store of its own with the same content, that can be written to.
    pub fn writable(&self) -> MemoryStore {
        let store = MemoryStore::new();
        let names = self.blobs.keys().filter(|name| *name != MANIFEST);
        let put: Vec<_> = names.filter_map(|name| Some((name.clone(), self.get(name)?))).collect();
        let (_, generation) = nearfield::codec::Frame::identity(&self.blobs[MANIFEST]).unwrap();
        for expected in 0..generation {
            let last = expected + 1 == generation;
            let filler = nearfield::codec::FrameWriter::new(*b"MANI", expected + 1).finish().unwrap();
            let manifest = if last { self.blobs[MANIFEST].clone() } else { filler };
            let put = if last { put.clone() } else { vec![] };
            let commit = Commit { expected, upon: None, generation: expected + 1, manifest, put, staged: vec![] };
            block_on(store.commit(commit)).unwrap();
        }
        store
    }
}

fn refused<'a, T: 'a>() -> LocalFuture<'a, Result<T>> {
    Box::pin(async { Err(Error::unsupported("this store is for reading")) })
}

impl Store for Overlay {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(async { Ok(self.get(MANIFEST)) })
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(async move { self.get(name).ok_or_else(|| Error::not_found(format!("blob {name}"))) })
    }

    fn stage(&self, _: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        refused()
    }

    fn discard<'a>(&'a self, _: &'a [String]) -> LocalFuture<'a, Result<()>> {
        refused()
    }

    fn commit(&self, _: Commit) -> LocalFuture<'_, Result<()>> {
        refused()
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        refused()
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        refused()
    }

    fn close(&self) {}
}
