//! Databases opened, watched and deleted, and what the browser's exceptions mean to us.

use super::event::{sleep, Events, Listener};
use crate::error::{Error, ErrorKind};
use futures_util::future::{select, Either};
use js_sys::Reflect;
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbRequest, IdbTransaction};

/// The version of every database here. A change of the object stores counts it up.
const VERSION: u32 = 2;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// Writes that may be lost when the machine dies.
    Relaxed,
    /// Complete only when the disk has it.
    Strict,
}

/// How long a request may take to be answered at all. WebKit is known to forget some, and all browsers queue an
/// opening silently behind a deletion that a frozen tab holds up.
const PATIENCE_MS: u32 = 20_000;

/// How long other tabs get to give their connections back once they were asked.
const BLOCKED_MS: u32 = 3_000;

/// Why an operation failed.
pub enum Failure {
    /// The connection is gone; a new one may do better. The name and message of the browser's exception.
    Lost(String),
    /// Trying again would not help.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Final(error)
    }
}

impl From<JsValue> for Failure {
    fn from(exception: JsValue) -> Failure {
        let (name, text) = describe(&exception);
        let kind = match &*name {
            "QuotaExceededError" => ErrorKind::QuotaExceeded,
            "VersionError" => ErrorKind::FormatTooNew,
            "SecurityError" | "NotAllowedError" => ErrorKind::Unsupported,
            // An object store that should be there.
            "NotFoundError" => ErrorKind::Corrupt,
            "AbortError" | "InvalidStateError" | "TimeoutError" | "TransactionInactiveError" | "UnknownError" => {
                return Failure::Lost(text);
            }
            _ => ErrorKind::Internal,
        };
        Failure::Final(Error::new(kind, text))
    }
}

/// Name of an exception, and name with message.
fn describe(exception: &JsValue) -> (String, String) {
    let get = |key: &str| Reflect::get(exception, &key.into()).ok().and_then(|value| value.as_string());
    let name = get("name").unwrap_or_else(|| "no exception".into());
    let text = get("message").map_or_else(|| name.clone(), |message| format!("{name}: {message}"));
    (name, text)
}

/// `Unsupported` where there is no IndexedDB: no browser, an opaque origin, storage switched off.
pub fn factory() -> Result<IdbFactory, Error> {
    let unsupported = |why: &str| Error::unsupported(format!("IndexedDB is not available here: {why}"));
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into());
    let factory = factory.map_err(|exception| unsupported(&describe(&exception).1))?;
    match factory.is_object() {
        true => Ok(factory.unchecked_into()),
        false => Err(unsupported("the browser or its private mode does not offer it")),
    }
}

/// An open database. It closes itself when another tab wants to delete or upgrade the database, and when the browser
/// has cut the connection; [`Connection::usable`] says whether that has happened.
pub struct Connection {
    pub database: IdbDatabase,
    usable: Rc<Cell<bool>>,
    _watch: [Listener; 2],
}

impl Connection {
    /// Opens the database. If it does not exist it is created with `stores`, or it is `NotFound` without any. One of an
    /// earlier version gets those that it lacks.
    pub async fn open(name: &str, stores: Option<&'static [&'static str]>) -> Result<Connection, Failure> {
        let request = factory()?.open_with_u32(name, VERSION)?;
        let upgrade = Listener::new(&request, "upgradeneeded", {
            let request = request.clone();
            move |_| {
                // Undone, the creation fails with an AbortError; so it does if this closure is gone by then.
                if stores.is_none_or(|stores| create(&request, stores).is_err()) {
                    request.transaction().map(|transaction| transaction.abort());
                }
            }
        });
        let settled = settle(&request, name).await;
        drop(upgrade);
        match settled {
            Ok(database) => Ok(Connection::watch(database.unchecked_into())),
            Err(Failure::Lost(text)) if stores.is_none() && text.starts_with("AbortError") => {
                Err(Error::not_found(format!("database {name} was deleted")).into())
            }
            Err(failure) => {
                abandon(&request);
                Err(failure)
            }
        }
    }

    fn watch(database: IdbDatabase) -> Connection {
        let usable = Rc::new(Cell::new(true));
        let watch = ["versionchange", "close"].map(|event| {
            let (database, usable) = (database.clone(), Rc::clone(&usable));
            Listener::new(&database.clone(), event, move |_| {
                usable.set(false);
                database.close();
            })
        });
        Connection { database, usable, _watch: watch }
    }

    pub fn usable(&self) -> bool {
        self.usable.get()
    }

    /// A transaction over `stores`.
    pub fn transaction(&self, stores: &[&str], mode: Mode) -> Result<IdbTransaction, Failure> {
        let names: js_sys::Array = stores.iter().map(|&store| JsValue::from(store)).collect();
        let options = js_sys::Object::new();
        let (name, durability) = match mode {
            Mode::Read => ("readonly", None),
            Mode::Relaxed => ("readwrite", Some("relaxed")),
            Mode::Strict => ("readwrite", Some("strict")),
        };
        if let Some(durability) = durability {
            Reflect::set(&options, &"durability".into(), &durability.into())?;
        }
        // By name: the bindings know the third argument only among unstable interfaces.
        let function: js_sys::Function = Reflect::get(&self.database, &"transaction".into())?.unchecked_into();
        Ok(function.call3(&self.database, &names, &name.into(), &options)?.unchecked_into())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.close();
    }
}

/// Deletes a database; that it does not exist is no error.
pub async fn delete(name: &str) -> Result<(), Failure> {
    let request = factory()?.delete_database(name)?;
    settle(&request, name).await.map(drop)
}

/// What a request was answered.
pub async fn answer(request: &IdbRequest, mut events: Events) -> Result<JsValue, Failure> {
    match events.next().await {
        "success" => Ok(request.result()?),
        _ => Err(Reflect::get(request, &"error".into())?.into()),
    }
}

/// Starts to listen for the answer to a request, to be waited for by [`answer`].
pub fn listen(request: &IdbRequest) -> Events {
    Events::of(request, &["success", "error"])
}

fn create(request: &IdbOpenDbRequest, stores: &[&str]) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.unchecked_into();
    let known = database.object_store_names();
    let new = stores.iter().filter(|store| !known.contains(store));
    new.copied().try_for_each(|store| database.create_object_store(store).map(drop))
}

/// The answer to a request to open or delete, within limits of time.
async fn settle(request: &IdbOpenDbRequest, name: &str) -> Result<JsValue, Failure> {
    let mut blocked = Events::of(request, &["blocked"]);
    let patience = pin!(async {
        match select(pin!(blocked.next()), pin!(sleep(PATIENCE_MS))).await {
            Either::Left(_) => {
                sleep(BLOCKED_MS).await;
                let message = format!("another tab keeps {name} open and does not answer; close it and try again");
                Failure::Final(Error::new(ErrorKind::Locked, message))
            }
            Either::Right(_) => Failure::Lost(format!("no answer in {PATIENCE_MS} ms")),
        }
    });
    match select(pin!(answer(request, listen(request))), patience).await {
        Either::Left((answer, _)) => answer,
        Either::Right((failure, _)) => Err(failure),
    }
}

/// Nobody waits any more, yet the browser may still answer: what it opens is closed, what it creates is undone.
fn abandon(request: &IdbOpenDbRequest) {
    let late = request.clone();
    request.set_onsuccess(Some(
        Closure::once_into_js(move || {
            if let Ok(database) = late.result() {
                database.unchecked_into::<IdbDatabase>().close();
            }
        })
        .unchecked_ref(),
    ));
    let late = request.clone();
    request.set_onupgradeneeded(Some(
        Closure::once_into_js(move || {
            late.transaction().map(|transaction| transaction.abort());
        })
        .unchecked_ref(),
    ));
}
