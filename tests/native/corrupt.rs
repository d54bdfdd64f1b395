//! Damage to every kind of blob: cut short at any length, any bit flipped, swapped with another. Nothing panics, and
//! every answer is the right one or that of a collection without the blob; never a third.

use crate::support::host::{Host, WordHashes};
use crate::support::library::{add_with, answer_with, document, Random};
use crate::support::overlay::{blobs, Blobs, Overlay, MANIFEST};
use nearfield::engine::{Engine, GraphPolicy, Levels, Maintenance, Reembedding, VectorSettings, Wanted};
use nearfield::pace::Unpaced;
use nearfield::store::{MemoryStore, Store};
use nearfield::{ErrorKind, Result};
use pollster::block_on;
use serde_json::json;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

fn wanted() -> Wanted {
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, dims: Some(16), ..VectorSettings::default() };
    let levels = Levels { sentences: true, ..Levels::default() };
    Wanted { vectors: Some(vectors), levels: Some(levels), ..Wanted::default() }
}

/// Two segments with weighted terms, token vectors, sentences, turned vectors and graphs, some deletions, and the first
/// part of another model's vectors.
fn collection() -> Blobs {
    let store = MemoryStore::new();
    let engine = block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    add_with(&Host::late(), &engine, (0..5).map(|number| document(number, 1, 30)).collect());
    add_with(&Host::late(), &engine, (3..8).map(|number| document(number, 2, 30)).collect());
    Host::late().run(async |services| {
        engine.fit(services).await.unwrap();
        while engine.maintain(services).await.unwrap() != Maintenance::Nothing {}
    });
    block_on(engine.delete(&["d1".into()])).unwrap();
    let other = Host::with(Unpaced, Some(WordHashes::new("other")));
    assert_eq!(other.run(async |services| engine.reembed(services).await).unwrap(), Reembedding::Going);
    let blobs = blobs(&store);
    for kind in ["-t0-", "-v", "-g", "-p", "-splade-", "all-rotation-"] {
        assert!(blobs.keys().any(|name| name.contains(kind)), "no blob {kind}");
    }
    blobs
}

/// What can be seen of a collection: each answer, or that there is none.
fn seen(engine: Result<Engine>) -> Vec<String> {
    let Ok(engine) = engine.inspect_err(|error| assert_ne!(error.kind, ErrorKind::Internal, "{error}")) else {
        return vec!["refused".to_owned()];
    };
    let mut seen = Vec::new();
    for (query, options) in [
        ("harbour lantern salt", json!({ "mode": "sparse", "k": 20, "group": false })),
        ("copper kettle", json!({ "mode": "hybrid", "filter": { "shelf": { "gte": 3 } } })),
        ("winter morning", json!({ "mode": "dense", "k": 3, "vectors": "flat" })),
        ("edition e2", json!({ "mode": "dense", "k": 3, "vectors": "flat", "level": "sentence" })),
        ("copper lantern", json!({ "mode": "splade", "k": 20 })),
        ("garden rope", json!({ "mode": "colbert", "k": 4, "group": false })),
        ("thyme and butter", json!({ "mode": "sparse", "rerank": { "with": "colbert", "top": 5 } })),
    ] {
        seen.push(match answer_with(&Host::late(), &engine, query, options) {
            Ok(found) => found,
            Err(error) => {
                assert_ne!(error.kind, ErrorKind::Internal, "{error}");
                "refused".to_owned()
            }
        });
    }
    seen
}

/// The collection with one blob changed, opened whole and in parts.
fn look(blobs: &Rc<Blobs>, name: &str, instead: Option<Vec<u8>>) -> [Vec<String>; 2] {
    let store = || Box::new(Overlay { blobs: Rc::clone(blobs), instead: (name.to_owned(), instead.clone()) });
    let whole = seen(block_on(Engine::open(store(), wanted())));
    [whole, seen(block_on(Engine::open_remote(store(), wanted())))]
}

#[derive(Default)]
struct Tally {
    cases: u64,
    panics: u64,
    wrong: u64,
}

/// Tries one damaged form of a blob. In parts, an answer may also be missing.
fn try_one(
    tally: &mut Tally,
    blobs: &Rc<Blobs>,
    name: &str,
    bad: Vec<u8>,
    good: &[Vec<String>; 2],
    lost: &[Vec<String>; 2],
) {
    tally.cases += 1;
    let Ok(found) = catch_unwind(AssertUnwindSafe(|| look(blobs, name, Some(bad)))) else {
        tally.panics += 1;
        return;
    };
    let [whole, parts] = found;
    let as_if_lost = whole == good[0] || whole == lost[0];
    let refused = parts == ["refused"] || parts.iter().zip(&good[1]).all(|(it, good)| it == good || it == "refused");
    if !as_if_lost || !(refused || parts == lost[1]) {
        tally.wrong += 1;
        println!("{name}: {whole:?} or {parts:?}");
    }
}

fn long() -> bool {
    std::env::var_os("NEARFIELD_LONG").is_some()
}

#[test]
fn no_damage_makes_a_panic_or_a_wrong_answer() {
    let blobs = Rc::new(collection());
    let good = look(&blobs, "none", None);
    assert!(good.iter().flatten().all(|answer| answer.contains("\"text\":\"")), "{good:?}");
    let mut tally = Tally::default();
    let mut random = Random(1);
    let total: usize = blobs.values().map(Vec::len).sum();
    for (name, blob) in blobs.iter() {
        let lost =
            if name == MANIFEST { [vec!["refused".into()], vec!["refused".into()]] } else { look(&blobs, name, None) };
        // Every truncation; of the flipped bits every one in the long run, else one of each byte's.
        for length in 0..blob.len() {
            try_one(&mut tally, &blobs, name, blob[..length].to_vec(), &good, &lost);
        }
        for byte in 0..blob.len() {
            let bits: Vec<u32> = if long() { (0..8).collect() } else { vec![random.below(8) as u32] };
            for bit in bits {
                let mut bad = blob.clone();
                bad[byte] ^= 1 << bit;
                try_one(&mut tally, &blobs, name, bad, &good, &lost);
            }
        }
        for other in blobs.values() {
            if other != blob {
                try_one(&mut tally, &blobs, name, other.clone(), &good, &lost);
            }
        }
        for _ in 0..20 {
            let mut bad = blob.clone();
            bad.extend((0..random.below(40) + 1).map(|_| random.next() as u8));
            try_one(&mut tally, &blobs, name, bad, &good, &lost);
        }
    }
    let Tally { cases, panics, wrong } = tally;
    println!(
        "harness: truncations and bit flips: {cases} over {} blobs of {total} bytes, {panics} panics, {wrong} wrong answers",
        blobs.len()
    );
    assert!(cases >= 20_000, "{cases}");
    assert_eq!((panics, wrong), (0, 0));
}

/// Writes a frame anew, with good checksums, after its sections were changed.
fn reframed(blob: &[u8], change: impl Fn([u8; 4], &mut Vec<u8>)) -> Vec<u8> {
    let (kind, id) = nearfield::codec::Frame::identity(blob).unwrap();
    let frame = nearfield::codec::Frame::open(blob, kind, id).unwrap();
    let mut writer = nearfield::codec::FrameWriter::new(kind, id);
    for tag in frame.tags() {
        let mut bytes = frame.section(tag).unwrap().to_vec();
        change(tag, &mut bytes);
        writer.section(tag, bytes);
    }
    writer.finish().unwrap()
}

#[test]
fn sections_of_another_segment_are_noticed_behind_good_checksums() {
    let blobs = Rc::new(collection());
    let good = look(&blobs, "none", None);
    let mut cases = 0;
    let kind = |blob: &[u8]| nearfield::codec::Frame::identity(blob).unwrap().0;
    for (name, blob) in blobs.iter().filter(|(name, _)| *name != MANIFEST) {
        let lost = look(&blobs, name, None);
        for other in blobs.values().filter(|other| *other != blob && kind(other) == kind(blob)) {
            let (_, id) = nearfield::codec::Frame::identity(other).unwrap();
            let donor = nearfield::codec::Frame::open(other, kind(other), id).unwrap();
            for wanted in donor.tags() {
                let swapped = reframed(blob, |tag, bytes| {
                    if tag == wanted {
                        *bytes = donor.section(tag).unwrap().to_vec();
                    }
                });
                if swapped != *blob {
                    let mut tally = Tally::default();
                    try_one(&mut tally, &blobs, name, swapped, &good, &lost);
                    assert_eq!((tally.panics, tally.wrong), (0, 0), "{name} {}", wanted.escape_ascii());
                    cases += 1;
                }
            }
        }
    }
    println!("harness: swapped sections: {cases} cases, 0 wrong answers");
    assert!(cases >= 15, "{cases}");
}

#[test]
fn repair_makes_any_damaged_collection_whole() {
    let blobs = Rc::new(collection());
    let mut random = Random(7);
    let mut cases = 0;
    for (name, blob) in blobs.iter().filter(|(name, _)| *name != MANIFEST) {
        for case in 0..if long() { 200 } else { 12 } {
            let mut bad = blob.clone();
            let at = random.below(bad.len());
            bad[at] ^= 1 << random.below(8);
            let instead = (case > 0).then_some(bad);
            let store = Overlay { blobs: Rc::clone(&blobs), instead: (name.clone(), instead) }.writable();
            let engine = block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
            let verify = |engine: &Engine| Host::new().run(async |services| engine.verify(services).await).unwrap();
            let before = verify(&engine);
            assert!(!before.ok, "{name}");
            let repair = Host::new().run(async |services| engine.repair(services).await).unwrap();
            let (after, again) = (verify(&engine), block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap());
            assert!(after.ok && verify(&again).ok && !repair.actions.is_empty(), "{name}: {repair:?} {after:?}");
            assert_eq!(after.documents + repair.lost, 7, "{name}: {repair:?}");
            assert!(repair.lost_ids.len() <= repair.lost);
            add_with(&Host::late(), &again, vec![document(1, 3, 20)]);
            let nothing = Host::new().run(async |services| again.repair(services).await).unwrap();
            assert_eq!(nothing, Default::default());
            // What lost its vectors gets them again.
            while Host::new().run(async |services| again.reembed(services).await).unwrap() == Reembedding::Going {}
            assert!(again.stats().segments.iter().all(|segment| segment.vector_bytes > 0));
            assert!(verify(&again).ok && block_on(store.manifest()).unwrap().is_some());
            cases += 1;
        }
    }
    println!("harness: repair: {cases} damaged collections made whole");
}
