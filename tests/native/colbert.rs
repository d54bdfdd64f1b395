//! Late interaction in the engine: token vectors against MaxSim over what the model said.

use crate::support::host::{Host, WordVectors};
use crate::support::library::{document, open};
use crate::support::overlay::{self, blobs, Overlay};
use nearfield::engine::{Engine, Found, Importer, Incoming, Maintenance, VectorSettings, Wanted};
use nearfield::index::{BlobKind, TokenBits};
use nearfield::kernel::scalar::max_sim;
use nearfield::store::{Manifest, MemoryStore, Store};
use nearfield::{ErrorKind, Result};
use pollster::block_on;
use serde_json::{json, Value};
use std::rc::Rc;

const QUERY: &str = "harbour lantern salt kettle";

fn search(host: &Host, engine: &Engine, query: &str, options: Value) -> Result<Found> {
    let options = serde_json::from_value(options).unwrap();
    host.run(async |services| engine.search(query, options, services).await)
}

fn find(engine: &Engine, options: Value) -> Found {
    search(&Host::late(), engine, QUERY, options).unwrap()
}

fn add(engine: &Engine, documents: Vec<Incoming>) {
    Host::late().run(async |services| engine.add(documents, services).await).unwrap();
}

fn ids(found: &Found) -> Vec<String> {
    found.hits.iter().map(|hit| format!("{}#{} {:.3}", hit.id, hit.chunk, hit.score)).collect()
}

fn sorted(found: &Found) -> Vec<String> {
    let mut ids = ids(found);
    ids.sort();
    ids
}

/// All steps but those that delete what others have replaced.
fn maintain(engine: &Engine) -> Vec<Maintenance> {
    let step = || Host::late().run(async |services| engine.maintain(services).await).unwrap();
    let steps = std::iter::from_fn(|| Some(step()).filter(|done| *done != Maintenance::Nothing));
    steps.filter(|done| *done != Maintenance::Deleted).collect()
}

/// What the model read of a hit.
fn read_by_model(hit: &nearfield::engine::Hit) -> String {
    let content = hit.content.as_ref().unwrap();
    format!("{} {} {}", content.title.as_deref().unwrap_or(""), content.context, content.text)
}

fn expected(query: &str, text: &str) -> f64 {
    max_sim(&WordVectors::vectors(query), &WordVectors::vectors(text))
}

/// Every hit's score is what the model says of it, to within what 8 bits lose, made again some times.
#[track_caller]
fn check_scores(found: &Found) {
    for hit in &found.hits {
        let expected = expected(QUERY, &read_by_model(hit));
        assert!((f64::from(hit.score) - expected).abs() < 0.03, "{hit:?} {expected}");
    }
}

fn collection(docs: std::ops::Range<usize>) -> (MemoryStore, Engine) {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    add(&engine, docs.map(|number| document(number, 1, 40)).collect());
    (store, engine)
}

fn colbert() -> Value {
    json!({ "mode": "colbert", "k": 1000, "group": false, "explain": true })
}

#[test]
fn scores_are_max_sim_over_every_chunk() {
    let (_, engine) = collection(0..60);
    let found = find(&engine, colbert());
    assert_eq!(serde_json::to_value(found.mode).unwrap(), "colbert");
    assert_eq!(found.hits.len(), engine.stats().chunks);
    check_scores(&found);
    for hit in &found.hits {
        let place = hit.explanation.as_ref().unwrap().tokens.as_ref().unwrap();
        assert_eq!(place.score, hit.score);
    }
    assert!(found.hits.windows(2).all(|two| two[0].score >= two[1].score));
    assert_eq!(ids(&find(&engine, json!({ "mode": "colbert", "k": 5, "group": false }))), ids(&found)[..5]);
    let stats = engine.stats();
    assert!(stats.segments.iter().all(|segment| segment.tokens > 0 && segment.token_bytes > 0));
    assert_eq!(stats.encoders[&BlobKind::Colbert].name, "word-vectors");
    assert!(search(&Host::late(), &engine, "  ", colbert()).unwrap().hits.is_empty());
    let filtered = find(&engine, json!({ "mode": "colbert", "filter": { "shelf": 3 }, "k": 100 }));
    assert_eq!(filtered.hits.len(), (0..60).filter(|number| number % 7 == 3).count());
}

#[test]
fn reranking_puts_the_first_hits_in_the_order_of_their_tokens() {
    let (_, engine) = collection(0..60);
    let by_tokens = find(&engine, colbert());
    let first = find(&engine, json!({ "mode": "sparse", "k": 12, "group": false }));
    let options = json!({ "mode": "sparse", "k": 12, "group": false, "rerank": { "with": "colbert", "top": 8 }, "explain": true });
    let found = find(&engine, options);
    let place = |hit: &nearfield::engine::Hit| (hit.id.clone(), hit.chunk);
    let chosen: Vec<_> = first.hits[..8].iter().map(place).collect();
    let ordered: Vec<_> = by_tokens.hits.iter().map(place).filter(|it| chosen.contains(it)).collect();
    assert_eq!(found.hits[..8].iter().map(place).collect::<Vec<_>>(), ordered);
    assert_eq!(
        found.hits[8..].iter().map(place).collect::<Vec<_>>(),
        first.hits[8..].iter().map(place).collect::<Vec<_>>()
    );
    assert!(found.hits.windows(2).all(|two| two[0].score >= two[1].score));
    for hit in &found.hits[..8] {
        assert_eq!(hit.explanation.as_ref().unwrap().rerank, Some(hit.score));
        assert!((f64::from(hit.score) - expected(QUERY, &read_by_model(hit))).abs() < 0.02);
    }
    // The cross-encoder is still what reads where nothing else is said.
    let read = find(&engine, json!({ "mode": "sparse", "rerank": { "top": 8 } }));
    assert_eq!(read.hits[0].score.fract(), 0.0);
    assert!(find(&engine, json!({ "mode": "sparse", "k": 0, "rerank": { "with": "colbert" } })).hits.is_empty());
}

#[test]
fn sentences_are_reranked_by_the_chunk_that_they_stand_in() {
    let levels = serde_json::from_value(json!({ "levels": { "sentences": true } })).unwrap();
    let engine = block_on(Engine::open(Box::new(MemoryStore::new()), levels)).unwrap();
    add(&engine, (0..8).map(|number| document(number, 1, 30)).collect());
    let sentences =
        json!({ "mode": "dense", "level": "sentence", "group": false, "k": 20, "rerank": { "with": "colbert" } });
    let scores: Vec<f32> = find(&engine, colbert()).hits.iter().map(|hit| hit.score).collect();
    let found = find(&engine, sentences);
    assert!(!found.hits.is_empty() && found.hits.iter().all(|hit| scores.contains(&hit.score)));
}

#[test]
fn tokens_survive_merges_metadata_export_and_reading_in_parts() {
    let (store, engine) = collection(0..30);
    for number in 30..40 {
        add(&engine, vec![document(number, 1, 40)]);
    }
    let before = sorted(&find(&engine, colbert()));
    assert!(maintain(&engine).contains(&Maintenance::Merged));
    assert_eq!(sorted(&find(&engine, colbert())), before);
    block_on(engine.update_meta("d35", Default::default())).unwrap();
    assert_eq!(sorted(&find(&engine, colbert())), before);
    Host::late().run(async |services| engine.compact(services).await).unwrap();
    assert_eq!((engine.stats().segments.len(), sorted(&find(&engine, colbert()))), (1, before.clone()));

    let mut file = Vec::new();
    let mut emit = |piece: Vec<u8>| {
        file.extend(piece);
        Ok(())
    };
    Host::new().run(async |services| engine.export(services, &mut emit).await).unwrap();
    let copy = MemoryStore::new();
    let mut importer = block_on(Importer::new(Box::new(copy.handle()))).unwrap();
    block_on(importer.push(&file)).unwrap();
    block_on(importer.finish()).unwrap();
    assert_eq!(sorted(&find(&open(copy), colbert())), before);
    let remote = block_on(Engine::open_remote(Box::new(store.handle()), Wanted::default())).unwrap();
    assert_eq!(sorted(&find(&remote, colbert())), before);
    let reranked = json!({ "mode": "sparse", "rerank": { "with": "colbert", "top": 9 } });
    assert_eq!(ids(&find(&remote, reranked.clone())), ids(&find(&engine, reranked)));
}

#[test]
fn the_model_must_be_that_which_the_collection_holds() {
    let (_, engine) = collection(0..10);
    let other = || Host { late: Some(WordVectors::new("other")), ..Host::new() };
    let options = [json!({ "mode": "colbert" }), json!({ "mode": "sparse", "rerank": { "with": "colbert" } })];
    for options in options {
        let refusal = |host: &Host| search(host, &engine, QUERY, options.clone()).unwrap_err().kind;
        assert_eq!((refusal(&Host::new()), refusal(&other())), (ErrorKind::InvalidInput, ErrorKind::ModelMismatch));
    }
    for host in [Host::new(), other()] {
        let add = host.run(async |services| engine.add(vec![document(50, 1, 20)], services).await);
        assert_eq!(add.unwrap_err().kind, ErrorKind::ModelMismatch);
        // Words and vectors do not need it.
        assert!(!search(&host, &engine, QUERY, json!({ "mode": "hybrid" })).unwrap().hits.is_empty());
        host.run(async |services| assert_eq!(engine.maintain(services).await.unwrap(), Maintenance::Nothing));
    }
    let plain = open(MemoryStore::new());
    Host::new().run(async |services| plain.add(vec![document(1, 1, 20)], services).await).unwrap();
    assert_eq!(search(&Host::late(), &plain, QUERY, colbert()).unwrap_err().kind, ErrorKind::InvalidInput);
}

fn verify(engine: &Engine) -> nearfield::engine::Verification {
    Host::late().run(async |services| engine.verify(services).await).unwrap()
}

/// The collection with one blob spoilt, writable.
fn damaged(store: &MemoryStore, name: &str) -> (MemoryStore, Engine) {
    let all = Rc::new(blobs(store));
    let mut bad = all[name].clone();
    let last = bad.len() - 5;
    bad[last] ^= 4;
    let store = Overlay { blobs: all, instead: (name.to_owned(), Some(bad)) }.writable();
    let engine = open(store.handle());
    (store, engine)
}

#[test]
fn what_is_missing_or_lost_is_made_up_for() {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    Host::new()
        .run(async |services| engine.add((0..12).map(|n| document(n, 1, 40)).collect(), services).await)
        .unwrap();
    assert_eq!(search(&Host::late(), &engine, QUERY, colbert()).unwrap_err().kind, ErrorKind::InvalidInput);
    block_on(engine.delete(&["d3".into()])).unwrap();
    // New documents have them at once, the others after maintenance.
    add(&engine, vec![document(20, 1, 40)]);
    assert!(find(&engine, colbert()).hits.iter().all(|hit| hit.id == "d20"));
    block_on(engine.update_meta("d5", Default::default())).unwrap();
    let made = maintain(&engine);
    assert!(made.contains(&Maintenance::Encoded) && made.iter().all(|done| *done == Maintenance::Encoded), "{made:?}");
    let found = find(&engine, colbert());
    assert_eq!(found.hits.len(), engine.stats().documents);
    check_scores(&found);

    // What is lost costs the token vectors there and nothing else, is reported, repaired, and made up for.
    let manifest = Manifest::decode(&block_on(store.manifest()).unwrap().unwrap()).unwrap();
    let (_, without) = damaged(&store, &manifest.segments[0].extra_name(BlobKind::Colbert).unwrap());
    assert!(without.stats().broken[0].contains("colbert"), "{:?}", without.stats().broken);
    let left = find(&without, colbert());
    assert!(!left.hits.is_empty() && left.hits.len() < found.hits.len());
    assert_eq!(ids(&find(&without, json!({}))), ids(&find(&engine, json!({}))));
    // Hits that cannot be compared stand behind those that can.
    let reranked =
        find(&without, json!({ "mode": "sparse", "k": 50, "rerank": { "with": "colbert" }, "explain": true }));
    let scored = |hit: &nearfield::engine::Hit| hit.explanation.as_ref().unwrap().rerank.is_some();
    assert!(reranked.hits.windows(2).all(|two| scored(&two[0]) || !scored(&two[1])));
    assert!(verify(&without).problems[0].contains("colbert"));
    let repair = Host::late().run(async |services| without.repair(services).await).unwrap();
    assert!(repair.actions[0].contains("colbert") && repair.lost == 0, "{repair:?}");
    assert!(verify(&without).ok);
    assert_eq!(maintain(&without), [Maintenance::Encoded]);
    let again = find(&without, colbert());
    check_scores(&again);
    assert_eq!(again.hits.len(), found.hits.len());

    // Without the codebook no codes can be read: all are made again.
    let (_, without) = damaged(&store, &manifest.shared_name(BlobKind::Centroids).unwrap());
    assert_eq!(search(&Host::late(), &without, QUERY, colbert()).unwrap_err().kind, ErrorKind::Corrupt);
    assert!(!find(&without, json!({})).hits.is_empty());
    assert!(verify(&without).problems[0].contains("centroids"));
    let repair = Host::late().run(async |services| without.repair(services).await).unwrap();
    assert!(repair.actions[0].contains("centroids") && repair.lost == 0, "{repair:?}");
    assert!(verify(&without).ok && find(&without, colbert()).hits.is_empty());
    assert_eq!(maintain(&without).len(), without.stats().segments.len());
    let again = find(&without, colbert());
    check_scores(&again);
    assert_eq!(again.hits.len(), found.hits.len());
    assert!(verify(&without).ok);
}

#[test]
fn codes_of_another_codebook_are_damage() {
    let (store, _) = collection(0..6);
    let (other, _) = collection(10..40);
    let name = |store: &MemoryStore| {
        let manifest = Manifest::decode(&block_on(store.manifest()).unwrap().unwrap()).unwrap();
        manifest.shared_name(BlobKind::Centroids).unwrap()
    };
    let mut all = blobs(&store);
    let foreign = blobs(&other)[&name(&other)].clone();
    let mut manifest = Manifest::decode(&block_on(store.manifest()).unwrap().unwrap()).unwrap();
    let entry = manifest.shared.get_mut(&BlobKind::Centroids).unwrap();
    entry.blob = nearfield::store::Blob::of(&foreign).unwrap();
    all.insert(manifest.shared_name(BlobKind::Centroids).unwrap(), foreign);
    all.insert(overlay::MANIFEST.to_owned(), manifest.encode().unwrap());
    let engine = open(Overlay { blobs: Rc::new(all), instead: ("none".to_owned(), None) }.writable());
    assert!(engine.stats().broken[0].contains("another codebook"), "{:?}", engine.stats().broken);
    assert!(!verify(&engine).ok && find(&engine, colbert()).hits.is_empty());
    Host::late().run(async |services| engine.repair(services).await).unwrap();
    assert!(verify(&engine).ok);
    assert_eq!(maintain(&engine), [Maintenance::Encoded]);
    assert!(!find(&engine, colbert()).hits.is_empty());
}

#[test]
fn the_codebook_grows_with_the_collection() {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    let name = || {
        let manifest = Manifest::decode(&block_on(store.manifest()).unwrap().unwrap()).unwrap();
        manifest.shared_name(BlobKind::Centroids).unwrap()
    };
    let mut names = Vec::new();
    for number in 0..24 {
        add(&engine, vec![document(number, 1, 30)]);
        names.push(name());
        check_scores(&find(&engine, colbert()));
    }
    names.dedup();
    // Of one document, and each time that there are four times as many.
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(verify(&engine).ok && engine.stats().broken.is_empty());
    assert!(maintain(&engine).contains(&Maintenance::Merged));
}

#[test]
fn bits_are_fixed_when_a_collection_is_made() {
    let store = MemoryStore::new();
    let wanted = |tokens| {
        let vectors = VectorSettings { tokens, ..VectorSettings::default() };
        Wanted { vectors: Some(vectors), ..Wanted::default() }
    };
    let engine = block_on(Engine::open(Box::new(store.handle()), wanted(TokenBits::Eight))).unwrap();
    add(&engine, vec![document(1, 1, 30)]);
    assert!(block_on(Engine::open(Box::new(store.handle()), wanted(TokenBits::Eight))).is_ok());
    let refused = block_on(Engine::open(Box::new(store.handle()), wanted(TokenBits::Two))).err().unwrap();
    assert!(refused.context.contains("8 bits"), "{refused}");
    let settings: std::result::Result<VectorSettings, _> = serde_json::from_value(json!({ "tokens": 4 }));
    assert!(settings.unwrap_err().to_string().contains("2 or 8"));
    let plain = serde_json::to_value(VectorSettings::default()).unwrap();
    assert!(plain.get("tokens").is_none());
    assert_eq!(
        serde_json::to_value(VectorSettings { tokens: TokenBits::Eight, ..VectorSettings::default() }).unwrap()
            ["tokens"],
        8
    );
}
