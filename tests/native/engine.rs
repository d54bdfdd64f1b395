//! The engine over the store in memory: what is added is found, what is deleted is not, and whatever happens in
//! between, what was committed stays.

use crate::support::host::{AbortAfter, Host, WordHashes};
use nearfield::engine::{Engine, Found, GraphPolicy, Incoming, Maintenance, Services, Turn, VectorSettings, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::{Document, MetaValue};
use nearfield::pace::{LocalFuture, Unpaced};
use nearfield::search::options::{Mode, SearchOptions};
use nearfield::store::MemoryStore;
use nearfield::text::{ChunkOptions, Strategy as Chunking};
use proptest::prelude::*;
use serde_json::json;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

fn document(id: &str, text: &str) -> Document {
    Document { id: id.into(), text: text.into(), title: None, url: None, meta: Default::default(), language: None }
}

fn tagged(id: &str, text: &str, tag: &str) -> Document {
    let meta = [("tag".to_owned(), MetaValue::Text(tag.to_owned()))].into();
    Document { meta, ..document(id, text) }
}

fn open_in(store: &MemoryStore) -> Engine {
    pollster::block_on(Engine::open(Box::new(store.handle()), Wanted::default())).unwrap()
}

fn open() -> Engine {
    open_in(&MemoryStore::new())
}

fn incoming(documents: Vec<Document>) -> Vec<Incoming> {
    documents.into_iter().map(Incoming::from).collect()
}

fn add(engine: &Engine, documents: Vec<Document>) -> usize {
    Host::new().run(async |services| engine.add(incoming(documents), services).await).unwrap()
}

fn options(value: serde_json::Value) -> SearchOptions {
    serde_json::from_value(value).unwrap()
}

fn search(engine: &Engine, query: &str, value: serde_json::Value) -> Found {
    Host::new().run(async |services| engine.search(query, options(value), services).await).unwrap()
}

fn ids(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.id.as_str()).collect()
}

#[track_caller]
fn fails(engine: &Engine, query: &str, value: serde_json::Value, kind: ErrorKind) {
    let result = Host::new().run(async |services| engine.search(query, options(value), services).await);
    assert_eq!(result.unwrap_err().kind, kind);
}

fn fruit() -> Vec<Document> {
    vec![
        tagged("apple", "The apple grows on a tree in cool orchards.", "tree"),
        tagged("melon", "A melon ripens on the warm ground.", "ground"),
        tagged("cherry", "Cherry blossoms cover the tree in spring.", "tree"),
    ]
}

#[test]
fn every_mode_finds_what_was_added() {
    let engine = open();
    assert_eq!(add(&engine, fruit()), 3);
    for mode in ["sparse", "dense", "hybrid"] {
        let found = search(&engine, "melon on warm ground", json!({ "mode": mode }));
        assert_eq!(found.hits[0].id, "melon", "{mode}");
        let content = found.hits[0].content.as_ref().unwrap();
        assert_eq!(content.text, "A melon ripens on the warm ground.");
        assert!(found.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

#[test]
fn hits_say_where_and_why() {
    let engine = open();
    let guide = "# Guide\n\n## Harvest\n\nPick every zucchini 🥒 early.\n\n## Storage\n\nKeep it dry.";
    add(&engine, vec![document("guide.md", guide), document("other", "Nothing of the kind.")]);
    let found = search(&engine, "zucchini", json!({ "mode": "hybrid", "explain": true, "k": 1 }));
    let (hit, content) = (&found.hits[0], found.hits[0].content.as_ref().unwrap());
    assert_eq!((hit.id.as_str(), content.context.as_str()), ("guide.md", "Guide > Harvest"));
    assert_eq!(&guide[content.source[0]..content.source[1]], content.text);
    let units: Vec<u16> = content.text.encode_utf16().collect();
    let marked: Vec<String> =
        content.ranges.iter().map(|r| String::from_utf16(&units[r[0] as usize..r[1] as usize]).unwrap()).collect();
    assert_eq!(marked, ["zucchini"]);
    let explanation = hit.explanation.as_ref().unwrap();
    let sparse = explanation.sparse.as_ref().unwrap();
    assert_eq!(sparse.terms.len(), 1);
    assert!((sparse.terms[0].score - sparse.score).abs() < 1e-5);
    assert!(explanation.dense.is_some());
}

#[test]
fn documents_are_hits_once_and_chunks_as_often_as_they_match() {
    let engine = open();
    let long = (0..40).map(|i| format!("Paragraph {i} speaks of lighthouses by the sea.\n\n")).collect::<String>();
    let chunk = ChunkOptions { strategy: Chunking::Recursive, size: 24, overlap: 0 };
    let wanted = Wanted { chunk: Some(chunk), ..Wanted::default() };
    let engine_small = pollster::block_on(Engine::open(Box::new(MemoryStore::new()), wanted)).unwrap();
    for engine in [&engine, &engine_small] {
        add(engine, vec![document("long", &long), document("short", "One lighthouse.")]);
        let grouped = search(engine, "lighthouses", json!({ "mode": "sparse", "k": 10 }));
        let unique: BTreeSet<&str> = ids(&grouped).into_iter().collect();
        assert_eq!(unique.len(), grouped.hits.len());
        assert_eq!(unique, BTreeSet::from(["long", "short"]));
    }
    let chunks = search(&engine_small, "lighthouses", json!({ "mode": "sparse", "k": 10, "group": false }));
    assert_eq!(chunks.hits.len(), 10);
}

#[test]
fn the_same_id_replaces() {
    let engine = open();
    add(&engine, fruit());
    let twice =
        vec![document("apple", "First replacement, a pear."), document("apple", "Second replacement, a quince.")];
    assert_eq!(add(&engine, twice), 1);
    assert_eq!(ids(&search(&engine, "quince", json!({ "mode": "sparse" }))), ["apple"]);
    assert!(search(&engine, "pear orchards", json!({ "mode": "sparse" })).hits.is_empty());
    assert_eq!(engine.stats().documents, 3);
}

#[test]
fn deleting_and_getting() {
    let store = MemoryStore::new();
    let engine = open_in(&store);
    add(&engine, fruit());
    let delete = |ids: &[&str]| {
        let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
        pollster::block_on(engine.delete(&ids)).unwrap()
    };
    assert_eq!(delete(&["apple", "apple", "nothing"]), 1);
    for engine in [&engine, &open_in(&store)] {
        assert!(!ids(&search(engine, "apple tree", json!({}))).contains(&"apple"));
        assert!(pollster::block_on(engine.get("apple")).unwrap().is_none());
        let melon = pollster::block_on(engine.get("melon")).unwrap().unwrap();
        assert_eq!(melon, tagged("melon", "A melon ripens on the warm ground.", "ground"));
    }
}

#[test]
fn metadata_changes_without_touching_the_rest() {
    let store = MemoryStore::new();
    let engine = open_in(&store);
    add(&engine, fruit());
    let meta = [("tag".to_owned(), MetaValue::Text("vine".to_owned()))].into();
    pollster::block_on(engine.update_meta("melon", meta)).unwrap();
    for engine in [&engine, &open_in(&store)] {
        let filter = json!({ "filter": { "tag": "vine" }, "mode": "hybrid" });
        assert_eq!(ids(&search(engine, "warm ground", filter)), ["melon"]);
        assert!(search(engine, "ground", json!({ "filter": { "tag": "ground" }, "mode": "sparse" })).hits.is_empty());
        assert_eq!(engine.stats().documents, 3);
    }
    let missing = pollster::block_on(engine.update_meta("nobody", Default::default()));
    assert_eq!(missing.unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn filters_hold_in_every_mode() {
    let engine = open();
    add(&engine, fruit());
    for mode in ["sparse", "dense", "hybrid"] {
        let found = search(&engine, "tree ground spring", json!({ "mode": mode, "filter": { "tag": "tree" } }));
        let unique: BTreeSet<&str> = ids(&found).into_iter().collect();
        assert_eq!(unique, BTreeSet::from(["apple", "cherry"]), "{mode}");
    }
    fails(&engine, "tree", json!({ "filter": { "tga": "tree" } }), ErrorKind::InvalidInput);
}

#[test]
fn reranking_reorders_the_first_and_keeps_the_rest_behind() {
    let engine = open();
    let documents = (0..20).map(|i| document(&format!("d{i:02}"), &format!("common word {}", "extra ".repeat(i))));
    add(&engine, documents.collect());
    let plain = search(&engine, "common extra", json!({ "mode": "sparse", "k": 20 }));
    let reranked = search(&engine, "common extra", json!({ "mode": "sparse", "k": 20, "rerank": { "top": 5 } }));
    assert_eq!(ids(&plain)[5..], ids(&reranked)[5..]);
    let first = |found: &Found| found.hits[..5].iter().map(|hit| hit.id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(first(&plain), first(&reranked));
    assert!(reranked.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn edges_have_answers() {
    let engine = open();
    assert!(search(&engine, "anything", json!({})).hits.is_empty());
    add(&engine, fruit());
    assert!(search(&engine, "", json!({})).hits.is_empty());
    assert!(search(&engine, " \n ", json!({ "mode": "dense" })).hits.is_empty());
    assert!(search(&engine, "apple", json!({ "k": 0 })).hits.is_empty());
    assert_eq!(search(&engine, "apple", json!({ "k": 1_000_000, "mode": "dense" })).hits.len(), 3);
    let long = (0..10_000).map(|i| format!("word{i} ")).collect::<String>() + "melon";
    assert!(search(&engine, &long, json!({})).hits.len() <= 10);
    fails(&engine, &"x".repeat(2 << 20), json!({}), ErrorKind::LimitExceeded);
    fails(&engine, "apple", json!({ "dims": 100_000, "mode": "dense" }), ErrorKind::InvalidInput);
    assert_eq!(add(&engine, vec![]), 0);
    assert_eq!(add(&engine, vec![document("empty", ""), document("binary", "\u{0}\u{1}\u{2}\u{fffd}\u{7f}")]), 2);
    assert_eq!(engine.stats().documents, 5);
    assert_eq!(pollster::block_on(engine.get("empty")).unwrap().unwrap().text, "");
}

#[test]
fn an_empty_document_is_found_by_its_title() {
    let engine = open();
    let titled = Document { title: Some("Kumquat almanac".into()), ..document("k", "") };
    add(&engine, vec![titled]);
    assert_eq!(ids(&search(&engine, "kumquat", json!({ "mode": "sparse" }))), ["k"]);
}

#[test]
fn what_cannot_be_added_is_refused_before_anything_is_written() {
    let store = MemoryStore::new();
    let engine = open_in(&store);
    add(&engine, fruit());
    let attempt = |bad: Document| {
        let documents = vec![document("fine", "A fine text."), bad];
        Host::new().run(async |services| engine.add(incoming(documents), services).await).unwrap_err().kind
    };
    assert_eq!(attempt(document("", "no id")), ErrorKind::InvalidInput);
    assert_eq!(attempt(document(&"i".repeat(1 << 20), "long id")), ErrorKind::LimitExceeded);
    assert_eq!(attempt(document("huge", &"x".repeat(65 << 20))), ErrorKind::LimitExceeded);
    assert_eq!(open_in(&store).stats().documents, 3);
}

#[test]
fn an_abort_keeps_every_committed_batch_and_nothing_else() {
    let documents: Vec<Document> = (0..400).map(|i| document(&format!("d{i}"), &format!("text number{i}"))).collect();
    let mut outcomes = BTreeSet::new();
    for pauses in (0..900).step_by(37) {
        let store = MemoryStore::new();
        let host = Host::with(AbortAfter(Cell::new(pauses)), Some(WordHashes::new("a")));
        let engine = open_in(&store);
        let result = host.run(async |services| engine.add(incoming(documents.clone()), services).await);
        let committed = host.committed();
        match result {
            Ok(added) => assert_eq!((added, committed), (400, 400)),
            Err(error) => assert_eq!(error.kind, ErrorKind::Aborted),
        }
        outcomes.insert(committed);
        for engine in [&engine, &open_in(&store)] {
            assert_eq!(engine.stats().documents, committed);
        }
        add(&engine, documents.clone());
        assert_eq!(open_in(&store).stats().documents, 400);
    }
    assert!(outcomes.len() >= 3 && outcomes.contains(&0), "{outcomes:?}");
}

#[test]
fn merging_changes_no_answer() {
    let store = MemoryStore::new();
    let engine = open_in(&store);
    for round in 0..12 {
        add(
            &engine,
            (0..30)
                .map(|i| document(&format!("d{}", (round * 17 + i) % 200), &format!("alpha beta{i} gamma{round}")))
                .collect(),
        );
    }
    pollster::block_on(engine.delete(&["d3".into(), "d50".into()])).unwrap();
    let questions = ["alpha gamma3", "beta7", "gamma11 beta2"];
    let answers = |engine: &Engine| -> Vec<BTreeMap<String, String>> {
        let texts = |found: Found| found.hits.into_iter().map(|hit| (hit.id, hit.content.unwrap().text)).collect();
        questions.map(|query| texts(search(engine, query, json!({ "mode": "dense", "k": 1000 })))).into()
    };
    let before = answers(&engine);
    let live = engine.stats().documents;
    assert!(engine.stats().deleted > 0);
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    let stats = engine.stats();
    assert_eq!((stats.segments.len(), stats.deleted, stats.documents), (1, 0, live));
    assert_eq!(answers(&engine), before);
    assert_eq!(answers(&open_in(&store)), before);
    let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(report.ok && report.blobs >= 2, "{report:?}");
}

#[test]
fn background_maintenance_bounds_the_number_of_segments() {
    let engine = open();
    for i in 0..30 {
        add(&engine, vec![document(&format!("d{i}"), "some text")]);
        while Host::new().run(async |services| engine.maintain(services).await).unwrap() != Maintenance::Nothing {}
        assert!(engine.stats().segments.len() <= 8);
    }
    assert_eq!(engine.stats().documents, 30);
}

#[test]
fn a_graph_answers_as_the_scan_does_and_is_stored() {
    let store = MemoryStore::new();
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, ..VectorSettings::default() };
    let wanted = || Wanted { vectors: Some(vectors.clone()), ..Wanted::default() };
    let engine = pollster::block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    let word = |i: usize| format!("w{}", i * 7919 % 400);
    add(
        &engine,
        (0..600).map(|i| document(&format!("d{i}"), &format!("{} {} {}", word(i), word(i + 1), word(i * 3)))).collect(),
    );
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    let reopened = pollster::block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    assert!(reopened.stats().segments.iter().all(|segment| segment.graph_bytes > 0));
    let mut shared = 0;
    for i in 0..50 {
        let query = format!("{} {}", word(i), word(i + 1));
        let flat = search(&reopened, &query, json!({ "mode": "dense", "vectors": "flat" }));
        let graph = search(&reopened, &query, json!({ "mode": "dense", "vectors": "hnsw" }));
        let floor = flat.hits.last().unwrap().score;
        shared += graph.hits.iter().filter(|hit| hit.score >= floor - 1e-6).count();
    }
    assert!(shared >= 495, "{shared} of 500");
}

#[test]
fn vectors_of_two_models_never_meet() {
    let store = MemoryStore::new();
    add(&open_in(&store), fruit());
    let engine = open_in(&store);
    let other = Host::with(Unpaced, Some(WordHashes::new("b")));
    let attempt = other.run(async |services| engine.add(incoming(vec![document("x", "y")]), services).await);
    assert_eq!(attempt.unwrap_err().kind, ErrorKind::ModelMismatch);
    let ask = |host: &Host, mode: &str| {
        host.run(async |services| engine.search("melon", options(json!({ "mode": mode })), services).await)
    };
    assert_eq!(ask(&other, "dense").unwrap_err().kind, ErrorKind::ModelMismatch);
    assert_eq!(ask(&other, "hybrid").unwrap_err().kind, ErrorKind::ModelMismatch);
    assert_eq!(ids(&ask(&other, "sparse").unwrap()), ["melon"]);
    let without = Host::with(Unpaced, None);
    assert_eq!(ask(&without, "hybrid").unwrap().mode, Mode::Sparse);
    assert_eq!(ask(&without, "dense").unwrap_err().kind, ErrorKind::InvalidInput);
}

#[test]
fn settings_are_kept_and_contradictions_refused() {
    let store = MemoryStore::new();
    let open_with = |wanted: serde_json::Value| {
        let wanted: Wanted = serde_json::from_value(wanted).unwrap();
        pollster::block_on(Engine::open(Box::new(store.handle()), wanted))
    };
    add(&open_with(json!({ "language": "de" })).unwrap(), fruit());
    assert_eq!(open_with(json!({})).unwrap().settings().language, "de");
    assert_eq!(open_with(json!({ "language": "en" })).err().unwrap().kind, ErrorKind::InvalidInput);
    assert_eq!(open_with(json!({ "vectors": { "storage": "f32" } })).err().unwrap().kind, ErrorKind::InvalidInput);
    let rechunked = open_with(json!({ "chunk": { "strategy": "tokens", "size": 64, "overlap": 8 } })).unwrap();
    assert_eq!(rechunked.settings().chunk.size, 64);
    assert_eq!(open_with(json!({ "language": "klingon" })).err().unwrap().kind, ErrorKind::InvalidInput);
}

#[test]
fn a_second_writer_is_noticed_and_a_refresh_shows_its_work() {
    let store = MemoryStore::new();
    let (first, second) = (open_in(&store), open_in(&store));
    add(&first, fruit());
    let attempt = Host::new().run(async |services| second.add(incoming(vec![document("x", "y")]), services).await);
    assert_eq!(attempt.unwrap_err().kind, ErrorKind::Locked);
    assert_eq!(second.stats().documents, 0);
    assert!(pollster::block_on(second.refresh()).unwrap());
    assert!(!pollster::block_on(second.refresh()).unwrap());
    add(&second, vec![document("x", "y")]);
    assert_eq!(second.stats().documents, 4);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<(u8, u8)>),
    Delete(u8),
    Maintain,
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec((0u8..40, 0u8..30), 1..12).prop_map(Step::Add),
        2 => (0u8..40).prop_map(Step::Delete),
        1 => Just(Step::Maintain),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_operations_agree_with_a_map(steps in proptest::collection::vec(step(), 1..40)) {
        let store = MemoryStore::new();
        let mut engine = open_in(&store);
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(pairs) => {
                    let documents: Vec<Document> =
                        pairs.iter().map(|(id, word)| document(&format!("d{id}"), &format!("word{word} of d{id}"))).collect();
                    model.extend(documents.iter().map(|d| (d.id.clone(), d.text.clone())));
                    add(&engine, documents);
                }
                Step::Delete(id) => {
                    let id = format!("d{id}");
                    let deleted = pollster::block_on(engine.delete(std::slice::from_ref(&id))).unwrap();
                    prop_assert_eq!(deleted, usize::from(model.remove(&id).is_some()));
                }
                Step::Maintain => drop(Host::new().run(async |services| engine.maintain(services).await).unwrap()),
                Step::Compact => Host::new().run(async |services| engine.compact(services).await).unwrap(),
                Step::Reopen => engine = open_in(&store),
            }
            prop_assert_eq!(engine.stats().documents, model.len());
        }
        for word in 0..30 {
            let word = format!("word{word}");
            let found = search(&engine, &word, json!({ "mode": "sparse", "k": 100 }));
            let expected: BTreeSet<&str> =
                model.iter().filter(|(_, text)| text.split(' ').next() == Some(&word)).map(|(id, _)| id.as_str()).collect();
            prop_assert_eq!(ids(&found).into_iter().collect::<BTreeSet<_>>(), expected);
        }
        for (id, text) in &model {
            prop_assert_eq!(&pollster::block_on(engine.get(id)).unwrap().unwrap().text, text);
        }
    }
}

/// Lets somebody else write while a merge is being prepared.
struct Meanwhile<'a> {
    engine: &'a Engine,
    writes: Cell<u32>,
}

impl Turn for Meanwhile<'_> {
    fn release(&self) {
        self.writes.set(self.writes.get() + 1);
        add(
            self.engine,
            vec![document("late", "A plum that came late."), document("apple", "The apple was replaced.")],
        );
        pollster::block_on(self.engine.delete(&["melon".into()])).unwrap();
    }

    fn regain(&self) -> LocalFuture<'_, nearfield::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[test]
fn what_is_written_while_segments_are_merged_is_there_afterwards() {
    let store = MemoryStore::new();
    let engine = open_in(&store);
    for document in fruit() {
        add(&engine, vec![document]);
    }
    let turn = Meanwhile { engine: &engine, writes: Cell::new(0) };
    let compact = async |services: &Services<'_>| engine.compact(&Services { turn: Some(&turn), ..*services }).await;
    Host::new().run(compact).unwrap();
    assert_eq!(turn.writes.get(), 1);
    for engine in [&engine, &open_in(&store)] {
        assert_eq!(engine.stats().segments.len(), 2);
        assert_eq!(
            engine.ids().into_iter().collect::<BTreeSet<_>>(),
            ["apple", "cherry", "late"].map(String::from).into()
        );
        assert_eq!(ids(&search(engine, "replaced", json!({ "mode": "sparse" }))), ["apple"]);
        assert!(search(engine, "orchards melon", json!({ "mode": "sparse" })).hits.is_empty());
        let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
        assert!(report.ok && report.documents == 3, "{report:?}");
    }
}

/// Begins to change the model while a merge is being prepared.
struct ChangesModel<'a>(&'a Engine);

impl Turn for ChangesModel<'_> {
    fn release(&self) {
        let host = Host::with(Unpaced, Some(WordHashes::new("b")));
        host.run(async |services| self.0.reembed(services).await).unwrap();
    }

    fn regain(&self) -> LocalFuture<'_, nearfield::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[test]
fn a_merge_gives_way_to_another_model() {
    let engine = open();
    for document in fruit() {
        add(&engine, vec![document]);
    }
    let turn = ChangesModel(&engine);
    let compact = async |services: &Services<'_>| engine.compact(&Services { turn: Some(&turn), ..*services }).await;
    Host::new().run(compact).unwrap();
    let stats = engine.stats();
    assert!(stats.pending.is_some() && stats.segments.len() == 3 && stats.documents == 3, "{stats:?}");
}
