//! The store of private windows and tests: nothing outlives the process. Clones are handles on one collection.

use super::{closed, lost, missing, names, Commit, Manifest, Named, Store};
use crate::error::{Error, Result};
use crate::pace::LocalFuture;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::rc::Rc;

#[derive(Clone, Default)]
struct State {
    manifest: Option<Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Those of them that no commit has named yet.
    staged: BTreeSet<String>,
}

/// Atomic, never durable. It refuses to overwrite a blob, so that tests notice who tries.
#[derive(Default)]
pub struct MemoryStore {
    state: Rc<RefCell<State>>,
    closed: Cell<bool>,
}

impl State {
    fn check_free(&self, blobs: &[Named]) -> Result<()> {
        match blobs.iter().find(|(name, _)| self.blobs.contains_key(name) && !self.staged.contains(name)) {
            Some((name, _)) => Err(Error::internal(format!("blob {name:?} would be overwritten"))),
            None => Ok(()),
        }
    }
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Another handle on the same collection, open even if this one is closed.
    pub fn handle(&self) -> MemoryStore {
        MemoryStore { state: Rc::clone(&self.state), closed: Cell::new(false) }
    }

    /// A collection of its own with the same content.
    pub fn copied(&self) -> MemoryStore {
        MemoryStore { state: Rc::new(RefCell::clone(&self.state)), closed: Cell::new(false) }
    }

    fn open(&self) -> Result<&RefCell<State>> {
        match self.closed.get() {
            true => Err(closed("the collection in memory")),
            false => Ok(&self.state),
        }
    }

    fn put_aside(&self, blobs: Vec<Named>) -> Result<()> {
        blobs.iter().try_for_each(|(name, _)| names::check(name))?;
        let mut state = self.open()?.borrow_mut();
        state.check_free(&blobs)?;
        state.staged.extend(blobs.iter().map(|(name, _)| name.clone()));
        state.blobs.extend(blobs);
        Ok(())
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        let mut state = self.open()?.borrow_mut();
        let manifest = state.manifest.as_deref().and_then(|bytes| Manifest::decode(bytes).ok());
        if let Some((name, _)) = manifest.iter().flat_map(Manifest::blobs).find(|(name, _)| names.contains(name)) {
            return Err(Error::internal(format!("blob {name:?} is needed and would be discarded")));
        }
        for name in names {
            state.blobs.remove(name);
            state.staged.remove(name);
        }
        Ok(())
    }

    fn apply(&self, commit: Commit) -> Result<()> {
        commit.check()?;
        let mut state = self.open()?.borrow_mut();
        commit.check_current(state.manifest.as_deref())?;
        state.check_free(&commit.put)?;
        let size = |name: &String| state.blobs.get(name).map(|bytes| bytes.len() as u64);
        if let Some((name, _)) = commit.staged.iter().find(|(name, bytes)| size(name) != Some(*bytes)) {
            return Err(lost(name));
        }
        let named = commit.put.iter().map(|(name, _)| name).chain(commit.staged.iter().map(|(name, _)| name));
        for name in named {
            state.staged.remove(name);
        }
        state.blobs.extend(commit.put);
        state.manifest = Some(commit.manifest);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(ready(self.open().map(|state| state.borrow().manifest.clone())))
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        let found = self.open().and_then(|state| state.borrow().blobs.get(name).cloned().ok_or_else(|| missing(name)));
        Box::pin(ready(found))
    }

    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        Box::pin(ready(self.put_aside(blobs)))
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        Box::pin(ready(self.remove(names)))
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(ready(self.apply(commit)))
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        let sizes =
            |state: &State| state.blobs.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
        Box::pin(ready(self.open().map(|state| sizes(&state.borrow()))))
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        let emptied = self.open().map(|state| drop(state.take()));
        self.close();
        Box::pin(ready(emptied))
    }

    fn close(&self) {
        self.closed.set(true);
    }
}
