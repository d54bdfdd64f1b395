//! Large blobs in pieces: no request carries more bytes than one, so that nobody who waits for the database waits long.
//! A blob of at most [`PIECE`] bytes is one value of the store `blobs`. Of a larger one `blobs` holds the number of its
//! bytes, and the store `pieces` the bytes, under the blob's name and the number of the piece.

use super::connection::{answer, listen, Connection, Failure, Mode};
use super::event::Events;
use super::{error_of, BLOBS, PIECES, SIZES};
use crate::error::{Error, Result};
use crate::sorting::set;
use crate::store::{missing, Named};
use js_sys::{Array, Uint8Array};
use std::ops::Range;
use wasm_bindgen::prelude::*;
use web_sys::{IdbKeyRange, IdbTransaction};

/// Bytes of a piece: part of how large blobs are stored.
pub const PIECE: usize = 1 << 18;

/// Bytes of small blobs that one transaction of a staging writes: about a page of text, which a query may wait for.
const STEP: usize = 1 << 16;

/// Pieces that one transaction reads or removes.
const AT_ONCE: usize = 2;

/// Numbers of all pieces of a blob.
const ALL: Range<u64> = 0..u64::MAX;

/// No blob is larger: its sections are placed by 32 bits.
const LONGEST: f64 = u32::MAX as f64;

/// Part of a blob that one request writes.
struct Write<'a> {
    name: &'a str,
    /// The whole blob.
    blob: &'a [u8],
    part: Range<usize>,
}

fn writes<'a>(name: &'a str, blob: &'a [u8]) -> impl Iterator<Item = Write<'a>> {
    let part = |start: usize| start..blob.len().min(start + PIECE);
    (0..blob.len().max(1)).step_by(PIECE).map(move |start| Write { name, blob, part: part(start) })
}

impl Write<'_> {
    fn is_whole(&self) -> bool {
        self.part.len() == self.blob.len()
    }

    fn is_last(&self) -> bool {
        self.part.end == self.blob.len()
    }

    /// The object stores that it writes to.
    fn stores(&self) -> impl Iterator<Item = &'static str> {
        let listed = self.part.start == 0 || self.is_last();
        let stores = [(BLOBS, self.is_last()), (SIZES, listed), (PIECES, !self.is_whole())];
        stores.into_iter().filter(|(_, needed)| *needed).map(|(store, _)| store)
    }

    fn make(&self, transaction: &IdbTransaction) -> Result<(), JsValue> {
        let Write { name, blob, part } = self;
        let bytes = Uint8Array::from(&blob[part.clone()]);
        let put = |store: &str, value: &JsValue| transaction.object_store(store)?.put_with_key(value, &(*name).into());
        if !self.is_whole() {
            transaction.object_store(PIECES)?.put_with_key(&bytes, &key(name, (part.start / PIECE) as f64))?;
        }
        let total = JsValue::from_f64(blob.len() as f64);
        if self.is_last() {
            put(BLOBS, if self.is_whole() { &bytes } else { &total })?;
            put(SIZES, &total)?;
        } else if part.start == 0 {
            // From its first piece on it is listed, as nothing yet, so that none is forgotten.
            put(SIZES, &JsValue::from_f64(0.0))?;
        }
        Ok(())
    }
}

fn key(name: &str, piece: f64) -> JsValue {
    Array::of2(&name.into(), &piece.into()).into()
}

/// The keys of these pieces, of which there is at least one.
fn pieces(name: &str, numbers: Range<u64>) -> Result<JsValue, JsValue> {
    let (first, end) = (numbers.start as f64, numbers.end as f64);
    IdbKeyRange::bound_with_lower_open_and_upper_open(&key(name, first), &key(name, end), false, true)
        .map(JsValue::from)
}

/// Writes a blob within a transaction over `blobs`, `sizes` and `pieces`.
pub fn put(transaction: &IdbTransaction, name: &str, blob: &[u8]) -> Result<(), JsValue> {
    writes(name, blob).try_for_each(|write| write.make(transaction))
}

/// Removes blobs, whole or in part: most of their pieces in transactions before, and then all that is left, so that they
/// are listed until the end.
pub async fn remove(connection: &Connection, names: &[String]) -> Result<(), Failure> {
    for name in names {
        let last = count(connection, name, ALL).await?.saturating_sub(1);
        for from in (0..last).step_by(AT_ONCE) {
            let some = pieces(name, from..last.min(from + AT_ONCE as u64))?;
            relaxed(connection, &[PIECES], |transaction| transaction.object_store(PIECES)?.delete(&some).map(drop))
                .await?;
        }
    }
    let remove = |transaction: &IdbTransaction, name: &String| {
        for store in [BLOBS, SIZES] {
            transaction.object_store(store)?.delete(&name.into())?;
        }
        transaction.object_store(PIECES)?.delete(&pieces(name, ALL)?).map(drop)
    };
    relaxed(connection, &[BLOBS, SIZES, PIECES], |transaction| {
        names.iter().try_for_each(|name| remove(transaction, name))
    })
    .await
}

async fn relaxed(
    connection: &Connection,
    stores: &[&str],
    make: impl FnOnce(&IdbTransaction) -> Result<(), JsValue>,
) -> Result<(), Failure> {
    let transaction = connection.transaction(stores, Mode::Relaxed)?;
    let events = Events::of(&transaction, &["complete", "abort"]);
    let made = make(&transaction);
    settled(&transaction, events, made.map_err(Failure::from)).await
}

/// What one transaction of a staging writes: at most [`STEP`] bytes, or one blob or piece.
pub struct Step<'a>(Vec<Write<'a>>);

/// Blobs cut into steps.
pub fn steps(blobs: &[Named]) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut bytes = STEP;
    for write in blobs.iter().flat_map(|(name, blob)| writes(name, blob)) {
        bytes += write.part.len();
        match steps.last_mut().filter(|_| bytes <= STEP) {
            Some(step) => step.0.push(write),
            None => {
                bytes = write.part.len();
                steps.push(Step(vec![write]));
            }
        }
    }
    steps
}

impl Step<'_> {
    /// In a transaction of its own, which is strict: that of the commit vouches for its own writes only.
    pub async fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let stores = set(self.0.iter().flat_map(Write::stores));
        let stores: Vec<&str> = stores.into_iter().collect();
        let transaction = connection.transaction(&stores, Mode::Strict)?;
        let events = Events::of(&transaction, &["complete", "abort"]);
        let made = self.0.iter().try_for_each(|write| write.make(&transaction));
        settled(&transaction, events, made.map_err(Failure::from)).await
    }
}

/// Waits for the end of a transaction whose requests were made, or aborts it because one could not be.
pub async fn settled(
    transaction: &IdbTransaction,
    mut events: Events,
    made: Result<(), Failure>,
) -> Result<(), Failure> {
    if made.is_err() {
        // Fails only if the browser was faster to abort.
        let _ = transaction.abort();
    }
    match events.next().await {
        "complete" => made,
        _ => Err(made.err().unwrap_or_else(|| error_of(transaction).into())),
    }
}

/// The bytes of a blob that is kept in pieces, or some of them; `total` is what `blobs` holds instead.
pub async fn join(
    connection: &Connection,
    name: &str,
    total: f64,
    range: Option<Range<u64>>,
) -> Result<Vec<u8>, Failure> {
    if !(0.0..=LONGEST).contains(&total) {
        return Err(Error::corrupt(format!("blob {name} of {total} bytes")).into());
    }
    let total = total as u64;
    let range = range.unwrap_or(0..total);
    if range.start > range.end || range.end > total {
        return Err(Error::corrupt(format!("bytes {range:?} of blob {name} of {total}")).into());
    }
    let (first, last) = (range.start / PIECE as u64, range.end.div_ceil(PIECE as u64));
    // All are there, so that there is as much to allocate as was said.
    if count(connection, name, first..last).await? != last - first {
        return Err(missing(name).into());
    }
    let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
    for from in (first..last).step_by(AT_ONCE) {
        for (piece, value) in get(connection, name, from..last.min(from + AT_ONCE as u64)).await? {
            let (start, expected) = (piece * PIECE as u64, (total - piece * PIECE as u64).min(PIECE as u64));
            let array = value.dyn_into::<Uint8Array>().ok().filter(|array| u64::from(array.length()) == expected);
            let damaged = || Error::corrupt(format!("piece {piece} of blob {name} is not {expected} bytes"));
            let array = array.ok_or_else(damaged)?;
            let (from, to) = (range.start.max(start), range.end.min(start + expected));
            let at = bytes.len();
            bytes.resize(at + (to - from) as usize, 0);
            array.subarray((from - start) as u32, (to - start) as u32).copy_to(&mut bytes[at..]);
        }
    }
    Ok(bytes)
}

/// How many of these pieces there are.
async fn count(connection: &Connection, name: &str, numbers: Range<u64>) -> Result<u64, Failure> {
    if numbers.is_empty() {
        return Ok(0);
    }
    let keys = pieces(name, numbers)?;
    let store = connection.transaction(&[PIECES], Mode::Read)?.object_store(PIECES)?;
    let request = store.count_with_key(&keys)?;
    Ok(answer(&request, listen(&request)).await?.as_f64().unwrap_or_default() as u64)
}

/// These pieces, in a transaction of their own: whoever else reads waits for no more than that.
async fn get(connection: &Connection, name: &str, pieces: Range<u64>) -> Result<Vec<(u64, JsValue)>, Failure> {
    let store = connection.transaction(&[PIECES], Mode::Read)?.object_store(PIECES)?;
    let mut requests = Vec::new();
    for piece in pieces {
        let request = store.get(&key(name, piece as f64))?;
        let heard = listen(&request);
        requests.push((piece, request, heard));
    }
    let mut found = Vec::new();
    for (piece, request, heard) in requests {
        let value = answer(&request, heard).await?;
        if value.is_undefined() {
            return Err(missing(name).into());
        }
        found.push((piece, value));
    }
    Ok(found)
}
