//! A collection as a directory:
//!
//! ```text
//! manifest         the current manifest, replaced by renaming
//! manifest.tmp     the next one, while it is written
//! lock             held by whoever commits or destroys; empty
//! blobs/<name>     one file a blob, names escaped
//! ```
//!
//! The order makes it safe: blobs first (some of them staged long before, each forced to disk), then their directory, then the manifest under its temporary name are forced
//! to disk; renaming is the moment of the commit; only then are old blobs removed. A crash before the rename leaves
//! blobs that no manifest names: the next commit of that name overwrites them, [`Manifest::orphans`] finds them.
//!
//! [`Manifest::orphans`]: crate::store::Manifest::orphans

use crate::error::{Error, ErrorKind, Result};
use crate::pace::LocalFuture;
use crate::store::{closed, lost, missing, names, Commit, Named, Store};
use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::future::ready;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Atomic and durable: when a commit returns, the disk has acknowledged it. Writers in other processes are kept out
/// by a lock that the operating system releases when its holder dies. Calls block the thread.
pub struct FileStore {
    dir: PathBuf,
    closed: Cell<bool>,
    #[cfg(test)]
    steps_left: Cell<Option<usize>>,
}

impl FileStore {
    /// The collection in this directory. Nothing is touched yet: a directory that does not exist holds an empty
    /// collection, and the first commit creates it.
    pub fn new(dir: impl Into<PathBuf>) -> FileStore {
        FileStore {
            dir: dir.into(),
            closed: Cell::new(false),
            #[cfg(test)]
            steps_left: Cell::new(None),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    fn blob(&self, name: &str) -> PathBuf {
        self.dir.join("blobs").join(escape(name))
    }

    fn check_open(&self) -> Result<()> {
        match self.closed.get() {
            true => Err(closed(&format!("the collection in {}", self.dir.display()))),
            false => Ok(()),
        }
    }

    /// Where a test pretends that the machine dies.
    fn step(&self) -> Result<()> {
        #[cfg(test)]
        if let Some(left) = self.steps_left.get() {
            let lost = || Error::new(ErrorKind::ConnectionLost, "the machine died");
            self.steps_left.set(Some(left.checked_sub(1).ok_or_else(lost)?));
        }
        Ok(())
    }

    fn current(&self) -> Result<Option<Vec<u8>>> {
        self.check_open()?;
        let path = self.path("manifest");
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| failed("reading", &path, error)),
        }
    }

    fn read_blob(&self, name: &str) -> Result<Vec<u8>> {
        self.check_open()?;
        let path = self.blob(name);
        fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(name),
            _ => failed("reading", &path, error),
        })
    }

    fn read_part(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>> {
        self.check_open()?;
        let path = self.blob(name);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => missing(name),
            _ => failed("reading", &path, error),
        })?;
        match bytes.len() as u64 == range.end.saturating_sub(range.start) {
            true => Ok(bytes),
            false => Err(Error::corrupt(format!("blob {name} ends within bytes {range:?}"))),
        }
    }

    /// The lock is released when the file is dropped.
    fn lock(&self) -> Result<File> {
        let path = self.path("lock");
        let create = File::options().create(true).append(true).open(&path);
        let file = create.map_err(|error| failed("opening", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::Error(error)) => Err(failed("locking", &path, error)),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process is writing to {}", self.dir.display());
                Err(Error::new(ErrorKind::Locked, message))
            }
        }
    }

    fn apply(&self, commit: &Commit) -> Result<()> {
        self.check_open()?;
        commit.check()?;
        let blobs = self.path("blobs");
        fs::create_dir_all(&blobs).map_err(|error| failed("creating", &blobs, error))?;
        let _lock = self.lock()?;
        commit.check_current(self.current()?.as_deref())?;
        if let Some((name, _)) = commit.staged.iter().find(|(name, bytes)| self.size(name) != Some(*bytes)) {
            return Err(lost(name));
        }
        let (next, manifest) = (self.path("manifest.tmp"), self.path("manifest"));
        if let Err(error) = self.write_blobs(commit).and_then(|()| write(&next, &commit.manifest)) {
            // Makes room again. What cannot be removed is an orphan.
            if self.step().is_ok() {
                commit.put.iter().for_each(|(name, _)| drop(fs::remove_file(self.blob(name))));
            }
            return Err(error);
        }
        self.step()?;
        fs::rename(&next, &manifest).map_err(|error| failed("renaming", &next, error))?;
        self.step()?;
        sync_dir(&self.dir)
    }

    fn size(&self, name: &str) -> Option<u64> {
        fs::metadata(self.blob(name)).ok().map(|found| found.len())
    }

    fn put_aside(&self, blobs: &[Named]) -> Result<()> {
        self.check_open()?;
        let dir = self.path("blobs");
        fs::create_dir_all(&dir).map_err(|error| failed("creating", &dir, error))?;
        for (name, bytes) in blobs {
            names::check(name)?;
            self.step()?;
            write(&self.blob(name), bytes)?;
        }
        Ok(())
    }

    fn discard_now(&self, names: &[String]) -> Result<()> {
        self.check_open()?;
        for name in names {
            self.step()?;
            let path = self.blob(name);
            gone(fs::remove_file(&path)).map_err(|error| failed("removing", &path, error))?;
        }
        Ok(())
    }

    fn write_blobs(&self, commit: &Commit) -> Result<()> {
        for (name, bytes) in &commit.put {
            self.step()?;
            write(&self.blob(name), bytes)?;
        }
        self.step()?;
        sync_dir(&self.path("blobs"))?;
        sync_dir(&self.dir)?;
        self.step()
    }

    fn sizes(&self) -> Result<Vec<(String, u64)>> {
        self.check_open()?;
        let path = self.path("blobs");
        let error = |error| failed("listing", &path, error);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.map_err(error)?,
        };
        let mut sizes = Vec::new();
        for entry in entries {
            let entry = entry.map_err(error)?;
            if let Some(name) = entry.file_name().to_str().and_then(unescape) {
                sizes.push((name, entry.metadata().map_err(error)?.len()));
            }
        }
        sizes.sort();
        Ok(sizes)
    }

    fn remove(&self) -> Result<()> {
        self.check_open()?;
        if !self.dir.exists() {
            return Ok(());
        }
        let _lock = self.lock()?;
        // The manifest goes first: without it the collection is empty, whatever else is left.
        for file in ["manifest", "manifest.tmp"].map(|file| self.path(file)) {
            gone(fs::remove_file(&file)).map_err(|error| failed("removing", &file, error))?;
        }
        sync_dir(&self.dir)?;
        let blobs = self.path("blobs");
        gone(fs::remove_dir_all(&blobs)).map_err(|error| failed("removing", &blobs, error))?;
        // The directory stays if the user keeps other files in it.
        drop(fs::remove_file(self.path("lock")));
        drop(fs::remove_dir(&self.dir));
        Ok(())
    }
}

impl Store for FileStore {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(ready(self.current()))
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(ready(self.read_blob(name)))
    }

    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(ready(self.read_part(name, range)))
    }

    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        Box::pin(ready(self.put_aside(&blobs)))
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        Box::pin(ready(self.discard_now(names)))
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(ready(self.apply(&commit)))
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(ready(self.sizes()))
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        let removed = self.remove();
        self.close();
        Box::pin(ready(removed))
    }

    fn close(&self) {
        self.closed.set(true);
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| failed(&format!("writing {} bytes to", bytes.len()), path, error))
}

/// Makes names in a directory durable. Where a directory is no file the system orders this by itself.
fn sync_dir(path: &Path) -> Result<()> {
    match cfg!(unix) {
        true => File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| failed("syncing", path, error)),
        false => Ok(()),
    }
}

/// Already absent is as good as removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let kind = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::QuotaExceeded,
        Io::NotFound => ErrorKind::NotFound,
        Io::PermissionDenied | Io::ReadOnlyFilesystem | Io::NotADirectory | Io::IsADirectory | Io::Unsupported => {
            ErrorKind::Unsupported
        }
        _ => ErrorKind::ConnectionLost,
    };
    Error::new(kind, format!("{doing} {}", path.display())).with_source(error)
}

/// A file name for any blob name: what is not `a-z 0-9 - _` becomes `%xx`, so that names differ even where case does
/// not count, and none leads out of the directory.
fn escape(name: &str) -> String {
    let mut file = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => file.push(char::from(byte)),
            _ => file.push_str(&format!("%{byte:02x}")),
        }
    }
    file
}

/// `None` for files that [`escape`] did not name.
fn unescape(file: &str) -> Option<String> {
    let mut name = Vec::new();
    let mut rest = file.bytes();
    while let Some(byte) = rest.next() {
        let nibble = |byte: Option<u8>| char::from(byte?).to_digit(16);
        name.push(if byte == b'%' { (nibble(rest.next())? << 4 | nibble(rest.next())?) as u8 } else { byte });
    }
    String::from_utf8(name).ok().filter(|name| escape(name) == file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Frame, FrameWriter};
    use pollster::block_on;
    use proptest::prelude::*;

    /// A directory of its own, removed afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let dir = std::env::temp_dir().join(format!("nearfield-files-{}-{name}", std::process::id()));
            drop(fs::remove_dir_all(&dir));
            Scratch(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn commit(expected: u64, put: &[&str]) -> Commit {
        let generation = expected + 1;
        let manifest = FrameWriter::new(*b"MANI", generation).finish().unwrap();
        let put = put.iter().map(|name| (name.to_string(), format!("{name} of {generation}").into_bytes())).collect();
        Commit { expected, upon: None, generation, manifest, put, staged: vec![] }
    }

    fn generation(store: &FileStore) -> u64 {
        store.current().unwrap().map_or(0, |manifest| Frame::identity(&manifest).unwrap().1)
    }

    #[test]
    fn dying_at_any_step_leaves_the_state_before_or_after() {
        let (mut before, mut after) = (0, 0);
        for steps in 0.. {
            let scratch = Scratch::new("dying");
            let store = FileStore::new(&scratch.0);
            block_on(store.commit(commit(0, &["a", "b"]))).unwrap();
            store.steps_left.set(Some(steps));
            let done = block_on(store.commit(commit(1, &["c", "d", "e"])))
                .and_then(|()| block_on(store.discard(&["a", "b"].map(String::from))));
            let reopened = FileStore::new(&scratch.0);
            let names: &[&str] = match generation(&reopened) {
                1 => &["a", "b"],
                2 => &["c", "d", "e"],
                other => panic!("generation {other} after {steps} steps"),
            };
            assert!(names.iter().all(|name| reopened.read_blob(name).is_ok()), "{names:?} after {steps} steps");
            *(if names.len() == 2 { &mut before } else { &mut after }) += 1;
            // Whatever was left behind, the next writer goes on.
            let next = commit(generation(&reopened), &["c2", "d2"]);
            block_on(reopened.commit(next)).unwrap();
            if done.is_ok() {
                break;
            }
        }
        assert!(before >= 5 && after >= 3, "{before} {after}");
    }

    #[test]
    fn dying_while_blobs_are_staged_or_committed_leaves_the_state_before_or_after() {
        let names = ["c", "d", "e"].map(|name| name.to_string());
        let blobs = names.clone().map(|name| (name.clone(), format!("{name} of 2").into_bytes()));
        let mut left = [0, 0];
        for steps in 0.. {
            let scratch = Scratch::new("staged");
            let store = FileStore::new(&scratch.0);
            block_on(store.commit(commit(0, &["a", "b"]))).unwrap();
            store.steps_left.set(Some(steps));
            let staged = blobs.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
            let next = Commit { staged, ..commit(1, &[]) };
            let done = block_on(store.stage(blobs.to_vec()))
                .and_then(|()| block_on(store.commit(next)))
                .and_then(|()| block_on(store.discard(&["a", "b"].map(String::from))));
            let reopened = FileStore::new(&scratch.0);
            let needed: &[&str] = if generation(&reopened) == 1 { &["a", "b"] } else { &["c", "d", "e"] };
            assert!(needed.iter().all(|name| reopened.read_blob(name).is_ok()), "{needed:?} after {steps} steps");
            left[needed.len() - 2] += 1;
            if generation(&reopened) == 1 {
                block_on(reopened.discard(&names)).unwrap();
                assert_eq!(reopened.sizes().unwrap().len(), 2);
            }
            if done.is_ok() {
                break;
            }
        }
        assert!(left[0] >= 5 && left[1] >= 3, "{left:?}");
    }

    #[test]
    fn a_failed_commit_gives_its_room_back() {
        let scratch = Scratch::new("room");
        let store = FileStore::new(&scratch.0);
        fs::create_dir_all(store.blob("c").join("in the way")).unwrap();
        assert!(block_on(store.commit(commit(0, &["a", "b", "c"]))).is_err());
        assert!(!store.blob("a").exists() && !store.blob("b").exists());
    }

    #[test]
    fn a_writer_in_another_process_is_met_with_locked() {
        let scratch = Scratch::new("locked");
        let store = FileStore::new(&scratch.0);
        block_on(store.commit(commit(0, &[]))).unwrap();
        let lock = FileStore::new(&scratch.0).lock().unwrap();
        assert_eq!(block_on(store.commit(commit(1, &[]))).unwrap_err().kind, ErrorKind::Locked);
        drop(lock);
        block_on(store.commit(commit(1, &[]))).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_is_refused_with_its_path() {
        let scratch = Scratch::new("refused");
        fs::write(&scratch.0, "a file").unwrap();
        let error = block_on(FileStore::new(&scratch.0).commit(commit(0, &[]))).unwrap_err();
        assert!(error.context.contains(scratch.0.to_str().unwrap()), "{error}");
        fs::remove_file(&scratch.0).unwrap();
    }

    #[test]
    fn reading_creates_nothing_and_destroying_leaves_nothing() {
        let scratch = Scratch::new("nothing");
        let store = FileStore::new(&scratch.0);
        assert_eq!((store.current().unwrap(), store.sizes().unwrap()), (None, vec![]));
        assert!(!scratch.0.exists());
        block_on(store.commit(commit(0, &["a"]))).unwrap();
        block_on(store.destroy()).unwrap();
        assert!(!scratch.0.exists());
    }

    proptest! {
        #[test]
        fn every_name_has_its_own_file(name in any::<String>(), other in any::<String>()) {
            let file = escape(&name);
            prop_assert!(file.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'%')));
            prop_assert_eq!(file == escape(&other), name == other);
            prop_assert_eq!(unescape(&file), Some(name));
        }
    }
}
