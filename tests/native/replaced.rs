//! A collection that was removed and made anew by another tab, and has come as far as the old one: the generation is the
//! same, the collection is not.

use crate::support::host::Host;
use crate::support::library::{add, answer, document, open};
use nearfield::engine::Engine;
use nearfield::store::{MemoryStore, Store};
use nearfield::ErrorKind;
use pollster::block_on;
use serde_json::json;

/// A collection of one document, its second edition, in place of one of its first, which the engine returned has open.
fn replaced() -> (Engine, MemoryStore) {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    add(&engine, vec![document(1, 1, 20)]);
    // From now on the text is in memory, and nothing that is missing tells of the change.
    assert!(found(&engine).contains("Edition e1"));
    block_on(store.handle().destroy()).unwrap();
    add(&open(store.handle()), vec![document(1, 2, 20)]);
    assert_eq!(open(store.handle()).stats().generation, engine.stats().generation);
    (engine, store)
}

fn found(engine: &Engine) -> String {
    answer(engine, "edition e1 e2", json!({ "mode": "sparse" })).unwrap()
}

#[test]
fn a_reader_notices() {
    let (engine, store) = replaced();
    assert!(found(&engine).contains("Edition e1"));
    assert!(block_on(engine.refresh()).unwrap());
    assert_eq!(found(&engine), found(&open(store.handle())));
    assert!(found(&engine).contains("Edition e2"));
    assert!(!block_on(engine.refresh()).unwrap());
}

#[test]
fn a_writer_is_refused_and_spoils_nothing() {
    let (engine, store) = replaced();
    let before = found(&open(store.handle()));
    let outcome = Host::new().run(async |services| engine.add(vec![document(2, 1, 20)], services).await);
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Locked);
    assert_eq!(block_on(engine.delete(&["d1".into()])).unwrap_err().kind, ErrorKind::Locked);
    let other = open(store.handle());
    let report = Host::new().run(async |services| other.verify(services).await).unwrap();
    assert!(report.ok && report.orphans == 0, "{report:?}");
    assert_eq!(found(&other), before);
    // Who has looked again may write.
    block_on(engine.refresh()).unwrap();
    add(&engine, vec![document(2, 1, 20)]);
    block_on(other.refresh()).unwrap();
    assert_eq!(found(&engine), found(&other));
    assert_eq!(other.stats().documents, 2);
}
