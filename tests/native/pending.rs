//! The vectors of another model that are being prepared. Maintenance goes on where none are yet. Damaged behind good
//! checksums, verification says so before the model is changed to them, and repair drops those of that segment and says
//! what it dropped.

use crate::support::host::{Host, WordHashes, DIMS};
use crate::support::library::{add, document};
use crate::support::overlay::{blobs, Blobs, Overlay, MANIFEST};
use nearfield::codec::{Frame, FrameWriter};
use nearfield::engine::{Engine, Maintenance, Reembedding, VectorSettings, Verification, Wanted};
use nearfield::index::{seal_vectors, Metric, Storage, VectorConfig};
use nearfield::pace::Unpaced;
use nearfield::store::{Blob, Manifest, MemoryStore};
use pollster::block_on;
use std::rc::Rc;

fn open(store: &MemoryStore) -> Engine {
    let vectors = VectorSettings { storage: Storage::F32, ..VectorSettings::default() };
    block_on(Engine::open(Box::new(store.handle()), Wanted { vectors: Some(vectors), ..Wanted::default() })).unwrap()
}

fn reembed(engine: &Engine) -> Reembedding {
    let other = Host::with(Unpaced, Some(WordHashes::new("other")));
    other.run(async |services| engine.reembed(services).await).unwrap()
}

fn verify(engine: &Engine) -> Verification {
    Host::new().run(async |services| engine.verify(services).await).unwrap()
}

/// Two segments, each with its vectors of the other model, which are not in place yet.
fn collection() -> Blobs {
    let store = MemoryStore::new();
    let engine = open(&store);
    for numbers in [0..4, 4..9] {
        add(&engine, numbers.map(|number| document(number, 1, 20)).collect());
        assert_eq!(reembed(&engine), Reembedding::Going);
    }
    blobs(&store)
}

/// The collection with another blob in place of the first segment's part, and a manifest that names it.
fn with_part(blobs: &Blobs, part: Vec<u8>) -> MemoryStore {
    let mut manifest = Manifest::decode(&blobs[MANIFEST]).unwrap();
    let pending = manifest.pending.as_mut().unwrap();
    let before = pending.names(1).remove(0);
    pending.segments[0].1[0].blob = Blob::of(&part).unwrap();
    let after = pending.names(1).remove(0);
    let mut blobs = blobs.clone();
    blobs.remove(&before);
    blobs.insert(after, part);
    blobs.insert(MANIFEST.into(), manifest.encode().unwrap());
    Overlay { blobs: Rc::new(blobs), instead: (String::new(), None) }.writable()
}

/// The same blob with its last number replaced by one that is none, and checksums that fit.
fn without_a_number(part: &[u8]) -> Vec<u8> {
    let frame = Frame::open(part, *b"VECT", 1).unwrap();
    let mut numbers = frame.section(*b"ROWS").unwrap().to_vec();
    let last = numbers.len() - 4;
    numbers[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let mut writer = FrameWriter::new(*b"VECT", 1);
    writer.section(*b"HEAD", frame.section(*b"HEAD").unwrap().to_vec()).section(*b"ROWS", numbers);
    writer.finish().unwrap()
}

#[test]
fn what_cannot_be_put_in_place_is_found_and_dropped() {
    let blobs = collection();
    let manifest = Manifest::decode(&blobs[MANIFEST]).unwrap();
    let rows = manifest.pending.as_ref().unwrap().rows(1) as usize;
    let config = |dims| VectorConfig { dims, storage: Storage::F32, metric: Metric::Cosine };
    let seal =
        |dims, segment, first, rows| seal_vectors(&config(dims), segment, first, &vec![0.5; rows * dims]).unwrap();
    let not_finite = without_a_number(&seal(DIMS, 1, 0, rows));
    assert!(verify(&open(&with_part(&blobs, seal(DIMS, 1, 0, rows)))).ok);
    for (what, part) in [
        ("a number that is none", not_finite),
        ("too few", seal(DIMS, 1, 0, rows - 1)),
        ("too many", seal(DIMS, 1, 0, rows + 1)),
        ("from another chunk on", seal(DIMS, 1, 1, rows)),
        ("of another segment", seal(DIMS, 2, 0, rows)),
        ("of another width", seal(DIMS / 2, 1, 0, rows)),
    ] {
        let store = with_part(&blobs, part);
        let engine = open(&store);
        let report = verify(&engine);
        assert_eq!(report.problems.len(), 1, "{what}: {report:?}");
        assert!(report.problems[0].contains("segment 1, pending vectors"), "{what}: {report:?}");
        let repair = Host::new().run(async |services| engine.repair(services).await).unwrap();
        let said = format!("segment 1: {rows} vectors prepared for the model \"word-hashes\" were dropped");
        assert!(repair.actions.len() == 1 && repair.actions[0].starts_with(&said), "{what}: {repair:?}");
        assert_eq!((repair.lost, repair.without_vectors), (0, 0));
        // What was prepared for the other segment stays; one step makes up for what was lost, the next is the change.
        assert!(verify(&engine).ok && engine.stats().pending.is_some(), "{what}");
        assert_eq!((reembed(&engine), reembed(&engine)), (Reembedding::Going, Reembedding::Done), "{what}");
        assert_eq!(engine.stats().embedder.unwrap().digest, "other");
        assert!(verify(&engine).ok, "{what}");
    }
}

#[test]
fn what_goes_with_its_segment_is_said() {
    let blobs = Rc::new(collection());
    let main = Manifest::decode(&blobs[MANIFEST]).unwrap().segments[0].main_name();
    let engine = open(&Overlay { blobs, instead: (main, None) }.writable());
    let repair = Host::new().run(async |services| engine.repair(services).await).unwrap();
    assert_eq!(repair.lost, 4);
    let dropped = repair.actions.iter().filter(|action| action.contains("vectors prepared for the model")).count();
    assert!(dropped == 1 && verify(&engine).ok, "{repair:?}");
    assert_eq!(reembed(&engine), Reembedding::Done);
}

#[test]
fn a_change_of_the_model_that_is_not_gone_on_with_stops_no_merge() {
    let store = MemoryStore::new();
    let engine = open(&store);
    add(&engine, (0..4).map(|number| document(number, 1, 20)).collect());
    assert_eq!(reembed(&engine), Reembedding::Going);
    for number in 4..40 {
        add(&engine, vec![document(number, 1, 20)]);
        while Host::new().run(async |services| engine.maintain(services).await).unwrap() != Maintenance::Nothing {}
    }
    // The first, for which vectors are prepared, is left as it is, and they are not lost.
    let stats = engine.stats();
    let pending = stats.pending.unwrap();
    assert!(stats.segments.len() < 10, "{} segments", stats.segments.len());
    assert!(stats.segments.iter().any(|segment| segment.id == 1) && pending.done > 0);
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    assert_eq!(engine.stats().segments.len(), 2);
    assert_eq!(engine.stats().pending.unwrap().done, pending.done);
    while reembed(&engine) == Reembedding::Going {}
    assert!(verify(&engine).ok);
    let other = Host::with(Unpaced, Some(WordHashes::new("other")));
    other.run(async |services| engine.compact(services).await).unwrap();
    let stats = engine.stats();
    assert_eq!((stats.segments.len(), stats.documents, stats.pending.is_none()), (1, 40, true));
}
