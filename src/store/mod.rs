//! Segments made durable. A collection is a set of named blobs and one [`Manifest`] that says which of them count;
//! the engine seals blobs, asks the manifest for the next [`Commit`], and a [`Store`] takes it in one atomic step.
//!
//! The store knows nothing of what is inside a blob: checksums are in the blobs themselves ([`crate::codec::Frame`])
//! and are verified by whoever decodes them. [`memory`] is the store of tests and of private windows; the durable
//! ones (IndexedDB, files) are in `adapters`. All pass the same tests, `tests/support/store_contract.rs`.

pub mod entry;
pub mod extra;
pub mod manifest;
pub mod memory;
pub mod names;
pub mod tombstones;

pub use crate::index::BlobKind;
pub use entry::{Blob, Numbered, Part, Pending, SegmentEntry};
pub use extra::Extras;
pub use manifest::{Manifest, Origin, Retired};
pub use memory::MemoryStore;
pub use tombstones::Tombstones;

use crate::codec::{fingerprint, Frame};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pace::LocalFuture;
use std::collections::HashSet;
use std::ops::Range;

/// A blob on its way into a store.
pub type Named = (String, Vec<u8>);

/// Bytes of blobs that one commit takes with it. What is larger is staged before, so that the moment of the commit,
/// for which readers wait, stays short.
pub const COMMIT_BYTES: u64 = 1 << 18;

/// Blobs that are deleted in one step, for which readers wait as well: a merge leaves hundreds.
pub const DELETED_AT_ONCE: usize = 2;

/// The blobs that a commit adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fresh {
    pub put: Vec<Named>,
    /// Name and size of what [`Store::stage`] has put there before.
    pub staged: Vec<(String, u64)>,
}

impl From<Vec<Named>> for Fresh {
    fn from(put: Vec<Named>) -> Fresh {
        Fresh { put, staged: Vec::new() }
    }
}

/// What one commit changes, all or nothing. Made by [`Manifest::commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Generation that must be current for the commit to take place; 0: the collection must be empty.
    pub expected: u64,
    /// Fingerprint of the manifest that must be current, where it is known: another collection may have taken the place
    /// of the one that was read, and be of the same generation.
    pub upon: Option<u32>,
    /// Generation that is current afterwards: `expected + 1`.
    pub generation: u64,
    /// The next manifest, a frame of kind `MANI` whose id is `generation`.
    pub manifest: Vec<u8>,
    /// New blobs. Blobs are written once: no name that the current manifest still needs (live or retired) comes again.
    pub put: Vec<Named>,
    /// New blobs that were staged, with their sizes: if one is not there any more, the commit fails with `Locked`.
    pub staged: Vec<(String, u64)>,
}

impl Commit {
    /// What every implementation checks before it writes anything.
    pub fn check(&self) -> Result<()> {
        if self.expected.checked_add(1) != Some(self.generation) {
            let message = format!("commit of generation {} upon {}", self.generation, self.expected);
            return Err(Error::internal(message));
        }
        if Frame::identity(&self.manifest)? != (manifest::KIND, self.generation) {
            return Err(Error::internal(format!(
                "the manifest committed is not that of generation {}",
                self.generation
            )));
        }
        let mut seen = HashSet::new();
        let staged = self.staged.iter().map(|(name, _)| name);
        for name in self.put.iter().map(|(name, _)| name).chain(staged) {
            names::check(name)?;
            if !seen.insert(name.as_str()) {
                return Err(Error::internal(format!("blob {name:?} appears twice in one commit")));
            }
        }
        Ok(())
    }

    /// Whether the commit may take place upon what a store has.
    ///
    /// # Errors
    /// `Locked` if not; `Corrupt` if that is no manifest.
    pub fn check_current(&self, manifest: Option<&[u8]>) -> Result<()> {
        let found = manifest.map_or(Ok(0), |bytes| Frame::identity(bytes).map(|identity| identity.1))?;
        if found != self.expected {
            return Err(conflict(self.expected, found));
        }
        match (self.upon, manifest) {
            (Some(upon), Some(bytes)) if fingerprint(bytes)? != upon => Err(replaced(found)),
            _ => Ok(()),
        }
    }

    /// Bytes that are written: the new blobs but for the staged ones, and the manifest.
    pub fn bytes(&self) -> u64 {
        self.put.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() + self.manifest.len() as u64
    }
}

/// Where a collection lives. Any number of handles, in any number of tabs or processes, may be open on one
/// collection.
///
/// Every implementation promises:
/// - **Atomicity.** After a commit fails, or the machine dies within it, the state is the one before or the one
///   after it: the manifest that is current and all blobs it names are those of one commit.
/// - **Compare-and-set.** Of two commits upon the same generation one fails with `Locked` and changes nothing; so does one
///   upon another manifest of that generation ([`Commit::check_current`]).
/// - **Read your commits.** What a commit put can be read, through any handle, once it has returned.
/// - **Staging.** What is staged is listed, and changes nothing else until a commit names it. A commit with staged blobs
///   is as durable as one that puts them itself.
/// - **Errors.** `NotFound` for a blob that is not there, `Locked` for a lost race, `QuotaExceeded` when there is no
///   room (the generation before still answers), `ConnectionLost` when the connection could not be restored or the
///   handle was closed.
///
/// Durability is stated by each implementation.
pub trait Store {
    /// The current manifest, `None` if nothing was ever committed.
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>>;

    /// The whole blob of this name.
    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>>;

    /// Some bytes of a blob: from `range.start` to `range.end`, or `Corrupt` if it is shorter. For stores that can; the
    /// others read the whole.
    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(async move { part(self.read(name).await?, &range) })
    }

    /// Puts blobs there for a commit to come, in steps so small that no reader waits for long. The current manifest
    /// must need none of these names; what was staged under them before, perhaps by a writer that died, is replaced.
    /// After a failure any part of them may be there, until it is discarded.
    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>>;

    /// Removes blobs that no snapshot needs: they were staged, whole or in part, and no manifest names them, or they are
    /// [overdue](Manifest::overdue). A name that does not exist is no error.
    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>>;

    /// Takes the commit, or nothing of it.
    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>>;

    /// Every blob with its size in bytes, by ascending name; also those that no manifest names.
    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>>;

    /// Removes the collection with all that is in it and closes this handle.
    fn destroy(&self) -> LocalFuture<'_, Result<()>>;

    /// Gives the connection back; later calls fail with `ConnectionLost`.
    fn close(&self);
}

/// The bytes of a range, out of the whole.
pub(crate) fn part(mut whole: Vec<u8>, range: &Range<u64>) -> Result<Vec<u8>> {
    let end = usize::try_from(range.end).ok().filter(|&end| end <= whole.len() && range.start <= range.end);
    let message = || Error::corrupt(format!("bytes {range:?} of a blob of {}", whole.len()));
    whole.truncate(end.ok_or_else(message)?);
    whole.drain(..range.start as usize);
    Ok(whole)
}

/// The error of a lost race: somebody else committed since `expected` was read.
fn conflict(expected: u64, found: u64) -> Error {
    let message = format!("another writer has committed: generation {found} is current, {expected} was expected");
    Error::new(ErrorKind::Locked, message)
}

/// The error of a commit upon a collection that is not there any more.
fn replaced(generation: u64) -> Error {
    let message = format!("another collection, of generation {generation} as well, has taken the place of this one");
    Error::new(ErrorKind::Locked, message)
}

/// The error of a commit whose staged blob is gone: somebody took it for what a dead writer has left.
pub(crate) fn lost(name: &str) -> Error {
    Error::new(ErrorKind::Locked, format!("another writer has removed blob {name:?}, which was staged"))
}

/// The error of every call on a handle that was closed.
pub(crate) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::ConnectionLost, format!("{what} was closed"))
}

/// The error of a blob that is not there.
pub(crate) fn missing(name: &str) -> Error {
    Error::not_found(format!("blob {:?}", name.chars().take(limits::BLOB_NAME_BYTES).collect::<String>()))
}
