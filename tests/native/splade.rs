//! The learned sparse leg in the engine, and what combines it and words with vectors: against inner products of what
//! the models said.

use crate::support::host::{self, Host, WordHashes, WordWeights};
use crate::support::library::{add, document, open};
use crate::support::overlay::{blobs, Overlay};
use nearfield::engine::{Engine, Found, Importer, Maintenance, Wanted};
use nearfield::index::BlobKind;
use nearfield::pace::Unpaced;
use nearfield::store::{Manifest, MemoryStore, Store};
use nearfield::{ErrorKind, Result};
use pollster::block_on;
use serde_json::{json, Value};
use std::collections::HashMap;
use std::rc::Rc;

const QUERY: &str = "harbour lantern salt kettle";

fn search(host: &Host, engine: &Engine, query: &str, options: Value) -> Result<Found> {
    let options = serde_json::from_value(options).unwrap();
    host.run(async |services| engine.search(query, options, services).await)
}

fn find(engine: &Engine, options: Value) -> Found {
    search(&Host::new(), engine, QUERY, options).unwrap()
}

fn ids(found: &Found) -> Vec<String> {
    found.hits.iter().map(|hit| format!("{}#{} {:.4}", hit.id, hit.chunk, hit.score)).collect()
}

fn maintain(engine: &Engine) -> Vec<Maintenance> {
    let step = || Host::new().run(async |services| engine.maintain(services).await).unwrap();
    std::iter::from_fn(|| Some(step()).filter(|done| *done != Maintenance::Nothing)).collect()
}

/// The inner product of a query and a text, in the steps in which passages are stored.
fn product(query: &str, text: &str) -> f64 {
    let query: HashMap<String, f32> = WordWeights::weights(query).into_iter().collect();
    let stored = |weight: f32| (f64::from(weight) * 64.0).round().min(255.0) / 64.0;
    WordWeights::weights(text).iter().map(|(t, w)| f64::from(*query.get(t).unwrap_or(&0.0)) * stored(*w)).sum()
}

/// What the model read of a hit.
fn read_by_model(hit: &nearfield::engine::Hit) -> String {
    let content = hit.content.as_ref().unwrap();
    format!("{} {} {}", content.title.as_deref().unwrap_or(""), content.context, content.text)
}

fn collection(docs: std::ops::Range<usize>) -> (MemoryStore, Engine) {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    add(&engine, docs.map(|number| document(number, 1, 40)).collect());
    (store, engine)
}

#[test]
fn weighted_terms_are_an_inner_product_over_every_chunk() {
    let (_, engine) = collection(0..60);
    let found = find(&engine, json!({ "mode": "splade", "k": 1000, "group": false, "explain": true }));
    assert_eq!(serde_json::to_value(found.mode).unwrap(), "splade");
    assert_eq!(found.hits.len(), engine.stats().chunks);
    for hit in &found.hits {
        let expected = product(QUERY, &read_by_model(hit));
        assert!((f64::from(hit.score) - expected).abs() < 1e-3, "{hit:?} {expected}");
        let terms = &hit.explanation.as_ref().unwrap().sparse.as_ref().unwrap().terms;
        assert!((terms.iter().map(|term| term.score).sum::<f32>() - hit.score).abs() < 1e-3);
        assert!(!hit.content.as_ref().unwrap().ranges.is_empty() || expected < 1.0);
    }
    let few = find(&engine, json!({ "mode": "splade", "k": 5, "group": false }));
    assert_eq!(ids(&few), ids(&found)[..5]);
    assert_eq!(
        ids(&find(&engine, json!({ "mode": "sparse", "sparse": "splade" }))),
        ids(&find(&engine, json!({ "mode": "splade" })))
    );
    assert!(engine.stats().segments.iter().all(|segment| segment.impact_bytes > 0));
    assert_eq!(engine.stats().encoders[&BlobKind::Splade].name, "word-weights");
    let blank = search(&Host::new(), &engine, "  ", json!({ "mode": "splade" })).unwrap();
    assert!(blank.hits.is_empty());
}

/// RM3 by its formula, in f64, over what the model says of the first answers.
#[test]
fn feedback_rewrites_weighted_terms_too() {
    let (_, engine) = collection(0..60);
    let plain = find(&engine, json!({ "mode": "splade", "k": 1000, "group": false }));
    let (documents, added, original) = (4, 6, 0.7);
    let mut model: HashMap<String, f64> = HashMap::new();
    let trust: f64 = plain.hits[..documents].iter().map(|hit| f64::from(hit.score)).sum();
    for hit in &plain.hits[..documents] {
        let terms = WordWeights::weights(&read_by_model(hit));
        let all: f64 = terms.iter().map(|term| f64::from(term.1)).sum();
        for (term, weight) in terms {
            *model.entry(term).or_default() += f64::from(hit.score) / trust * f64::from(weight) / all;
        }
    }
    let mut model: Vec<(String, f64)> = model.into_iter().collect();
    model.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    model.truncate(added);
    let query = WordWeights::weights(QUERY);
    let (of_query, of_model) =
        (query.iter().map(|term| f64::from(term.1)).sum::<f64>(), model.iter().map(|term| term.1).sum::<f64>());
    let mut expected: HashMap<String, f64> = HashMap::new();
    for (term, weight) in query {
        *expected.entry(term).or_default() += original * f64::from(weight) / of_query;
    }
    for (term, weight) in model {
        *expected.entry(term).or_default() += (1.0 - original) * weight / of_model;
    }

    let feedback = json!({ "documents": documents, "terms": added, "original": original });
    let options = |mode: &str| {
        let expand = json!({ "feedback": feedback });
        json!({ "mode": mode, "sparse": "splade", "k": 1000, "group": false, "explain": true, "expand": expand })
    };
    let found = find(&engine, options("splade"));
    let terms = &found.expansion.as_ref().unwrap().terms;
    assert_eq!(terms.len(), expected.len());
    for (term, weight) in terms {
        assert!((f64::from(*weight) - expected[term]).abs() < 1e-5, "{term}: {weight}, not {}", expected[term]);
    }
    let stored = |weight: f32| (f64::from(weight) * 64.0).round().min(255.0) / 64.0;
    for hit in &found.hits {
        let weights = WordWeights::weights(&read_by_model(hit));
        let score: f64 = weights.iter().map(|(term, w)| expected.get(term).unwrap_or(&0.0) * stored(*w)).sum();
        assert!((f64::from(hit.score) - score).abs() < 1e-3, "{} {score}", hit.score);
    }
    assert_ne!(ids(&found), ids(&plain));
    // In the sparse leg of a hybrid search, likewise.
    let hybrid = find(&engine, options("hybrid"));
    assert!(hybrid.expansion.unwrap().terms.len() > expected.len() - added);
}

#[test]
fn two_stages_are_the_words_choice_in_the_vectors_order() {
    let (_, engine) = collection(0..80);
    for sparse in ["bm25", "splade"] {
        let all = json!({ "mode": "sparse", "sparse": sparse, "depth": 12, "k": 12, "group": false });
        let chosen: Vec<(String, u32)> =
            find(&engine, all).hits.iter().map(|hit| (hit.id.clone(), hit.chunk)).collect();
        let dense = find(&engine, json!({ "mode": "dense", "k": 1000, "group": false, "vectors": "flat" }));
        let expected = dense.hits.iter().filter(|hit| chosen.contains(&(hit.id.clone(), hit.chunk)));
        let expected: Vec<String> = expected.map(|hit| format!("{}#{} {:.4}", hit.id, hit.chunk, hit.score)).collect();
        let options =
            json!({ "mode": "two-stage", "sparse": sparse, "depth": 12, "k": 12, "group": false, "explain": true });
        let found = find(&engine, options);
        assert_eq!(ids(&found), expected, "{sparse}");
        let explanation = found.hits[0].explanation.as_ref().unwrap();
        assert!(explanation.sparse.is_some() && explanation.dense.as_ref().unwrap().rank == 1);
    }
    // As many as are asked for, documents by their best chunk.
    assert_eq!(find(&engine, json!({ "mode": "two-stage", "k": 50 })).hits.len(), 50);
}

#[test]
fn joint_scores_are_the_formula_over_every_chunk() {
    let (_, engine) = collection(0..60);
    let words = find(&engine, json!({ "mode": "sparse", "k": 1000, "group": false, "explain": true }));
    let vectors = find(&engine, json!({ "mode": "dense", "k": 1000, "group": false, "vectors": "flat" }));
    let mut idf: HashMap<String, f64> = HashMap::new();
    let mut sparse: HashMap<(String, u32), f64> = HashMap::new();
    for hit in &words.hits {
        sparse.insert((hit.id.clone(), hit.chunk), hit.score.into());
        for term in &hit.explanation.as_ref().unwrap().sparse.as_ref().unwrap().terms {
            idf.insert(term.term.clone(), term.idf.into());
        }
    }
    let most: f64 = idf.values().sum();
    let mut expected: Vec<(f64, String)> = vectors
        .hits
        .iter()
        .map(|hit| {
            let words = sparse.get(&(hit.id.clone(), hit.chunk)).copied().unwrap_or(0.0);
            ((2.0 * words / most + 1.0 * f64::from(hit.score)) / 3.0, format!("{}#{}", hit.id, hit.chunk))
        })
        .collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0));
    let weights = json!({ "weights": { "sparse": 2, "dense": 1 } });
    let options = json!({ "mode": "joint", "k": 25, "group": false, "fusion": weights, "explain": true });
    let found = find(&engine, options);
    assert_eq!(found.hits.len(), 25);
    for (hit, (score, _)) in found.hits.iter().zip(&expected) {
        assert!((f64::from(hit.score) - score).abs() < 1e-5, "{hit:?} {score}");
        let own = expected.iter().find(|it| it.1 == format!("{}#{}", hit.id, hit.chunk)).unwrap();
        assert!((f64::from(hit.score) - own.0).abs() < 1e-5);
        assert!(hit.explanation.as_ref().unwrap().dense.is_some());
    }
    let nothing = json!({ "mode": "joint", "fusion": { "weights": { "sparse": 0, "dense": 0 } } });
    assert_eq!(search(&Host::new(), &engine, QUERY, nothing).unwrap_err().kind, ErrorKind::InvalidInput);
    assert_eq!(find(&engine, json!({ "mode": "joint", "sparse": "splade", "k": 7 })).hits.len(), 7);
}

#[test]
fn weighted_terms_survive_merges_metadata_export_and_reading_in_parts() {
    let (store, engine) = collection(0..30);
    for number in 30..40 {
        add(&engine, vec![document(number, 1, 40)]);
    }
    let splade = json!({ "mode": "splade", "k": 1000, "group": false });
    // Equal scores stand in the order of the segments.
    let ids = |found: &Found| {
        let mut ids = ids(found);
        ids.sort();
        ids
    };
    let before = ids(&find(&engine, splade.clone()));
    assert!(maintain(&engine).contains(&Maintenance::Merged));
    assert_eq!(ids(&find(&engine, splade.clone())), before);
    block_on(engine.update_meta("d35", Default::default())).unwrap();
    assert_eq!(ids(&find(&engine, splade.clone())), before);
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    assert_eq!((engine.stats().segments.len(), ids(&find(&engine, splade.clone()))), (1, before.clone()));

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
    assert_eq!(ids(&find(&open(copy), splade.clone())), before);
    let remote = block_on(Engine::open_remote(Box::new(store.handle()), Wanted::default())).unwrap();
    assert_eq!(ids(&find(&remote, splade)), before);
    for mode in ["two-stage", "joint"] {
        let options = json!({ "mode": mode, "sparse": "splade" });
        assert_eq!(ids(&find(&remote, options.clone())), ids(&find(&engine, options)), "{mode}");
    }
}

#[test]
fn the_models_must_be_those_that_the_collection_holds() {
    let (_, engine) = collection(0..10);
    let without = || Host { sparse: None, ..Host::new() };
    let other = || Host { sparse: Some(WordWeights::new("other")), ..Host::new() };
    let refusal = |host: &Host| search(host, &engine, QUERY, json!({ "mode": "splade" })).unwrap_err();
    assert_eq!(refusal(&without()).kind, ErrorKind::InvalidInput);
    assert_eq!(refusal(&other()).kind, ErrorKind::ModelMismatch);
    for host in [without(), other()] {
        let add = host.run(async |services| engine.add(vec![document(50, 1, 20)], services).await);
        assert_eq!(add.unwrap_err().kind, ErrorKind::ModelMismatch);
        // Words and vectors do not need it.
        assert!(!search(&host, &engine, QUERY, json!({ "mode": "hybrid" })).unwrap().hits.is_empty());
    }
    assert_eq!(maintain(&engine), []);
    // Without vectors nothing can be compared with them.
    let lexical = open(MemoryStore::new());
    let words = Host::with(Unpaced, None);
    words.run(async |services| lexical.add(vec![document(1, 1, 20)], services).await).unwrap();
    for mode in ["two-stage", "joint"] {
        let error = search(&words, &lexical, QUERY, json!({ "mode": mode })).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
    }
    assert!(!search(&words, &lexical, QUERY, json!({ "mode": "splade" })).unwrap().hits.is_empty());
}

#[test]
fn segments_without_weighted_terms_are_made_up_for() {
    let plain = Host { sparse: None, ..Host::new() };
    let (with, without) = (MemoryStore::new(), MemoryStore::new());
    let engine = open(without.handle());
    plain.run(async |services| engine.add((0..12).map(|n| document(n, 1, 40)).collect(), services).await).unwrap();
    assert_eq!(
        search(&Host::new(), &engine, QUERY, json!({ "mode": "splade" })).unwrap_err().kind,
        ErrorKind::InvalidInput
    );
    block_on(engine.delete(&["d3".into()])).unwrap();
    // New documents have them at once, the others after maintenance.
    add(&engine, vec![document(20, 1, 40)]);
    let splade = json!({ "mode": "splade", "k": 50 });
    assert_eq!(find(&engine, splade.clone()).hits.len(), 1);
    assert_eq!(maintain(&engine), [Maintenance::Encoded]);
    let reference = open(with);
    add(&reference, (0..12).filter(|n| *n != 3).map(|n| document(n, 1, 40)).chain([document(20, 1, 40)]).collect());
    let sorted = |found: &Found| {
        let mut ids = ids(found);
        ids.sort();
        ids
    };
    assert_eq!(sorted(&find(&engine, splade.clone())), sorted(&find(&reference, splade.clone())));
    assert_eq!(maintain(&engine), []);

    // What is lost costs the weighted terms there and nothing else, is reported, repaired, and made up for.
    let manifest = Manifest::decode(&block_on(without.manifest()).unwrap().unwrap()).unwrap();
    let name = manifest.segments[0].extra_name(BlobKind::Splade).unwrap();
    let all = Rc::new(blobs(&without));
    let mut bad = all[&name].clone();
    let last = bad.len() - 40;
    bad[last] ^= 4;
    let store = Overlay { blobs: all, instead: (name, Some(bad)) }.writable();
    let damaged = open(store.handle());
    assert!(damaged.stats().broken[0].contains("splade"), "{:?}", damaged.stats().broken);
    assert_eq!(find(&damaged, splade.clone()).hits.len(), 1);
    assert_eq!(ids(&find(&damaged, json!({}))), ids(&find(&engine, json!({}))));
    let verify = |engine: &Engine| Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(verify(&damaged).problems[0].contains("splade"));
    let repair = Host::new().run(async |services| damaged.repair(services).await).unwrap();
    assert!(repair.actions[0].contains("splade") && repair.lost == 0 && repair.without_vectors == 0, "{repair:?}");
    assert!(verify(&damaged).ok);
    assert_eq!(maintain(&damaged), [Maintenance::Encoded]);
    assert_eq!(ids(&find(&damaged, splade.clone())), ids(&find(&engine, splade)));
    assert_eq!(WordHashes::vector("a").len(), host::DIMS);
}
