//! Turned vectors: whole ones keep their order, prefixes gain, and whatever happens around a fit, no search ever sees
//! vectors of two rotations.

use crate::support::host::{AbortAfter, Host, WordHashes};
use nearfield::engine::{Engine, Incoming, Maintenance, Prefixes, Reembedding, RotationPolicy, VectorSettings, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::{Document, Storage};
use nearfield::pace::Unpaced;
use nearfield::store::{Commit, MemoryStore, Named, Store};
use pollster::block_on;
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeSet;

const WORDS: [&str; 12] =
    ["harbour", "ferry", "lantern", "winter", "dough", "oven", "bicycle", "chain", "star", "orbit", "tea", "garden"];

/// A text of words that go together, so that the vectors have directions in which they spread.
fn text(number: usize) -> String {
    let topic = number % 4 * 3;
    let word = |at: usize| WORDS[(topic + number / (at + 1)) % WORDS.len()];
    format!("{} {} {} n{}", word(0), word(1), word(2), number % 37)
}

fn documents(numbers: std::ops::Range<usize>) -> Vec<Incoming> {
    let document = |i: usize| Document {
        id: format!("d{i}"),
        text: text(i),
        title: None,
        url: None,
        meta: Default::default(),
        language: None,
    };
    numbers.map(|i| document(i).into()).collect()
}

fn open_with(store: &MemoryStore, storage: Storage, rotation: RotationPolicy) -> Engine {
    let vectors = VectorSettings { storage, rotation, ..VectorSettings::default() };
    let wanted = Wanted { vectors: Some(vectors), ..Wanted::default() };
    block_on(Engine::open(Box::new(store.handle()), wanted)).unwrap()
}

fn filled(store: &MemoryStore, count: usize, storage: Storage) -> Engine {
    let engine = open_with(store, storage, RotationPolicy::None);
    let added = Host::new().run(async |services| engine.add(documents(0..count), services).await).unwrap();
    assert_eq!(added, count);
    engine
}

fn fit(engine: &Engine) {
    Host::new().run(async |services| engine.fit(services).await).unwrap();
}

/// Ids and scores of the nearest.
fn nearest(engine: &Engine, query: &str, options: serde_json::Value) -> Vec<(String, f32)> {
    let mut all = json!({ "mode": "dense", "k": 20, "text": false });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let options = serde_json::from_value(all).unwrap();
    let found = Host::new().run(async |services| engine.search(query, options, services).await).unwrap();
    found.hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
}

fn first_commit(manifest: Vec<u8>, put: Vec<Named>) -> Commit {
    Commit { expected: 0, upon: None, generation: 1, manifest, put, staged: vec![] }
}

/// The scores of the nearest are within `tolerance`.
#[track_caller]
fn agree(a: &[(String, f32)], b: &[(String, f32)], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for ((_, a), (_, b)) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}

fn queries() -> impl Iterator<Item = String> {
    (0..12).map(|i| format!("{} {}", WORDS[i], WORDS[(i + 1) % 12]))
}

#[test]
fn whole_vectors_keep_their_cosines() {
    for (storage, tolerance) in [(Storage::F32, 1e-5), (Storage::F16, 2e-3), (Storage::Int8, 0.02)] {
        let store = MemoryStore::new();
        let engine = filled(&store, 300, storage);
        assert_eq!(engine.stats().prefixes, Some(Prefixes::Prefix));
        let before: Vec<_> = queries().map(|query| nearest(&engine, &query, json!({}))).collect();
        fit(&engine);
        // What was there, what is added afterwards, and a second fit: always the same cosines.
        let unrotated = filled(&MemoryStore::new(), 400, storage);
        for engine in [&engine, &open_with(&store, storage, RotationPolicy::None)] {
            assert_eq!(engine.stats().prefixes, Some(Prefixes::Pca));
            queries()
                .zip(&before)
                .for_each(|(query, before)| agree(&nearest(engine, &query, json!({})), before, tolerance));
        }
        Host::new().run(async |services| engine.add(documents(300..400), services).await).unwrap();
        for _ in 0..2 {
            for query in queries() {
                agree(&nearest(&engine, &query, json!({})), &nearest(&unrotated, &query, json!({})), tolerance);
            }
            fit(&engine);
        }
        let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
        assert!(report.ok && report.orphans == 0, "{report:?}");
    }
}

#[test]
fn prefixes_gain() {
    let store = MemoryStore::new();
    let engine = filled(&store, 300, Storage::Int8);
    let shared = |engine: &Engine, options: serde_json::Value| -> usize {
        let near = |query: &str, options| -> BTreeSet<String> {
            nearest(engine, query, options).into_iter().map(|(id, _)| id).collect()
        };
        queries().map(|query| near(&query, json!({})).intersection(&near(&query, options.clone())).count()).sum()
    };
    let before = shared(&engine, json!({ "dims": 12 }));
    fit(&engine);
    let after = shared(&engine, json!({ "dims": 12 }));
    assert!(after > before, "{before} {after}");
    // Compared in full afterwards, the few that the prefix or the bits let through are in their true order.
    for first in
        [json!({ "dims": 12, "rescore": true }), json!({ "binary": true }), json!({ "binary": true, "dims": 32 })]
    {
        let found = shared(&engine, first.clone());
        assert!(found >= after && found >= 12 * 20 * 95 / 100, "{first} {found}");
    }
}

#[test]
fn maintenance_and_compaction_fit_when_it_is_worth_it() {
    let auto = |count: usize, policy| {
        let engine = open_with(&MemoryStore::new(), Storage::Int8, policy);
        Host::new().run(async |services| engine.add(documents(0..count), services).await).unwrap();
        let mut rotated = 0;
        loop {
            match Host::new().run(async |services| engine.maintain(services).await).unwrap() {
                Maintenance::Nothing => break,
                Maintenance::Rotated => rotated += 1,
                _ => {}
            }
        }
        (engine, rotated)
    };
    let compacted = |engine: &Engine| {
        Host::new().run(async |services| engine.compact(services).await).unwrap();
        engine.stats().prefixes
    };
    let (small, rotated) = auto(200, RotationPolicy::Auto);
    assert_eq!((rotated, compacted(&small)), (0, Some(Prefixes::Pca)));
    let (tiny, rotated) = auto(100, RotationPolicy::Pca);
    assert_eq!((rotated, compacted(&tiny)), (0, Some(Prefixes::Prefix)));
    let (unwanted, rotated) = auto(1100, RotationPolicy::None);
    assert_eq!((rotated, compacted(&unwanted)), (0, Some(Prefixes::Prefix)));
    let (large, rotated) = auto(1100, RotationPolicy::Auto);
    assert_eq!((rotated, large.stats().prefixes), (1, Some(Prefixes::Pca)));
    // Once is enough until it has grown.
    let generation = large.stats().generation;
    assert_eq!(Host::new().run(async |services| large.maintain(services).await).unwrap(), Maintenance::Nothing);
    assert_eq!(large.stats().generation, generation);
}

#[test]
fn a_model_that_was_trained_for_prefixes_is_left_alone() {
    let matryoshka = Host::with(Unpaced, Some(WordHashes::matryoshka("m")));
    let engine = open_with(&MemoryStore::new(), Storage::Int8, RotationPolicy::Auto);
    matryoshka.run(async |services| engine.add(documents(0..200), services).await).unwrap();
    matryoshka.run(async |services| engine.compact(services).await).unwrap();
    assert_eq!(engine.stats().prefixes, Some(Prefixes::Matryoshka));
}

#[test]
fn another_model_has_no_rotation_until_it_is_fitted_again() {
    let store = MemoryStore::new();
    let engine = filled(&store, 200, Storage::F32);
    fit(&engine);
    let other = Host::with(Unpaced, Some(WordHashes::new("b")));
    let step = || other.run(async |services| engine.reembed(services).await).unwrap();
    assert_eq!(step(), Reembedding::Going);
    // Meanwhile the present model answers as before, and cannot be turned.
    let plain = filled(&MemoryStore::new(), 200, Storage::F32);
    queries().for_each(|query| agree(&nearest(&engine, &query, json!({})), &nearest(&plain, &query, json!({})), 1e-5));
    let refused = Host::new().run(async |services| engine.fit(services).await).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidInput);
    while step() == Reembedding::Going {}
    assert_eq!(engine.stats().prefixes, Some(Prefixes::Prefix));
    let vector = engine.snapshot().views[0].segment.vector(0).unwrap().unwrap();
    let expected = WordHashes::vector(&text(0));
    assert!(vector.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
    other.run(async |services| engine.fit(services).await).unwrap();
    assert_eq!(engine.stats().prefixes, Some(Prefixes::Pca));
}

#[test]
fn an_abort_leaves_everything_as_it_was() {
    let store = MemoryStore::new();
    let engine = filled(&store, 200, Storage::Int8);
    let generation = engine.stats().generation;
    let mut aborted = 0;
    for pauses in 0..100 {
        let host = Host::with(AbortAfter(Cell::new(pauses)), Some(WordHashes::new("a")));
        match host.run(async |services| engine.fit(services).await) {
            Ok(()) => break,
            Err(error) => assert_eq!(error.kind, ErrorKind::Aborted),
        }
        aborted += 1;
        assert_eq!((engine.stats().generation, engine.stats().prefixes), (generation, Some(Prefixes::Prefix)));
    }
    assert!((3..100).contains(&aborted), "{aborted}");
    assert_eq!((engine.stats().generation, engine.stats().prefixes), (generation + 1, Some(Prefixes::Pca)));
}

/// A snapshot that a search began with goes on answering in the axes it was taken in.
#[test]
fn an_older_reader_sees_one_rotation() {
    let store = MemoryStore::new();
    let engine = filled(&store, 200, Storage::F32);
    let reader = open_with(&store, Storage::F32, RotationPolicy::None);
    let before: Vec<_> = queries().map(|query| nearest(&reader, &query, json!({}))).collect();
    for _ in 0..3 {
        fit(&engine);
        queries().zip(&before).for_each(|(query, before)| agree(&nearest(&reader, &query, json!({})), before, 1e-5));
    }
    block_on(reader.refresh()).unwrap();
    queries().zip(&before).for_each(|(query, before)| agree(&nearest(&reader, &query, json!({})), before, 1e-5));
}

#[test]
fn a_lost_rotation_costs_the_vectors_until_they_are_made_anew() {
    let store = MemoryStore::new();
    let engine = filled(&store, 200, Storage::F32);
    let expected: Vec<_> = queries().map(|query| nearest(&engine, &query, json!({}))).collect();
    fit(&engine);
    let manifest = engine.snapshot().manifest.clone();
    let name = block_on(store.list()).unwrap().into_iter().find(|(name, _)| name.contains("rotation")).unwrap().0;
    let mut bytes = block_on(store.read(&name)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // The same generation, with one blob damaged.
    let damaged = MemoryStore::new();
    let blobs = manifest.blobs().map(|(blob, _)| {
        let kept = if blob == name { bytes.clone() } else { block_on(store.read(&blob)).unwrap() };
        (blob, kept)
    });
    let (put, copy) =
        (blobs.collect(), nearfield::store::Manifest { generation: 1, retired: vec![], ..(*manifest).clone() });
    block_on(damaged.commit(first_commit(copy.encode().unwrap(), put))).unwrap();

    let engine = open_with(&damaged, Storage::F32, RotationPolicy::None);
    let hybrid = |engine: &Engine| {
        let options = serde_json::from_value(json!({ "mode": "hybrid" })).unwrap();
        Host::new().run(async |services| engine.search("ferry lantern", options, services).await).unwrap()
    };
    assert_eq!(serde_json::to_value(hybrid(&engine).mode).unwrap(), "sparse");
    assert!(engine.stats().broken[0].contains("rotation"), "{:?}", engine.stats().broken);
    let verified = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(!verified.ok && verified.problems[0].contains("rotation"), "{verified:?}");
    let repair = Host::new().run(async |services| engine.repair(services).await).unwrap();
    assert_eq!((repair.without_vectors, repair.lost), (200, 0));
    while Host::new().run(async |services| engine.reembed(services).await).unwrap() == Reembedding::Going {}
    for (query, expected) in queries().zip(&expected) {
        agree(&nearest(&engine, &query, json!({})), expected, 1e-5);
    }
    fit(&engine);
    assert!(Host::new().run(async |services| engine.verify(services).await).unwrap().ok);
}

#[test]
fn what_was_lost_of_a_turned_collection_comes_back_turned() {
    let store = MemoryStore::new();
    let engine = filled(&store, 200, Storage::F32);
    let expected: Vec<_> = queries().map(|query| nearest(&engine, &query, json!({}))).collect();
    fit(&engine);
    assert!(engine.snapshot().views.len() > 1);
    let manifest = engine.snapshot().manifest.clone();
    let mut copy = nearfield::store::Manifest { generation: 1, retired: vec![], ..(*manifest).clone() };
    copy.segments[0].vectors = None;
    let put = copy.blobs().map(|(blob, _)| (blob.clone(), block_on(store.read(&blob)).unwrap())).collect();
    let partial = MemoryStore::new();
    block_on(partial.commit(first_commit(copy.encode().unwrap(), put))).unwrap();
    let engine = open_with(&partial, Storage::F32, RotationPolicy::None);
    let refused = Host::new().run(async |services| engine.fit(services).await).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Corrupt);
    while Host::new().run(async |services| engine.reembed(services).await).unwrap() == Reembedding::Going {}
    assert_eq!(engine.stats().prefixes, Some(Prefixes::Pca));
    for (query, expected) in queries().zip(&expected) {
        agree(&nearest(&engine, &query, json!({})), expected, 1e-5);
    }
}

#[test]
fn collections_without_vectors_cannot_be_fitted() {
    let lexical = Host::with(Unpaced, None);
    let engine = open_with(&MemoryStore::new(), Storage::Int8, RotationPolicy::Auto);
    lexical.run(async |services| engine.add(documents(0..5), services).await).unwrap();
    let refused = lexical.run(async |services| engine.fit(services).await).unwrap_err();
    assert_eq!((refused.kind, engine.stats().prefixes), (ErrorKind::InvalidInput, None));
}
