//! Which collections exist. Browsers can list databases; for those that cannot yet, a small database keeps the names.

use super::connection::{answer, delete, factory, listen, Connection, Failure, Mode};
use super::database_name;
use super::event::Events;
use crate::error::{Error, ErrorKind, Result};
use crate::sorting::sort_by;
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::IdbObjectStore;

/// In front of the collection's name in the name of its database.
pub const PREFIX: &str = "nearfield:";

const REGISTRY: &str = "nearfield-collections";
const NAMES: &str = "names";

/// Names of the collections in this origin, ascending.
pub async fn list() -> Result<Vec<String>> {
    let names = match databases().await? {
        Some(names) => names.iter().filter_map(|name| name.strip_prefix(PREFIX)).map(str::to_owned).collect(),
        None => registered().await.map_err(|failure| plain(failure, "listing collections"))?,
    };
    let mut names: Vec<String> = names;
    sort_by(&mut names, Ord::cmp);
    Ok(names)
}

/// Deletes a collection; that it does not exist is no error. Tabs that have it open are asked to let go; `Locked` if
/// one does not answer.
pub async fn destroy(collection: &str) -> Result<()> {
    let doing = format!("deleting collection {collection:?}");
    delete(&database_name(collection)?).await.map_err(|failure| plain(failure, &doing))?;
    if listing()?.is_none() {
        let forgotten = register(|names| names.delete(&collection.into()).map(drop)).await;
        forgotten.map_err(|failure| plain(failure, &doing))?;
    }
    Ok(())
}

/// Notes that the collection exists, where the browser does not. A failure costs no more than its place in the list.
pub(super) async fn remember(collection: &str) {
    if let Ok(None) = listing() {
        let put = |names: &IdbObjectStore| names.put_with_key(&JsValue::TRUE, &collection.into()).map(drop);
        let _ = register(put).await;
    }
}

fn plain(failure: Failure, doing: &str) -> Error {
    let error = match failure {
        Failure::Final(error) => error,
        Failure::Lost(why) => Error::new(ErrorKind::ConnectionLost, why),
    };
    error.within(doing)
}

/// `indexedDB.databases`, where it exists.
fn listing() -> Result<Option<js_sys::Function>> {
    let factory = factory()?;
    let function = Reflect::get(&factory, &"databases".into());
    Ok(function.ok().and_then(|function| function.dyn_into().ok()))
}

async fn databases() -> Result<Option<Vec<String>>> {
    let Some(function) = listing()? else { return Ok(None) };
    let factory = factory()?;
    let called = function.call0(&factory).and_then(|promise| promise.dyn_into::<js_sys::Promise>());
    let listed = match called {
        Ok(promise) => JsFuture::from(promise).await,
        Err(exception) => Err(exception),
    };
    let listed = listed.map_err(|exception| plain(exception.into(), "listing databases"))?;
    let name = |info: JsValue| Reflect::get(&info, &"name".into()).ok()?.as_string();
    Ok(Some(js_sys::Array::from(&listed).iter().filter_map(name).collect()))
}

async fn registered() -> Result<Vec<String>, Failure> {
    let connection = Connection::open(REGISTRY, Some(&[NAMES])).await?;
    let request = connection.transaction(&[NAMES], Mode::Read)?.object_store(NAMES)?.get_all_keys()?;
    let keys = answer(&request, listen(&request)).await?;
    Ok(js_sys::Array::from(&keys).iter().filter_map(|key| key.as_string()).collect())
}

async fn register(change: impl Fn(&IdbObjectStore) -> Result<(), JsValue>) -> Result<(), Failure> {
    let connection = Connection::open(REGISTRY, Some(&[NAMES])).await?;
    let transaction = connection.transaction(&[NAMES], Mode::Strict)?;
    let mut events = Events::of(&transaction, &["complete", "abort"]);
    change(&transaction.object_store(NAMES)?)?;
    match events.next().await {
        "complete" => Ok(()),
        _ => Err(super::error_of(&transaction).into()),
    }
}
