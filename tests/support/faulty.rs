//! A store in which something goes wrong at a chosen call, around one in memory: for tests of what is left then.

use nearfield::pace::LocalFuture;
use nearfield::store::{Commit, MemoryStore, Named, Store};
use nearfield::{Error, ErrorKind, Result};
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and changes nothing; life goes on. A full disk, a lost race.
    Refused(ErrorKind),
    /// The process dies before the call takes effect: it and all later ones fail.
    DiesBefore,
    /// The process dies after the call took effect but before anybody heard of it.
    DiesAfter,
    /// What is read is cut in half; so is what is staged or discarded, with an error; a commit is only refused, as it is
    /// atomic.
    Torn,
    /// The call and the [`MEMORY`] after it are answered as if all were well, and of what they wrote nothing is left when
    /// the process dies: a machine that fails before its disk has what was not committed strictly.
    Forgets,
    /// What the call discards is there again, and life goes on: discarding may be relaxed, and is lost alone while what
    /// is committed after it stays.
    Undiscards,
}

/// Calls for which a store that forgets still remembers.
pub const MEMORY: u64 = 9;

pub struct Faulty {
    inner: MemoryStore,
    fault: Fault,
    /// Calls until the fault, counted from 0.
    left: Cell<u64>,
    /// What a store that forgets shows until the process dies, and calls until then.
    dream: OnceCell<MemoryStore>,
    awake_in: Cell<u64>,
    dead: Cell<bool>,
    acknowledged: Rc<Cell<u64>>,
}

enum Course {
    Normal,
    Then(Error),
    Torn,
    Undone,
}

impl Faulty {
    /// `fault` strikes at call number `at`, counted from 0.
    pub fn new(inner: MemoryStore, at: u64, fault: Fault) -> Faulty {
        Faulty {
            inner,
            fault,
            left: Cell::new(at + 1),
            dream: OnceCell::new(),
            awake_in: Cell::new(MEMORY),
            dead: Cell::new(false),
            acknowledged: Rc::default(),
        }
    }

    /// The generation of the last commit that was said to be done and is not to be forgotten.
    pub fn acknowledged(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.acknowledged)
    }

    fn store(&self) -> &MemoryStore {
        self.dream.get().unwrap_or(&self.inner)
    }

    /// Whether the fault has struck.
    pub fn struck(&self) -> bool {
        self.left.get() == 0
    }

    /// What becomes of the next call; an error if it never reaches the store.
    fn course(&self) -> Result<Course> {
        let died = || Error::new(ErrorKind::ConnectionLost, "the process died");
        if self.dead.get() {
            return Err(died());
        }
        match self.left.get() {
            0 if self.dream.get().is_none() => return Ok(Course::Normal),
            0 => {
                let left = self.awake_in.get();
                self.dead.set(left == 0);
                self.awake_in.set(left.saturating_sub(1));
                return if left == 0 { Err(died()) } else { Ok(Course::Normal) };
            }
            left => self.left.set(left - 1),
        }
        if self.left.get() > 0 {
            return Ok(Course::Normal);
        }
        self.dead.set(matches!(self.fault, Fault::DiesBefore | Fault::DiesAfter));
        match self.fault {
            Fault::Refused(kind) => Err(Error::new(kind, "refused by the test")),
            Fault::DiesBefore => Err(died()),
            Fault::DiesAfter => Ok(Course::Then(died())),
            Fault::Torn => Ok(Course::Torn),
            Fault::Forgets => {
                self.dream.get_or_init(|| self.inner.copied());
                Ok(Course::Normal)
            }
            Fault::Undiscards => Ok(Course::Undone),
        }
    }

    async fn call<'a, T>(
        &'a self,
        work: impl FnOnce(&'a MemoryStore) -> LocalFuture<'a, Result<T>>,
        torn: fn(T) -> T,
    ) -> Result<T> {
        let course = self.course()?;
        let done = work(self.store()).await?;
        match course {
            Course::Normal | Course::Undone => Ok(done),
            Course::Then(error) => Err(error),
            Course::Torn => Ok(torn(done)),
        }
    }
}

fn half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

impl Store for Faulty {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(self.call(|store| store.manifest(), |manifest| manifest.map(half)))
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.call(move |store| store.read(name), half))
    }

    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.call(move |store| store.read_range(name, range), half))
    }

    fn stage(&self, mut blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        Box::pin(async move {
            match self.course()? {
                Course::Normal | Course::Undone => self.store().stage(blobs).await,
                Course::Then(error) => self.inner.stage(blobs).await.and(Err(error)),
                Course::Torn => {
                    blobs.truncate(blobs.len().div_ceil(2));
                    blobs.iter_mut().last().into_iter().for_each(|(_, bytes)| bytes.truncate(bytes.len() / 2));
                    let torn = Error::new(ErrorKind::ConnectionLost, "torn");
                    self.inner.stage(blobs).await.and(Err(torn))
                }
            }
        })
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move {
            match self.course()? {
                Course::Normal => self.store().discard(names).await,
                Course::Undone => Ok(()),
                Course::Then(error) => self.inner.discard(names).await.and(Err(error)),
                Course::Torn => {
                    let torn = Error::new(ErrorKind::ConnectionLost, "torn");
                    self.inner.discard(&names[..names.len() / 2]).await.and(Err(torn))
                }
            }
        })
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(async move {
            let generation = commit.generation;
            match self.course()? {
                Course::Normal | Course::Undone => {
                    self.store().commit(commit).await?;
                    if self.dream.get().is_none() {
                        self.acknowledged.set(generation);
                    }
                    Ok(())
                }
                Course::Then(error) => self.inner.commit(commit).await.and(Err(error)),
                Course::Torn => Err(Error::new(ErrorKind::ConnectionLost, "torn and undone")),
            }
        })
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(self.call(|store| store.list(), |list| list))
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        Box::pin(self.call(|store| store.destroy(), |()| ()))
    }

    fn close(&self) {
        self.inner.close();
    }
}
