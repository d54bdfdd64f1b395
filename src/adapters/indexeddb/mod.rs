//! A collection as an IndexedDB database `nearfield:<name>` with four object stores:
//!
//! ```text
//! blobs   name -> Uint8Array, or the number of bytes of a large blob
//! pieces  [name, number] -> Uint8Array, the bytes of large blobs (pieces.rs)
//! sizes   name -> number of bytes, so that listing reads no blob; 0 while a large one is staged
//! meta    "generation" -> number, "manifest" -> Uint8Array
//! ```
//! The number is that of the manifest, for tabs with an older version of this code, which compare it alone.
//! Databases of version 1 have no `pieces`, and all blobs whole; opening them adds the store.
//!
//! A read waits for every transaction that was begun before and writes to the same store, until the disk has it. So
//! what is staged goes into small transactions, and the commit of what was staged writes neither to `blobs` nor to
//! `pieces`.
//!
//! A transaction ends by itself as soon as control returns to the browser and no request is pending. So nothing is
//! ever awaited inside one: all requests are made in one turn, and only their outcome is waited for.

mod collections;
mod connection;
mod event;
mod pieces;

pub use collections::{destroy, list};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pace::LocalFuture;
use crate::sorting::sort_by;
use crate::store::{closed, lost, missing, names, part, Commit, Named, Store, DELETED_AT_ONCE};
use connection::{answer, listen, Connection, Failure, Mode};
use event::{Events, Listener};
use js_sys::{Reflect, Uint8Array};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbRequest, IdbTransaction};

const BLOBS: &str = "blobs";
const SIZES: &str = "sizes";
const META: &str = "meta";
const PIECES: &str = "pieces";
const STORES: &[&str] = &[BLOBS, SIZES, META, PIECES];
const GENERATION: &str = "generation";
const MANIFEST: &str = "manifest";

/// Atomic; durable as far as the browser keeps its word on `durability: "strict"`. The browser may evict the whole
/// origin: then the collection is empty, never half. A lost connection is opened again once a call. Other tabs may
/// have the collection open, and may destroy it: blobs are `NotFound` from then on, commits fail.
pub struct IndexedDbStore {
    collection: String,
    connection: RefCell<Option<Rc<Connection>>>,
    closed: Cell<bool>,
}

impl IndexedDbStore {
    /// Opens the collection, creating it if need be. `Unsupported` where the browser offers no IndexedDB, so that the
    /// caller can take a [`MemoryStore`](crate::store::MemoryStore) instead and say so; `FormatTooNew` if a newer
    /// version has laid the database out.
    pub async fn open(collection: &str) -> Result<IndexedDbStore> {
        let database = database_name(collection)?;
        let opened = match Connection::open(&database, Some(STORES)).await {
            Err(Failure::Lost(_)) => Connection::open(&database, Some(STORES)).await,
            opened => opened,
        };
        let connection = opened.map_err(|failure| match failure {
            Failure::Final(error) => error,
            // How older private modes say that there is no storage.
            Failure::Lost(why) if why.starts_with("InvalidStateError") => Error::unsupported(why),
            Failure::Lost(why) => Error::new(ErrorKind::ConnectionLost, why),
        });
        let connection = connection.map_err(|error| error.within(format!("opening collection {collection:?}")))?;
        collections::remember(collection).await;
        Ok(IndexedDbStore {
            collection: collection.to_owned(),
            connection: RefCell::new(Some(Rc::new(connection))),
            closed: Cell::new(false),
        })
    }

    async fn connect(&self) -> Result<Rc<Connection>, Failure> {
        if self.closed.get() {
            return Err(closed(&format!("collection {:?}", self.collection)).into());
        }
        if let Some(connection) = self.connection.borrow().as_ref().filter(|connection| connection.usable()) {
            return Ok(Rc::clone(connection));
        }
        // Somebody may have deleted the database: it must not come back empty.
        let connection = Rc::new(Connection::open(&database_name(&self.collection)?, None).await?);
        *self.connection.borrow_mut() = Some(Rc::clone(&connection));
        Ok(connection)
    }

    /// Runs `work`, and once more on a new connection if the first was lost. Says with the result whether it did.
    async fn retrying<T>(&self, work: impl AsyncFn(&Connection) -> Result<T, Failure>) -> (Result<T>, bool) {
        let attempt = async || work(&*self.connect().await?).await;
        match attempt().await {
            Ok(done) => (Ok(done), false),
            Err(Failure::Final(error)) => (Err(error), false),
            Err(Failure::Lost(first)) => {
                self.connection.take();
                let again = attempt().await.map_err(|failure| match failure {
                    Failure::Final(error) => error,
                    Failure::Lost(why) => {
                        let message = format!("collection {:?}: {first}; opened again: {why}", self.collection);
                        Error::new(ErrorKind::ConnectionLost, message)
                    }
                });
                (again, true)
            }
        }
    }

    async fn get(&self, store: &str, key: &str) -> Result<JsValue> {
        let work = async |connection: &Connection| {
            let request = connection.transaction(&[store], Mode::Read)?.object_store(store)?.get(&key.into())?;
            answer(&request, listen(&request)).await
        };
        self.retrying(work).await.0
    }

    async fn current(&self) -> Result<Option<Vec<u8>>> {
        match self.get(META, MANIFEST).await {
            Ok(value) if value.is_undefined() => Ok(None),
            Ok(value) => bytes(value, MANIFEST).map(Some),
            // Destroyed elsewhere.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn apply(&self, commit: Commit) -> Result<()> {
        commit.check()?;
        let commit = Rc::new(commit);
        let (done, again) = self.retrying(async |connection: &Connection| attempt(connection, &commit).await).await;
        match done {
            // The first attempt may have succeeded without our hearing of it.
            Err(error) if error.kind == ErrorKind::Locked && again => match self.current().await? {
                Some(manifest) if manifest == commit.manifest => Ok(()),
                _ => Err(error),
            },
            Err(error) if error.kind == ErrorKind::QuotaExceeded => Err(error.within(no_room(commit.bytes()).await)),
            done => done,
        }
    }

    async fn put_aside(&self, blobs: Vec<Named>) -> Result<()> {
        blobs.iter().try_for_each(|(name, _)| names::check(name))?;
        let bytes = blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        for step in pieces::steps(&blobs) {
            match self.retrying(async |connection: &Connection| step.run(connection).await).await.0 {
                Err(error) if error.kind == ErrorKind::QuotaExceeded => {
                    return Err(error.within(no_room(bytes).await));
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// Removes blobs that no snapshot needs, a few in each transaction. Nothing is lost if the disk learns of it late.
    async fn remove(&self, names: &[String]) -> Result<()> {
        for some in names.chunks(DELETED_AT_ONCE) {
            self.retrying(async |connection: &Connection| pieces::remove(connection, some).await).await.0?;
        }
        Ok(())
    }

    async fn bytes(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        let value = self.get(BLOBS, name).await?;
        if value.is_undefined() {
            return Err(missing(name));
        }
        if let Some(total) = value.as_f64() {
            let work = async |connection: &Connection| pieces::join(connection, name, total, range.clone()).await;
            return self.retrying(work).await.0;
        }
        let whole = bytes(value, name)?;
        match &range {
            Some(range) => part(whole, range),
            None => Ok(whole),
        }
    }

    async fn sizes(&self) -> Result<Vec<(String, u64)>> {
        let work = async |connection: &Connection| {
            let sizes = connection.transaction(&[SIZES], Mode::Read)?.object_store(SIZES)?;
            let (keys, values) = (sizes.get_all_keys()?, sizes.get_all()?);
            let (keys_heard, values_heard) = (listen(&keys), listen(&values));
            Ok((answer(&keys, keys_heard).await?, answer(&values, values_heard).await?))
        };
        let (keys, values) = match self.retrying(work).await.0 {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(vec![]),
            done => done?,
        };
        let (keys, values) = (js_sys::Array::from(&keys), js_sys::Array::from(&values));
        let pair = |(name, size): (JsValue, JsValue)| Some((name.as_string()?, size.as_f64()? as u64));
        let sizes: Option<Vec<_>> = keys.iter().zip(values.iter()).map(pair).collect();
        let mut sizes = sizes.ok_or_else(|| Error::corrupt("the list of blobs"))?;
        // The browser sorts by UTF-16 code units.
        sort_by(&mut sizes, Ord::cmp);
        Ok(sizes)
    }
}

impl Store for IndexedDbStore {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(self.current())
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.bytes(name, None))
    }

    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.bytes(name, Some(range)))
    }

    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        Box::pin(self.put_aside(blobs))
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.remove(names))
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(self.apply(commit))
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(self.sizes())
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.closed.get() {
                return Err(closed(&format!("collection {:?}", self.collection)));
            }
            self.close();
            destroy(&self.collection).await
        })
    }

    fn close(&self) {
        self.closed.set(true);
        self.connection.take();
    }
}

/// One transaction: look at the manifest and at what was staged, and in the same turn in which the last answer arrives
/// write everything.
async fn attempt(connection: &Connection, commit: &Rc<Commit>) -> Result<(), Failure> {
    let transaction =
        connection.transaction(if commit.put.is_empty() { &[SIZES, META] } else { STORES }, Mode::Strict)?;
    let mut events = Events::of(&transaction, &["complete", "abort"]);
    let sizes = transaction.object_store(SIZES)?;
    let staged = commit.staged.iter().map(|(name, _)| sizes.get(&name.into())).collect::<Result<Vec<_>, _>>()?;
    // Answers come in the order of the requests.
    let found = transaction.object_store(META)?.get(&MANIFEST.into())?;
    let refused = Rc::new(RefCell::new(None));
    let _found = Listener::new(&found, "success", {
        let (found, transaction) = (found.clone(), transaction.clone());
        let (commit, refused) = (Rc::clone(commit), Rc::clone(&refused));
        move |_| {
            let written = check_staged(&staged, &commit).and_then(|()| write(&transaction, &found, &commit));
            if let Err(failure) = written {
                *refused.borrow_mut() = Some(failure);
                // Fails only if the browser was faster to abort.
                let _ = transaction.abort();
            }
        }
    });
    match events.next().await {
        "complete" => Ok(()),
        _ => Err(refused.take().unwrap_or_else(|| error_of(&transaction).into())),
    }
}

/// Whether all that was staged is there, whole.
fn check_staged(sizes: &[IdbRequest], commit: &Commit) -> Result<(), Failure> {
    for (size, (name, bytes)) in sizes.iter().zip(&commit.staged) {
        if size.result()?.as_f64() != Some(*bytes as f64) {
            return Err(lost(name).into());
        }
    }
    Ok(())
}

fn write(transaction: &IdbTransaction, found: &IdbRequest, commit: &Commit) -> Result<(), Failure> {
    let found = found.result()?;
    let found = if found.is_undefined() { None } else { Some(bytes(found, MANIFEST)?) };
    commit.check_current(found.as_deref())?;
    for (name, bytes) in &commit.put {
        pieces::put(transaction, name, bytes)?;
    }
    let meta = transaction.object_store(META)?;
    meta.put_with_key(&Uint8Array::from(&commit.manifest[..]), &MANIFEST.into())?;
    meta.put_with_key(&JsValue::from_f64(commit.generation as f64), &GENERATION.into())?;
    Ok(())
}

/// Why the browser aborted a transaction.
fn error_of(transaction: &IdbTransaction) -> JsValue {
    Reflect::get(transaction, &"error".into()).unwrap_or_else(|exception| exception)
}

fn bytes(value: JsValue, name: &str) -> Result<Vec<u8>> {
    let array = value.dyn_into::<Uint8Array>();
    array.map(|array| array.to_vec()).map_err(|_| Error::corrupt(format!("{name} is not stored as bytes")))
}

fn database_name(collection: &str) -> Result<String> {
    match collection.len() {
        0 => Err(Error::invalid("a collection without a name")),
        len if len > limits::NAME_BYTES => {
            Err(Error::limit(format!("a collection name of {len} bytes; at most {}", limits::NAME_BYTES)))
        }
        _ => Ok(format!("{}{collection}", collections::PREFIX)),
    }
}

/// What is missing where, for the message of a failed write.
async fn no_room(bytes: u64) -> String {
    let estimate = async || {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let storage = Reflect::get(&navigator, &"storage".into())?;
        let function: js_sys::Function = Reflect::get(&storage, &"estimate".into())?.dyn_into()?;
        let estimate = JsFuture::from(function.call0(&storage)?.dyn_into::<js_sys::Promise>()?).await?;
        let number = |key: &str| Reflect::get(&estimate, &key.into()).map(|value| value.as_f64().unwrap_or(0.0));
        Ok::<_, JsValue>((number("usage")?, number("quota")?))
    };
    let used = match estimate().await {
        Ok((usage, quota)) => format!("; this site uses {:.1} of its {:.1} MB", usage / 1e6, quota / 1e6),
        Err(_) => String::new(),
    };
    format!("no room for {:.1} MB{used}; delete a collection or free disk space", bytes as f64 / 1e6)
}
