//! Collections that keep one bit a dimension: through adding, merging, closing and reopening they answer much as
//! collections of whole vectors do, in a fraction of the bytes.

use crate::support::host::Host;
use nearfield::engine::{Engine, Found, GraphPolicy, RotationPolicy, VectorSettings, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::{Document, Storage};
use nearfield::store::MemoryStore;
use pollster::block_on;
use serde_json::json;

const WORDS: [&str; 16] = [
    "harbour", "ferry", "lantern", "winter", "dough", "oven", "bicycle", "chain", "star", "orbit", "tea", "garden",
    "bread", "stone", "river", "clock",
];

fn document(number: usize) -> Document {
    let word = |at: usize| WORDS[(number * (at + 3) + number / 7 * at) % WORDS.len()];
    let text = format!("{} {} {} {} n{number}", word(0), word(1), word(2), word(3));
    Document { id: format!("d{number}"), text, title: None, url: None, meta: Default::default(), language: None }
}

fn open(store: &MemoryStore, storage: Storage, index: GraphPolicy) -> Engine {
    let vectors = VectorSettings { storage, index, rotation: RotationPolicy::None, ..VectorSettings::default() };
    block_on(Engine::open(Box::new(store.handle()), Wanted { vectors: Some(vectors), ..Wanted::default() })).unwrap()
}

/// Added by threes, so that there is something to merge.
fn filled(store: &MemoryStore, storage: Storage, count: usize) -> Engine {
    let engine = open(store, storage, GraphPolicy::Auto);
    for first in (0..count).step_by(count / 3) {
        let some = (first..count.min(first + count / 3)).map(|number| document(number).into()).collect();
        Host::new().run(async |services| engine.add(some, services).await).unwrap();
    }
    engine
}

fn nearest(engine: &Engine, query: &str, more: serde_json::Value) -> Vec<String> {
    let mut options = json!({ "mode": "dense", "k": 10, "text": false });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let options = serde_json::from_value(options).unwrap();
    let found: Found = Host::new().run(async |services| engine.search(query, options, services).await).unwrap();
    assert!(found.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    found.hits.into_iter().map(|hit| hit.id).collect()
}

/// Share of the nearest of a collection of whole vectors that are among those of this one.
fn agreement(ours: &Engine, whole: &Engine, more: serde_json::Value) -> f64 {
    let mut shared = 0;
    for number in 0..30 {
        let query = document(number * 11).text;
        let expected = nearest(whole, &query, json!({}));
        shared += nearest(ours, &query, more.clone()).iter().filter(|id| expected.contains(id)).count();
    }
    shared as f64 / 300.0
}

#[test]
fn what_is_near_stays_near_through_merging_and_reopening() {
    let (store, other) = (MemoryStore::new(), MemoryStore::new());
    let (engine, whole) = (filled(&store, Storage::Binary, 600), filled(&other, Storage::F32, 600));
    let before = agreement(&engine, &whole, json!({}));
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    assert_eq!(engine.stats().segments.len(), 1);
    // As good as the bits of vectors that were kept whole, all taken at once.
    Host::new().run(async |services| whole.compact(services).await).unwrap();
    let after = agreement(&engine, &whole, json!({}));
    let at_once = agreement(&whole, &whole, json!({ "binary": true, "rescore": false }));
    assert!(before > 0.6 && after > at_once - 0.05, "{before} of the nearest, merged {after}, at once {at_once}");
    let again = open(&store, Storage::Binary, GraphPolicy::Auto);
    assert_eq!(agreement(&again, &whole, json!({})), after);
    // One bit first and all that is stored afterwards are the same here.
    assert_eq!(agreement(&again, &whole, json!({ "binary": true })), after);
    let bytes = |engine: &Engine| engine.stats().segments.iter().map(|it| it.vector_bytes).sum::<usize>();
    assert!(bytes(&again) * 10 < bytes(&whole), "{} of {} bytes", bytes(&again), bytes(&whole));
}

#[test]
fn a_graph_finds_what_a_scan_finds() {
    let store = MemoryStore::new();
    filled(&store, Storage::Binary, 600);
    let engine = open(&store, Storage::Binary, GraphPolicy::Hnsw);
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    assert!(engine.stats().segments[0].graph_bytes > 0);
    let mut shared = 0;
    for number in 0..30 {
        let query = document(number * 11).text;
        let scanned = nearest(&engine, &query, json!({ "vectors": "flat" }));
        shared +=
            nearest(&engine, &query, json!({ "vectors": "hnsw" })).iter().filter(|id| scanned.contains(id)).count();
    }
    assert!(shared > 285, "{shared} of 300");
}

#[test]
fn a_document_that_is_updated_keeps_its_vector() {
    let store = MemoryStore::new();
    let engine = filled(&store, Storage::Binary, 60);
    let query = document(17).text;
    let before = nearest(&engine, &query, json!({}));
    block_on(engine.update_meta("d17", Default::default())).unwrap();
    assert_eq!(before[0], "d17");
    assert_eq!(nearest(&engine, &query, json!({}))[0], "d17");
}

#[test]
fn there_is_nothing_to_turn() {
    let engine = filled(&MemoryStore::new(), Storage::Binary, 300);
    let error = Host::new().run(async |services| engine.fit(services).await).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    assert_eq!(nearest(&engine, "tea garden", json!({ "dims": 32 })).len(), 10);
    let (storage, rotation) = (Storage::Binary, RotationPolicy::Pca);
    let vectors = VectorSettings { storage, rotation, ..VectorSettings::default() };
    let wanted = Wanted { vectors: Some(vectors), ..Wanted::default() };
    let refused = block_on(Engine::open(Box::new(MemoryStore::new()), wanted)).err().unwrap();
    assert_eq!(refused.kind, ErrorKind::InvalidInput);
}
