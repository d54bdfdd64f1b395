//! The store of private windows and tests: nothing outlives the process. Clones are handles on one collection.

use super::{closed, conflict, missing, Commit, Store};
use crate::error::{Error, Result};
use crate::pace::LocalFuture;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::ready;
use std::rc::Rc;

#[derive(Default)]
struct State {
    generation: u64,
    manifest: Option<Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
}

/// Atomic, never durable. It refuses to overwrite a blob, so that tests notice who tries.
#[derive(Default)]
pub struct MemoryStore {
    state: Rc<RefCell<State>>,
    closed: Cell<bool>,
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Another handle on the same collection, open even if this one is closed.
    pub fn handle(&self) -> MemoryStore {
        MemoryStore { state: Rc::clone(&self.state), closed: Cell::new(false) }
    }

    fn open(&self) -> Result<&RefCell<State>> {
        match self.closed.get() {
            true => Err(closed("the collection in memory")),
            false => Ok(&self.state),
        }
    }

    fn apply(&self, commit: Commit) -> Result<()> {
        commit.check()?;
        let mut state = self.open()?.borrow_mut();
        if state.generation != commit.expected {
            return Err(conflict(commit.expected, state.generation));
        }
        if let Some((name, _)) = commit.put.iter().find(|(name, _)| state.blobs.contains_key(name)) {
            return Err(Error::internal(format!("blob {name:?} would be overwritten")));
        }
        state.blobs.extend(commit.put);
        commit.delete.iter().for_each(|name| drop(state.blobs.remove(name)));
        state.generation = commit.generation;
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
