//! Collections that earlier versions wrote, kept as files: each must open, answer and verify for ever, and background
//! maintenance brings it to the current version. Those in `tests/golden/v1` were written by the version before the
//! format could be read in parts, those in `tests/golden/v2` before a segment had further representations; those of the
//! current version are made by
//!
//! ```sh
//! NEARFIELD_BLESS=1 cargo test --test native golden
//! ```
//!
//! from the texts in `tests/golden/texts`, which were written for this.

use crate::support::host::{Host, WordHashes};
use nearfield::adapters::files::FileStore;
use nearfield::codec::frame::FORMAT;
use nearfield::engine::{
    Engine, GraphPolicy, Importer, Incoming, Levels, Maintenance, Reembedding, VectorSettings, Wanted,
};
use nearfield::index::{BlobKind, Document, MetaValue, Storage};
use nearfield::pace::Unpaced;
use nearfield::store::{MemoryStore, Store};
use nearfield::ErrorKind;
use pollster::block_on;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version)
}

fn open(store: impl Store + 'static) -> Engine {
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, ..VectorSettings::default() };
    let wanted = Wanted { vectors: Some(vectors), ..Wanted::default() };
    block_on(Engine::open(Box::new(store), wanted)).unwrap()
}

/// With vectors of one bit a dimension, also of sentences, and documents in the languages that they are in.
fn open_rich(store: impl Store + 'static) -> Engine {
    let vectors = VectorSettings { storage: Storage::Binary, index: GraphPolicy::Flat, ..VectorSettings::default() };
    let levels = Levels { sentences: true, ..Levels::default() };
    let language = Some("auto".to_owned());
    let wanted = Wanted { vectors: Some(vectors), levels: Some(levels), language, ..Wanted::default() };
    block_on(Engine::open(Box::new(store), wanted)).unwrap()
}

fn text(name: &str) -> Incoming {
    let text = fs::read_to_string(golden("texts").join(format!("{name}.md"))).unwrap();
    let meta = [("length".to_owned(), MetaValue::Number(text.len() as f64))].into();
    Document { id: name.into(), text, title: None, url: Some(format!("/{name}")), meta, language: None }.into()
}

/// Three segments, one with a graph, one of a change of metadata; a document that was replaced and one that was deleted.
fn write(store: impl Store + 'static) {
    let engine = open(store);
    let add = |names: &[&str]| {
        let documents = names.iter().map(|name| text(name)).collect();
        Host::new().run(async |services| engine.add(documents, services).await).unwrap();
    };
    add(&["harbour", "bread", "bicycle", "stars"]);
    assert_eq!(Host::new().run(async |services| engine.maintain(services).await).unwrap(), Maintenance::BuiltGraph);
    add(&["tea", "garden", "stars"]);
    block_on(engine.update_meta("bread", [("kind".to_owned(), MetaValue::Text("recipe".into()))].into())).unwrap();
    assert_eq!(block_on(engine.delete(&["bicycle".into()])).unwrap(), 1);
    engine.close();
}

/// Every representation that a segment can have: beside words also token vectors, learned terms, and vectors of sentences.
fn write_rich(store: impl Store + 'static) {
    let engine = open_rich(store);
    for names in [&["harbour", "bread", "fluss"], &["tea", "garden", "stars"]] {
        let documents = names.iter().map(|name| text(name)).collect();
        Host::late().run(async |services| engine.add(documents, services).await).unwrap();
    }
    engine.close();
}

fn answers_rich(engine: &Engine) -> Vec<String> {
    let mut answers = Vec::new();
    for (query, options) in [
        ("only two ferries run in winter", json!({ "mode": "colbert" })),
        ("overnight dough", json!({ "mode": "splade" })),
        ("water in the evening", json!({ "mode": "dense", "level": "sentence" })),
        ("pole star", json!({ "mode": "hybrid", "rerank": { "with": "colbert" } })),
        ("Boot am Ufer", json!({ "mode": "sparse" })),
    ] {
        let options = serde_json::from_value(options).unwrap();
        let found = Host::late().run(async |services| engine.search(query, options, services).await).unwrap();
        let hits =
            found.hits.iter().map(|hit| format!("{} {:.2} {}", hit.id, hit.score, hit.content.as_ref().unwrap().text));
        answers.push(format!("{query}: {:?}", hits.collect::<Vec<_>>()));
    }
    answers.push(format!("{:?}", block_on(engine.get("fluss")).unwrap()));
    answers
}

/// With turned vectors, on the way to another model.
fn open_changing(store: impl Store + 'static) -> Engine {
    let vectors = VectorSettings { dims: Some(16), index: GraphPolicy::Flat, ..VectorSettings::default() };
    let wanted = Wanted { vectors: Some(vectors), ..Wanted::default() };
    block_on(Engine::open(Box::new(store), wanted)).unwrap()
}

/// The collection's model, and the one that it is changing to.
fn models() -> [Host; 2] {
    ["a", "other"].map(|digest| Host::with(Unpaced, Some(WordHashes::new(digest))))
}

fn write_changing(store: impl Store + 'static) {
    let engine = open_changing(store);
    let [present, next] = models();
    for names in [&["harbour", "bread", "bicycle"], &["tea", "garden", "stars"]] {
        let documents = names.iter().map(|name| text(name)).collect();
        present.run(async |services| engine.add(documents, services).await).unwrap();
    }
    present.run(async |services| engine.fit(services).await).unwrap();
    assert_eq!(next.run(async |services| engine.reembed(services).await).unwrap(), Reembedding::Going);
    engine.close();
}

/// Of each query, the score of each document by so many dimensions.
fn scores_changing(engine: &Engine, model: &Host, dims: usize) -> Vec<BTreeMap<String, f32>> {
    let scores = |query| {
        let options = serde_json::from_value(json!({ "mode": "dense", "dims": dims })).unwrap();
        let found = model.run(async |services| engine.search(query, options, services).await).unwrap();
        found.hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
    };
    ["ferries in winter", "overnight dough", "water in the evening", "pole star"].map(scores).into()
}

/// Rounding to int8 may come out otherwise.
#[track_caller]
fn same_scores(found: &[BTreeMap<String, f32>], expected: &[BTreeMap<String, f32>]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.len() == 6 && found.keys().eq(expected.keys()), "{found:?} where {expected:?} was expected");
        assert!(found.iter().all(|(id, score)| (score - expected[id]).abs() < 0.02), "{found:?}, not {expected:?}");
    }
}

/// Changes to the next model.
fn change(engine: &Engine) {
    let [_, next] = models();
    while next.run(async |services| engine.reembed(services).await).unwrap() == Reembedding::Going {}
}

/// What the collection answers: ids by query and mode, and a document as it is stored.
fn answers(engine: &Engine) -> Vec<String> {
    let mut answers = Vec::new();
    for (query, mode) in [
        ("ferries in winter", "sparse"),
        ("overnight dough", "hybrid"),
        ("water in the evening", "dense"),
        ("pole star", "hybrid"),
        ("chain", "sparse"),
    ] {
        let options = serde_json::from_value(json!({ "mode": mode })).unwrap();
        let found = Host::new().run(async |services| engine.search(query, options, services).await).unwrap();
        let hits = found.hits.iter().map(|hit| format!("{} {}", hit.id, hit.content.as_ref().unwrap().text));
        answers.push(format!("{query}: {:?}", hits.collect::<Vec<_>>()));
    }
    let filter = serde_json::from_value(json!({ "mode": "sparse", "filter": { "kind": "recipe" } })).unwrap();
    let found = Host::new().run(async |services| engine.search("forty minutes", filter, services).await).unwrap();
    answers.push(found.hits.iter().map(|hit| hit.id.clone()).collect());
    answers.push(format!("{:?}", block_on(engine.get("bread")).unwrap()));
    answers.push(format!("{:?}", block_on(engine.get("bicycle")).unwrap()));
    answers
}

#[track_caller]
fn check(engine: &Engine) {
    let fresh = MemoryStore::new();
    write(fresh.handle());
    assert_eq!(answers(engine), answers(&open(fresh)));
    assert!(engine.stats().broken.is_empty());
    let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(report.ok && report.blobs > 5, "{report:?}");
}

#[track_caller]
fn check_rich(engine: &Engine) {
    let fresh = MemoryStore::new();
    write_rich(fresh.handle());
    let found = answers_rich(engine);
    assert_eq!(found, answers_rich(&open_rich(fresh)));
    for (answer, id) in found.iter().zip(["harbour", "bread", "garden", "stars", "fluss"]) {
        assert!(answer.contains(&format!("[\"{id} ")), "{answer}");
    }
    let report = Host::late().run(async |services| engine.verify(services).await).unwrap();
    assert!(engine.stats().broken.is_empty() && report.ok, "{report:?}");
}

/// An empty folder of this test's own, below the folder of build results.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn copy(version: &str, name: &str) -> PathBuf {
    let dir = folder(name);
    fs::create_dir_all(dir.join("blobs")).unwrap();
    for (path, bytes) in files(&golden(version)) {
        fs::write(dir.join(path), bytes).unwrap();
    }
    dir
}

/// Every file of a collection, but for its lock.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let blobs = fs::read_dir(dir.join("blobs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = blobs.map(|name| format!("blobs/{}", name.into_string().unwrap())).chain(["manifest".to_owned()]);
    names.map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

/// The version in the header of a blob.
fn version(blob: &[u8]) -> u16 {
    u16::from_le_bytes([blob[4], blob[5]])
}

#[test]
fn version_1_opens_and_answers() {
    assert!(files(&golden("v1")).values().all(|blob| version(blob) == 1));
    check(&open(FileStore::new(golden("v1"))));
}

#[test]
fn version_2_opens_and_answers() {
    assert!(files(&golden("v2")).values().all(|blob| version(blob) == 2));
    check(&open(FileStore::new(golden("v2"))));
}

#[test]
fn version_3_opens_and_answers() {
    assert!(files(&golden("v3")).values().all(|blob| version(blob) == 3));
    check(&open(FileStore::new(golden("v3"))));
}

#[test]
fn version_3_with_every_representation_opens_and_answers() {
    // Not compared to the byte: centroids are fitted in floating point, whose last bits are each processor's own.
    if blessing() {
        write_files(&golden("v3-rich"), write_rich);
    }
    check_rich(&open_rich(FileStore::new(golden("v3-rich"))));
}

#[test]
fn version_3_with_a_rotation_goes_on_to_another_model() {
    // Not compared to the byte: axes are fitted in floating point.
    if blessing() {
        write_files(&golden("v3-changing"), write_changing);
    }
    let engine = open_changing(FileStore::new(copy("v3-changing", "golden-changing")));
    let pending = engine.stats().pending.unwrap();
    assert!(pending.embedder.digest == "other" && pending.done > 0, "{pending:?}");
    let manifest = engine.snapshot().manifest.clone();
    assert!(manifest.shared.contains_key(&BlobKind::Rotation) && manifest.pending.is_some());
    let verified = || {
        let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
        assert!(engine.stats().broken.is_empty() && report.ok, "{report:?}");
    };
    verified();
    let fresh = MemoryStore::new();
    write_changing(fresh.handle());
    let fresh = open_changing(fresh);
    let [present, next] = models();
    same_scores(&scores_changing(&engine, &present, 16), &scores_changing(&fresh, &present, 16));
    // The axes of a new collection are mixed, so prefixes are compared with what the version said that wrote this one.
    let found = scores_changing(&engine, &present, 4);
    let recorded = golden("v3-changing").join("prefixes.json");
    if blessing() {
        fs::write(&recorded, serde_json::to_string_pretty(&found).unwrap()).unwrap();
    }
    same_scores(&found, &serde_json::from_slice::<Vec<_>>(&fs::read(recorded).unwrap()).unwrap());
    change(&engine);
    change(&fresh);
    for dims in [4, 16] {
        same_scores(&scores_changing(&engine, &next, dims), &scores_changing(&fresh, &next, dims));
    }
    assert!(engine.stats().pending.is_none() && engine.stats().embedder.unwrap().digest == "other");
    verified();
}

#[test]
fn an_archive_of_version_3_is_imported_and_is_written_now_to_the_byte() {
    let mut now = Vec::new();
    let mut emit = |piece: Vec<u8>| {
        now.extend(piece);
        Ok(())
    };
    let fresh = MemoryStore::new();
    write(fresh.handle());
    let engine = open(fresh);
    Host::new().run(async |services| engine.export(services, &mut emit).await).unwrap();
    if blessing() {
        fs::write(golden("v3.archive"), &now).unwrap();
    }
    let kept = fs::read(golden("v3.archive")).unwrap();
    let store = MemoryStore::new();
    let mut importer = block_on(Importer::new(Box::new(store.handle()))).unwrap();
    kept.chunks(100).for_each(|piece| block_on(importer.push(piece)).unwrap());
    assert_eq!(block_on(importer.finish()).unwrap(), 5);
    check(&open(store));
    assert!(now == kept);
}

/// Whether the files of the current version are to be made anew.
fn blessing() -> bool {
    std::env::var_os("NEARFIELD_BLESS").is_some()
}

fn write_files(dir: &Path, write: impl Fn(FileStore)) {
    let _ = fs::remove_dir_all(dir);
    write(FileStore::new(dir));
    let _ = fs::remove_file(dir.join("lock"));
}

#[test]
fn what_is_written_now_is_version_3_to_the_byte() {
    let dir = if blessing() { golden("v3") } else { folder("golden-now") };
    write_files(&dir, write);
    let (now, kept) = (files(&dir), files(&golden("v3")));
    assert_eq!(now.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    assert!(now.iter().all(|(name, bytes)| kept[name] == *bytes));
}

#[test]
fn maintenance_rewrites_version_1_as_the_current_one() {
    let dir = copy("v1", "golden-migrated");
    let engine = open(FileStore::new(&dir));
    let mut steps = 0;
    while Host::new().run(async |services| engine.maintain(services).await).unwrap() != Maintenance::Nothing {
        steps += 1;
        check(&engine);
    }
    assert!(steps >= 3, "{steps}");
    // The old blobs stay for readers of older snapshots until the next commits.
    for id in ["x", "y"] {
        Host::new().run(async |services| engine.add(vec![text("tea")], services).await).unwrap();
        block_on(engine.delete(&[id.into()])).unwrap();
    }
    block_on(engine.delete(&["stars".into()])).unwrap();
    let left = files(&dir);
    assert!(left.values().all(|blob| version(blob) == FORMAT), "{:?}", left.keys());
    let engine = open(FileStore::new(&dir));
    assert_eq!((engine.stats().documents, engine.stats().segments.len()), (4, 3 + 2));
}

/// A manifest or blob whose header says that it needs a reader of `version`.
fn needs(blob: &[u8], version: u8) -> Vec<u8> {
    let mut blob = blob.to_vec();
    (blob[4], blob[6]) = (version, version);
    blob
}

#[test]
fn a_newer_manifest_is_refused_and_a_newer_segment_costs_that_segment() {
    let dir = copy("v3", "golden-newer");
    let manifest = fs::read(dir.join("manifest")).unwrap();
    let refusal = |version: u8| {
        fs::write(dir.join("manifest"), needs(&manifest, version)).unwrap();
        block_on(Engine::open(Box::new(FileStore::new(&dir)), Wanted::default())).err().unwrap().kind
    };
    assert_eq!(refusal(4), ErrorKind::FormatTooNew);
    assert_eq!(refusal(0), ErrorKind::FormatTooOld);
    fs::write(dir.join("manifest"), &manifest).unwrap();
    let segment = files(&dir).into_keys().find(|name| name.starts_with("blobs/seg-2-") && name.len() == 20).unwrap();
    let blob = fs::read(dir.join(&segment)).unwrap();
    fs::write(dir.join(&segment), needs(&blob, 4)).unwrap();
    let engine = open(FileStore::new(&dir));
    assert!(engine.stats().broken[0].starts_with("FormatTooNew: segment 2"), "{:?}", engine.stats().broken);
    assert!(answers(&engine)[0].contains("ferries run"));
}
