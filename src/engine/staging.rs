//! Blobs on their way into the store before the commit that names them: large ones, so that the commit is short, and
//! those of a rewrite, which are ready before it has its turn to write. Until then they are orphans like those that a
//! crash leaves. Who stages holds the writer's lock or that of upkeep, and who clears up holds both, so that nobody
//! takes for left behind what is still to be named; should it happen all the same, the commit fails and nothing else.

use super::Engine;
use crate::error::Result;
use crate::pace::{Pacer, Unpaced};
use crate::store::manifest::DELETED_AT_ONCE;
use crate::store::{Manifest, Named, COMMIT_BYTES};

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

    /// Removes what nobody names: what crashes have left. To be called with the lock of upkeep.
    pub(super) async fn clear_up(&self) -> Result<()> {
        if !self.is_littered().await {
            return Ok(());
        }
        let _writer = self.writer.lock().await;
        let orphans = self.snapshot().manifest.orphans(&self.store.list().await?);
        for some in orphans.chunks(DELETED_AT_ONCE) {
            let snapshot = self.snapshot();
            let mut manifest = (*snapshot.manifest).clone();
            // By a commit, so that it fails if somebody else's has named one of them meanwhile.
            let mut commit = manifest.commit(&snapshot.manifest, Vec::new())?;
            commit.delete.extend_from_slice(some);
            self.store.commit(commit).await?;
            self.adopt(manifest, None, &Unpaced).await?;
        }
        self.swept.set(true);
        Ok(())
    }

    /// Deletes some of what was retired long ago and commits have not come to yet. True if there was any.
    pub(super) async fn delete_overdue(&self) -> Result<bool> {
        if !self.snapshot().manifest.has_overdue() {
            return Ok(false);
        }
        let _writer = self.writer.lock().await;
        let snapshot = self.snapshot();
        self.commit(&snapshot, (*snapshot.manifest).clone(), Vec::new(), None).await.map(|()| true)
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
