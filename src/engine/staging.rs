//! Blobs on their way into the store before the commit that names them: large ones, so that the commit is short, and
//! those of a rewrite, which are ready before it has its turn to write. Until then they are orphans like those that a
//! crash leaves. Who stages holds the writer's lock or that of upkeep, and who looks for orphans holds both, so that
//! nobody takes for left behind what is still to be named; should it happen all the same, the commit fails and nothing
//! else. What a rewrite has replaced is removed here too.

use super::Engine;
use crate::error::Result;
use crate::pace::Pacer;
use crate::store::{Manifest, Named, Retired, COMMIT_BYTES, DELETED_AT_ONCE};
use std::collections::HashSet;

/// Blobs that one step of maintenance removes: who wants to write waits for it.
const DELETED_IN_STEP: usize = 64;

impl Engine {
    /// Puts blobs into the store, a few at a time. Returns the name and size of each; after a failure none is there.
    pub(super) async fn stage(&self, blobs: Vec<Named>, pacer: &dyn Pacer) -> Result<Vec<(String, u64)>> {
        let staged: Vec<_> = blobs.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
        let (mut some, mut bytes) = (Vec::new(), 0);
        let mut left = blobs.into_iter().peekable();
        while let Some(blob) = left.next() {
            bytes += blob.1.len() as u64;
            some.push(blob);
            if bytes < COMMIT_BYTES && left.peek().is_some() {
                continue;
            }
            bytes = 0;
            let done = match self.store.stage(std::mem::take(&mut some)).await {
                Ok(()) => pacer.pause().await,
                failed => failed,
            };
            if let Err(error) = done {
                self.discard(&staged).await;
                return Err(error);
            }
        }
        Ok(staged)
    }

    /// Removes what was staged and is not needed: it may have been committed without our hearing of it. What cannot be
    /// removed now is cleared up with what crashes leave.
    pub(super) async fn discard(&self, staged: &[(String, u64)]) {
        if staged.is_empty() {
            return;
        }
        let Ok(current) = self.store.manifest().await else { return };
        let Ok(current) = current.map(|bytes| Manifest::decode(&bytes)).transpose() else { return };
        let names = match &current {
            Some(manifest) => manifest.orphans(staged),
            None => staged.iter().map(|(name, _)| name.clone()).collect(),
        };
        drop(self.store.discard(&names).await);
    }

    /// Has what nobody names removed, what crashes have left, with what is overdue. To be called with the lock of upkeep.
    pub(super) async fn clear_up(&self) -> Result<()> {
        if !self.is_littered().await {
            return Ok(());
        }
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        let orphans = snapshot.manifest.orphans(&self.store.list().await?);
        let mut manifest = (*snapshot.manifest).clone();
        // No segment to come may have the number, and so perhaps the name, of one of those.
        manifest.next_id = manifest.next_id.saturating_add(orphans.len() as u64);
        // By a commit, which fails if somebody else's has named one of them meanwhile; after it nobody's can. No snapshot
        // has ever needed them.
        manifest.retired.extend(orphans.into_iter().map(|name| Retired { name, since: 1 }));
        self.commit(&snapshot, manifest, Vec::new(), None).await?;
        self.swept.set(true);
        Ok(())
    }

    /// Removes some of what was retired long ago. True if there was any.
    pub(super) async fn delete_overdue(&self, pacer: &dyn Pacer) -> Result<bool> {
        let snapshot = self.snapshot();
        let overdue: Vec<String> = snapshot.manifest.overdue().take(DELETED_IN_STEP).map(str::to_owned).collect();
        self.delete_retired(&overdue, pacer).await?;
        Ok(!overdue.is_empty())
    }

    /// Removes retired blobs a few at a time, since queries wait for each time, and then has one commit forget them. If
    /// that never comes, they are named as retired still, and removed once more.
    pub(super) async fn delete_retired(&self, names: &[String], pacer: &dyn Pacer) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        for some in names.chunks(DELETED_AT_ONCE) {
            self.store.discard(some).await?;
            pacer.pause().await?;
        }
        let names: HashSet<&String> = names.iter().collect();
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        let mut manifest = (*snapshot.manifest).clone();
        manifest.retired.retain(|blob| !names.contains(&blob.name));
        self.commit(&snapshot, manifest, Vec::new(), None).await
    }

    /// Whether there are blobs that nobody names. Once there are none, it is not asked again. If they cannot be listed
    /// they stay, and do no harm.
    pub(super) async fn is_littered(&self) -> bool {
        let snapshot = self.snapshot();
        if self.swept.get() || snapshot.manifest.generation == 0 {
            return false;
        }
        let Ok(list) = self.store.list().await else { return false };
        let orphans = snapshot.manifest.orphans(&list);
        self.swept.set(orphans.is_empty());
        !orphans.is_empty()
    }
}
