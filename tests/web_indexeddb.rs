//! The promises of `Store`, kept by IndexedDB in a real browser, and what only browsers do: lost connections, other
//! tabs, full disks, private modes.
#![cfg(target_arch = "wasm32")]

#[path = "support/in_browser.rs"]
mod in_browser;
#[path = "support/store_contract.rs"]
mod store_contract;

use in_browser::browser_case;
use nearfield::adapters::indexeddb::{destroy, list, IndexedDbStore};
use nearfield::codec::FrameWriter;
use nearfield::store::{Commit, Store};
use nearfield::ErrorKind;
use store_contract::store_contract;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

store_contract!(browser_case);

#[wasm_bindgen(inline_js = r#"
// Replaces a method until `undo` is called or it has failed `times` times; reports how often it was called.
export class Trap {
    constructor(owner, method, times, name) {
        this.owner = globalThis[owner].prototype;
        this.method = method;
        this.calls = [];
        const original = this.original = this.owner[method];
        const trap = this;
        this.owner[method] = function (...args) {
            trap.calls.push(JSON.stringify(args));
            if (trap.calls.length <= times) throw new DOMException("made up", name);
            return original.apply(this, args);
        };
    }
    log() { return this.calls.join("\n"); }
    undo() { this.owner[this.method] = this.original; }
}
// The browser aborts every transaction of the next write, giving `name` as the reason.
export function abortWrites(name) {
    const { put } = IDBObjectStore.prototype;
    const error = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "error");
    IDBObjectStore.prototype.put = function (...args) {
        const request = put.apply(this, args);
        if (args[1] === "generation") {
            Object.defineProperty(IDBTransaction.prototype, "error", { configurable: true, get: () => new DOMException("made up", name) });
            this.transaction.abort();
        }
        return request;
    };
    return () => {
        IDBObjectStore.prototype.put = put;
        Object.defineProperty(IDBTransaction.prototype, "error", error);
    };
}
// The next transaction that writes completes, and its page hears that the connection was lost instead.
export function unheard() {
    const { transaction } = IDBDatabase.prototype;
    let done = 0;
    IDBDatabase.prototype.transaction = function (...args) {
        const made = transaction.apply(this, args);
        if (args[1] === "readwrite" && done++ === 0) {
            Object.defineProperty(made, "error", { get: () => new DOMException("made up", "AbortError") });
            made.addEventListener("complete", (event) => {
                event.stopImmediatePropagation();
                made.dispatchEvent(new Event("abort"));
            });
        }
        return made;
    };
    return () => {
        IDBDatabase.prototype.transaction = transaction;
        return done;
    };
}
export function withoutDatabases() {
    const { databases } = IDBFactory.prototype;
    delete IDBFactory.prototype.databases;
    return () => { IDBFactory.prototype.databases = databases; };
}
export function withoutIndexedDb(how) {
    const old = Object.getOwnPropertyDescriptor(globalThis, "indexedDB");
    const get = () => { if (how === "throws") throw new DOMException("opaque origin", "SecurityError"); };
    Object.defineProperty(globalThis, "indexedDB", { configurable: true, get });
    return () => old ? Object.defineProperty(globalThis, "indexedDB", old) : delete globalThis.indexedDB;
}
export function newerVersion(name) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name, 1000);
        request.onsuccess = () => { request.result.close(); resolve(); };
        request.onerror = reject;
    });
}
// A database as version 1 laid it out: every blob whole.
export function versionOne(name, manifest, blob) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => ["blobs", "sizes", "meta"].forEach((store) => request.result.createObjectStore(store));
        request.onerror = reject;
        request.onsuccess = () => {
            const transaction = request.result.transaction(["blobs", "sizes", "meta"], "readwrite");
            const put = (store, value, key) => transaction.objectStore(store).put(value, key);
            put("blobs", blob, "old");
            put("sizes", blob.length, "old");
            put("meta", manifest, "manifest");
            put("meta", 1, "generation");
            transaction.oncomplete = () => { request.result.close(); resolve(); };
        };
    });
}
// Damages the second piece of blob "a", or its number of bytes.
export function spoil(name, how) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onerror = reject;
        request.onsuccess = () => {
            const transaction = request.result.transaction(["blobs", "pieces"], "readwrite");
            const pieces = transaction.objectStore("pieces");
            if (how === "cut") pieces.put(new Uint8Array(1000), ["a", 1]);
            if (how === "other") pieces.put("no bytes", ["a", 1]);
            if (how === "gone") pieces.delete(["a", 1]);
            if (how === "endless") transaction.objectStore("blobs").put(1e18, "a");
            transaction.oncomplete = () => { request.result.close(); resolve(); };
        };
    });
}
// Keys of an object store, as JSON.
export function keysOf(name, store) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onerror = reject;
        request.onsuccess = () => {
            const keys = request.result.transaction(store).objectStore(store).getAllKeys();
            keys.onsuccess = () => { request.result.close(); resolve(JSON.stringify(keys.result)); };
        };
    });
}
// Counts what each transaction is given to write, and can let one `put` fail.
export class Meter {
    constructor(failing, name) {
        const put = this.put = IDBObjectStore.prototype.put;
        const written = this.written = new Map();
        let calls = 0;
        IDBObjectStore.prototype.put = function (...args) {
            if (++calls === failing) throw new DOMException("made up", name);
            written.set(this.transaction, (written.get(this.transaction) ?? 0) + (args[0].byteLength ?? 0));
            return put.apply(this, args);
        };
    }
    transactions() { return this.written.size; }
    largest() { return Math.max(...this.written.values()); }
    undo() { IDBObjectStore.prototype.put = this.put; }
}
// A connection that ignores every request to close, as a frozen tab would.
export function stubborn(name) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(() => request.result.close());
        request.onerror = reject;
    });
}
"#)]
extern "C" {
    type Trap;
    #[wasm_bindgen(constructor)]
    fn new(owner: &str, method: &str, times: u32, name: &str) -> Trap;
    #[wasm_bindgen(method)]
    fn log(this: &Trap) -> String;
    #[wasm_bindgen(method)]
    fn undo(this: &Trap);
    #[wasm_bindgen(js_name = abortWrites)]
    fn abort_writes(name: &str) -> js_sys::Function;
    fn unheard() -> js_sys::Function;
    #[wasm_bindgen(js_name = withoutDatabases)]
    fn without_databases() -> js_sys::Function;
    #[wasm_bindgen(js_name = withoutIndexedDb)]
    fn without_indexed_db(how: &str) -> js_sys::Function;
    #[wasm_bindgen(js_name = newerVersion, catch)]
    async fn newer_version(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = versionOne, catch)]
    async fn version_one(name: &str, manifest: &[u8], blob: &[u8]) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn spoil(name: &str, how: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = keysOf, catch)]
    async fn keys_of(name: &str, store: &str) -> Result<JsValue, JsValue>;
    type Meter;
    #[wasm_bindgen(constructor)]
    fn new(failing: u32, name: &str) -> Meter;
    #[wasm_bindgen(method)]
    fn transactions(this: &Meter) -> u32;
    #[wasm_bindgen(method)]
    fn largest(this: &Meter) -> f64;
    #[wasm_bindgen(method)]
    fn undo(this: &Meter);
    #[wasm_bindgen(catch)]
    async fn stubborn(name: &str) -> Result<JsValue, JsValue>;
}

fn call(function: &js_sys::Function) {
    function.call0(&JsValue::UNDEFINED).unwrap();
}

fn commit(expected: u64, put: &[&str]) -> Commit {
    let generation = expected + 1;
    let manifest = FrameWriter::new(*b"MANI", generation).finish().unwrap();
    let put = put.iter().map(|name| (name.to_string(), name.as_bytes().to_vec())).collect();
    Commit { expected, upon: None, generation, manifest, put, staged: vec![] }
}

#[wasm_bindgen_test]
async fn a_commit_is_one_strict_transaction() {
    destroy("strict").await.unwrap();
    let store = IndexedDbStore::open("strict").await.unwrap();
    let trap = Trap::new("IDBDatabase", "transaction", 0, "");
    store.commit(commit(0, &["a", "b"])).await.unwrap();
    trap.undo();
    assert_eq!(trap.log(), r#"[["blobs","sizes","meta","pieces"],"readwrite",{"durability":"strict"}]"#);
    store.destroy().await.unwrap();
}

/// The blobs of a large segment: two of many pieces, and pages.
fn large() -> Vec<(String, Vec<u8>)> {
    let pages = (0..40).map(|page| (format!("page-{page}"), vec![page as u8; 65_000]));
    [("main".to_owned(), vec![1; 5_000_000]), ("vectors".to_owned(), vec![2; 3_000_000])]
        .into_iter()
        .chain(pages)
        .collect()
}

fn commit_of(expected: u64, blobs: &[(String, Vec<u8>)]) -> Commit {
    let staged = blobs.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
    Commit { staged, ..commit(expected, &[]) }
}

#[wasm_bindgen_test]
async fn what_is_large_is_staged_bit_by_bit_and_its_commit_keeps_readers_of_blobs_free() {
    destroy("bits").await.unwrap();
    let store = IndexedDbStore::open("bits").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    let blobs = large();
    let meter = Meter::new(0, "");
    let trap = Trap::new("IDBDatabase", "transaction", 0, "");
    store.stage(blobs.clone()).await.unwrap();
    trap.undo();
    meter.undo();
    assert!(meter.largest() <= 262_144.0, "{} bytes in one transaction", meter.largest());
    assert!(meter.transactions() >= 40, "{}", meter.transactions());
    assert!(trap.log().lines().all(|made| made.ends_with(r#""readwrite",{"durability":"strict"}]"#)), "{}", trap.log());
    let trap = Trap::new("IDBDatabase", "transaction", 0, "");
    store.commit(commit_of(1, &blobs)).await.unwrap();
    trap.undo();
    assert_eq!(trap.log(), r#"[["sizes","meta"],"readwrite",{"durability":"strict"}]"#);
    for (name, bytes) in &blobs {
        assert!(store.read(name).await.unwrap() == *bytes, "{name}");
    }
    // Gone, they leave nothing.
    let names: Vec<String> = blobs.iter().map(|(name, _)| name.clone()).collect();
    let trap = Trap::new("IDBDatabase", "transaction", 0, "");
    store.discard(&names).await.unwrap();
    trap.undo();
    let log = trap.log();
    let writes: Vec<&str> = log.lines().filter(|made| made.contains("readwrite")).collect();
    // Two blobs or two pieces in each; of the large blobs, 20 and 12 pieces, the last goes with the blob.
    assert!(writes.len() == blobs.len() / 2 + 10 + 6 && writes.iter().all(|made| made.contains("relaxed")), "{log}");
    assert_eq!(keys_of("nearfield:bits", "pieces").await.unwrap().as_string().unwrap(), "[]");
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 1)]);
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_staging_that_ends_anywhere_can_be_discarded_and_begun_again() {
    destroy("ends").await.unwrap();
    let store = IndexedDbStore::open("ends").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    let blobs = large();
    let names: Vec<String> = blobs.iter().map(|(name, _)| name.clone()).collect();
    for failing in [1, 2, 3, 20, 24, 60, 100] {
        let meter = Meter::new(failing, "QuotaExceededError");
        let error = store.stage(blobs.clone()).await.unwrap_err();
        meter.undo();
        assert_eq!(error.kind, ErrorKind::QuotaExceeded, "{error}");
        assert!(error.context.contains("no room for 10.6 MB"), "{error}");
        // Whatever was written is listed; what is not whole cannot be committed.
        let listed = store.list().await.unwrap();
        assert!(failing < 3 || listed.iter().any(|(name, _)| name == "main"), "{failing}: {listed:?}");
        assert_eq!(store.commit(commit_of(1, &blobs)).await.unwrap_err().kind, ErrorKind::Locked);
        assert_eq!(store.manifest().await.unwrap(), Some(commit(0, &[]).manifest));
        store.discard(&names).await.unwrap();
        assert_eq!(store.list().await.unwrap(), [("a".to_string(), 1)]);
        assert_eq!(keys_of("nearfield:ends", "pieces").await.unwrap().as_string().unwrap(), "[]");
    }
    store.stage(blobs[..3].to_vec()).await.unwrap();
    store.stage(blobs.clone()).await.unwrap();
    store.commit(commit_of(1, &blobs)).await.unwrap();
    assert!(store.read("main").await.unwrap() == blobs[0].1);
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn what_version_1_stored_is_read_and_written_on() {
    destroy("old").await.unwrap();
    let old: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(at) >> 3) as u8).collect();
    version_one("nearfield:old", &commit(0, &[]).manifest, &old).await.unwrap();
    let store = IndexedDbStore::open("old").await.unwrap();
    assert_eq!(store.manifest().await.unwrap(), Some(commit(0, &[]).manifest));
    assert!(store.read("old").await.unwrap() == old);
    assert!(store.read_range("old", 1_000_000..1_000_100).await.unwrap() == old[1_000_000..1_000_100]);
    let new = vec![("new".to_owned(), old.clone())];
    store.stage(new.clone()).await.unwrap();
    store.commit(commit_of(1, &new)).await.unwrap();
    store.discard(&["old".to_owned()]).await.unwrap();
    assert!(store.read("new").await.unwrap() == old);
    assert_eq!(store.list().await.unwrap(), [("new".to_string(), 3_000_000)]);
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_damaged_piece_is_noticed() {
    destroy("piece").await.unwrap();
    let store = IndexedDbStore::open("piece").await.unwrap();
    let blobs = vec![("a".to_owned(), vec![7; 600_000])];
    store.stage(blobs.clone()).await.unwrap();
    store.commit(commit_of(0, &blobs)).await.unwrap();
    for (piece, kind) in [("cut", ErrorKind::Corrupt), ("other", ErrorKind::Corrupt), ("gone", ErrorKind::NotFound)] {
        spoil("nearfield:piece", piece).await.unwrap();
        assert_eq!(store.read("a").await.unwrap_err().kind, kind, "{piece}");
        assert_eq!(store.read_range("a", 0..100).await.unwrap(), [7; 100]);
    }
    spoil("nearfield:piece", "endless").await.unwrap();
    assert_eq!(store.read("a").await.unwrap_err().kind, ErrorKind::Corrupt);
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_lost_connection_is_opened_again_once() {
    destroy("lost").await.unwrap();
    let store = IndexedDbStore::open("lost").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    for (generation, name) in ["InvalidStateError", "UnknownError", "AbortError"].into_iter().enumerate() {
        let trap = Trap::new("IDBDatabase", "transaction", 1, name);
        assert_eq!(store.read("a").await.unwrap(), b"a");
        trap.undo();
        let trap = Trap::new("IDBDatabase", "transaction", 1, name);
        store.commit(commit(1 + generation as u64, &[name])).await.unwrap();
        trap.undo();
        let trap = Trap::new("IDBDatabase", "transaction", 2, name);
        let error = store.read("a").await.unwrap_err();
        trap.undo();
        assert_eq!(error.kind, ErrorKind::ConnectionLost, "{error}");
        assert!(error.context.contains(name), "{error}");
    }
    assert_eq!(store.list().await.unwrap().len(), 4);
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_transaction_cut_off_in_the_middle_changes_nothing() {
    destroy("cut").await.unwrap();
    let store = IndexedDbStore::open("cut").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    let undo = abort_writes("AbortError");
    let error = store.commit(commit(1, &["b"])).await.unwrap_err();
    call(&undo);
    assert_eq!(error.kind, ErrorKind::ConnectionLost, "{error}");
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 1)]);
    store.commit(commit(1, &["b"])).await.unwrap();
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_commit_that_succeeded_unheard_is_done_once() {
    destroy("unheard").await.unwrap();
    let store = IndexedDbStore::open("unheard").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    let undo = unheard();
    store.commit(commit(1, &["b"])).await.unwrap();
    // The second attempt found the first one's manifest.
    assert_eq!(undo.call0(&JsValue::UNDEFINED).unwrap(), 2);
    assert_eq!(store.manifest().await.unwrap(), Some(commit(1, &[]).manifest));
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 1), ("b".to_string(), 1)]);
    store.commit(commit(2, &["c"])).await.unwrap();
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_full_disk_leaves_the_old_generation() {
    destroy("full").await.unwrap();
    let store = IndexedDbStore::open("full").await.unwrap();
    store.commit(commit(0, &["a"])).await.unwrap();
    // When the second blob is handed over, and when the browser writes it.
    let trap = Trap::new("IDBObjectStore", "put", 1, "QuotaExceededError");
    let at_request = store.commit(commit(1, &["b", "c"])).await.unwrap_err();
    trap.undo();
    let undo = abort_writes("QuotaExceededError");
    let at_abort = store.commit(commit(1, &["b", "c"])).await.unwrap_err();
    call(&undo);
    for error in [at_request, at_abort] {
        assert_eq!(error.kind, ErrorKind::QuotaExceeded, "{error}");
        assert!(error.context.contains("no room for 0.0 MB"), "{error}");
    }
    assert_eq!(store.manifest().await.unwrap(), Some(commit(0, &[]).manifest));
    assert_eq!(store.list().await.unwrap(), [("a".to_string(), 1)]);
    store.commit(commit(1, &["b", "c"])).await.unwrap();
    store.destroy().await.unwrap();
}

#[wasm_bindgen_test]
async fn collections_are_listed_with_and_without_the_browsers_help() {
    for undo in [None, Some(without_databases())] {
        let names = ["list 1", "list/2", "Liste ä"];
        for name in names {
            destroy(name).await.unwrap();
            IndexedDbStore::open(name).await.unwrap().commit(commit(0, &["a"])).await.unwrap();
        }
        let listed = list().await.unwrap();
        assert!(names.iter().all(|name| listed.iter().any(|listed| listed == name)), "{listed:?}");
        destroy(names[0]).await.unwrap();
        assert!(!list().await.unwrap().contains(&names[0].to_string()));
        destroy(names[1]).await.unwrap();
        destroy(names[2]).await.unwrap();
        undo.inspect(call);
    }
}

#[wasm_bindgen_test]
async fn without_indexed_db_it_is_unsupported() {
    for how in ["undefined", "throws"] {
        let undo = without_indexed_db(how);
        let outcome = IndexedDbStore::open("nowhere").await.map(drop);
        call(&undo);
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Unsupported);
    }
    let trap = Trap::new("IDBFactory", "open", 2, "InvalidStateError");
    let outcome = IndexedDbStore::open("nowhere").await.map(drop);
    trap.undo();
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Unsupported);
}

#[wasm_bindgen_test]
async fn a_newer_layout_is_refused() {
    destroy("newer").await.unwrap();
    newer_version("nearfield:newer").await.unwrap();
    let error = IndexedDbStore::open("newer").await.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::FormatTooNew, "{error}");
    destroy("newer").await.unwrap();
}

#[wasm_bindgen_test]
async fn a_tab_that_does_not_let_go_is_reported() {
    destroy("stubborn").await.unwrap();
    let store = IndexedDbStore::open("stubborn").await.unwrap();
    let release = js_sys::Function::from(stubborn("nearfield:stubborn").await.unwrap());
    let error = store.destroy().await.unwrap_err();
    call(&release);
    assert_eq!(error.kind, ErrorKind::Locked, "{error}");
    assert!(error.context.contains("another tab"), "{error}");
    destroy("stubborn").await.unwrap();
}

#[wasm_bindgen_test]
async fn a_collection_needs_a_name() {
    assert_eq!(IndexedDbStore::open("").await.map(drop).unwrap_err().kind, ErrorKind::InvalidInput);
    let long = "n".repeat(5000);
    assert_eq!(IndexedDbStore::open(&long).await.map(drop).unwrap_err().kind, ErrorKind::LimitExceeded);
}
