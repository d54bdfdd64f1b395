//! Sentences, chunks and documents in one collection, and parents shown for what was found: against what the plain
//! definitions give.

use crate::support::host::{self, in_context, Host, WordHashes};
use nearfield::engine::{Engine, Found, Incoming, Levels, Reembedding, VectorSettings, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::{Document, Level, Metric, Storage};
use nearfield::pace::Unpaced;
use nearfield::store::MemoryStore;
use nearfield::text::{ChunkOptions, Strategy};
use pollster::block_on;
use serde_json::json;
use std::collections::BTreeMap;

const GUIDE: &str = "# Harbour\n\nFerries leave at dawn. The bell rings twice. Tickets are sold on board.\n\n\
    ## Winter\n\nIn winter the ice closes the bay. A breaker comes on Mondays. Lanterns mark the channel.\n\n\
    # Bakery\n\nThe dough rests overnight. Ovens are lit at four. Loaves are sold until noon 🥖 or later.\n";

fn document(id: &str, text: &str) -> Incoming {
    Document { id: id.into(), text: text.into(), title: None, url: None, meta: Default::default(), language: None }
        .into()
}

fn documents() -> Vec<Incoming> {
    let long =
        (0..12).map(|i| format!("Note {i} tells of lanterns and stars. Orbit {i} is wide. ")).collect::<String>();
    vec![
        document("guide", GUIDE),
        document("notes", &long),
        document("short", "Tea in the garden."),
        document("empty", ""),
    ]
}

fn open(store: &MemoryStore, levels: Levels, vectors: VectorSettings) -> Engine {
    let chunk = ChunkOptions { strategy: Strategy::Markdown, size: 16, overlap: 0 };
    let wanted = Wanted { chunk: Some(chunk), levels: Some(levels), vectors: Some(vectors), ..Wanted::default() };
    block_on(Engine::open(Box::new(store.handle()), wanted)).unwrap()
}

fn filled(levels: Levels) -> Engine {
    let vectors = VectorSettings { storage: Storage::F32, ..VectorSettings::default() };
    let engine = open(&MemoryStore::new(), levels, vectors);
    Host::new().run(async |services| engine.add(documents(), services).await).unwrap();
    engine
}

fn search(engine: &Engine, query: &str, options: serde_json::Value) -> Found {
    let mut all = json!({ "mode": "dense", "k": 100 });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let options = serde_json::from_value(all).unwrap();
    Host::new().run(async |services| engine.search(query, options, services).await).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn mixed() -> Levels {
    Levels { sentences: true, ..Levels::default() }
}

#[test]
fn sentences_are_found_as_sentences() {
    let engine = filled(mixed());
    let found = search(&engine, "a breaker on mondays", json!({ "level": "sentence", "group": false }));
    let first = &found.hits[0];
    assert_eq!(first.content.as_ref().unwrap().text, "A breaker comes on Mondays.");
    assert_eq!((first.id.as_str(), first.level), ("guide", Level::Sentence));
    // Nine of the guide and its three headings, twenty-four notes and one short one; each with the cosine of its own
    // words.
    assert_eq!(found.hits.len(), 9 + 3 + 24 + 1);
    let query = WordHashes::vector("a breaker on mondays");
    for hit in &found.hits {
        let content = hit.content.as_ref().unwrap();
        assert!((f64::from(hit.score) - dot(&query, &WordHashes::vector(&content.text))).abs() < 1e-5);
        if hit.id == "guide" {
            assert_eq!(&GUIDE[content.source[0]..content.source[1]], content.text);
        }
    }
}

#[test]
fn levels_do_not_mix_unless_they_are_asked_to() {
    let (engine, plain) = (filled(mixed()), filled(Levels::default()));
    let show = |found: &Found| -> Vec<(String, u32, String)> {
        let hit = |hit: &nearfield::engine::Hit| (hit.id.clone(), hit.chunk, format!("{:.5}", hit.score));
        found.hits.iter().map(hit).collect()
    };
    for query in ["lanterns and stars", "dough", "ice closes the bay"] {
        let chunks = search(&engine, query, json!({ "level": "chunk", "group": false }));
        assert_eq!(show(&chunks), show(&search(&plain, query, json!({ "group": false }))));
        // Sentences have no words of their own: search by words is what it is without them.
        let words = |engine: &Engine| show(&search(engine, query, json!({ "mode": "sparse", "group": false })));
        assert_eq!(words(&engine), words(&plain));
        // Without a level, each document has its best unit.
        let best = |level| -> BTreeMap<String, f32> {
            search(&engine, query, level).hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
        };
        let (both, chunk) = (best(json!({})), best(json!({ "level": "chunk" })));
        let sentence = best(json!({ "level": "sentence" }));
        for (id, score) in &both {
            let expected = chunk[id].max(sentence.get(id).copied().unwrap_or(f32::MIN));
            assert!((score - expected).abs() < 1e-6, "{id}");
        }
    }
    let missing = Host::new().run(async |services| {
        let options = serde_json::from_value(json!({ "mode": "dense", "level": "sentence" })).unwrap();
        plain.search("dough", options, services).await
    });
    assert_eq!(missing.unwrap_err().kind, ErrorKind::InvalidInput);
}

/// The vector of a document is the mean of its chunks', whatever the metric, the prefix and the sentences beside them.
#[test]
fn documents_are_the_means_of_their_chunks() {
    for metric in [Metric::Cosine, Metric::Dot, Metric::Euclidean] {
        for dims in [None, Some(20)] {
            let vectors = VectorSettings { storage: Storage::F32, metric, ..VectorSettings::default() };
            let engine = open(&MemoryStore::new(), mixed(), vectors);
            Host::new().run(async |services| engine.add(documents(), services).await).unwrap();
            let query = "lanterns mark the dough in winter";
            let found = search(&engine, query, json!({ "level": "document", "dims": dims }));
            assert_eq!(found.hits.len(), 4);
            assert!(found.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let width = dims.unwrap_or(host::DIMS);
            let unit = |vector: &[f32]| -> Vec<f32> {
                let length = dot(vector, vector).sqrt() as f32;
                vector.iter().map(|x| x / length).collect()
            };
            let cut = |vector: &[f32]| match metric {
                Metric::Cosine => unit(&vector[..width]),
                _ => vector[..width].to_vec(),
            };
            let question = cut(&WordHashes::vector(query));
            let segment = &engine.snapshot().views[0].segment;
            for hit in &found.hits {
                let doc = segment.find(&hit.id).unwrap();
                let chunks = segment.doc_chunks(doc).filter(|&chunk| !segment.chunk(chunk).unwrap().unit.sentence);
                let rows: Vec<Vec<f32>> = chunks.map(|chunk| cut(&segment.vector(chunk).unwrap().unwrap())).collect();
                let mean: Vec<f32> =
                    (0..width).map(|i| rows.iter().map(|row| row[i]).sum::<f32>() / rows.len() as f32).collect();
                let expected = match metric {
                    Metric::Cosine => dot(&question, &unit(&mean)),
                    Metric::Dot => dot(&question, &mean),
                    Metric::Euclidean => {
                        -question.iter().zip(&mean).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
                    }
                };
                assert!((f64::from(hit.score) - expected).abs() < 1e-4, "{metric:?} {} {expected}", hit.score);
                assert_eq!(hit.level, Level::Document);
                // It is shown as its best chunk.
                let best = rows.iter().map(|row| dot(&question, row)).fold(f64::MIN, f64::max);
                let shown = dot(&question, &rows[hit.chunk as usize]);
                assert!(metric == Metric::Euclidean || (shown - best).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn parents_hold_what_was_found() {
    let stored = Levels { sentences: true, parents: Some(60), late: false };
    for (levels, longest) in [(stored, 60), (Levels { sentences: true, ..Levels::default() }, usize::MAX)] {
        let engine = filled(levels);
        for level in ["sentence", "chunk"] {
            let small = search(&engine, "the ice closes the bay", json!({ "level": level, "group": false }));
            let large =
                search(&engine, "the ice closes the bay", json!({ "level": level, "group": false, "parents": true }));
            assert!(large.hits.len() < small.hits.len());
            let mut seen = std::collections::BTreeSet::new();
            for hit in &large.hits {
                let content = hit.content.as_ref().unwrap();
                assert!(seen.insert((hit.id.clone(), content.source)), "two hits of one parent");
                assert!(content.text.split_whitespace().count() <= longest);
                let twin = small.hits.iter().find(|small| (&small.id, small.chunk) == (&hit.id, hit.chunk)).unwrap();
                assert_eq!(twin.score, hit.score);
                let units: Vec<u16> = content.text.encode_utf16().collect();
                let [from, to] = content.found.unwrap().map(|at| at as usize);
                let found = String::from_utf16(&units[from..to]).unwrap();
                assert_eq!(found, twin.content.as_ref().unwrap().text);
                if hit.id == "guide" {
                    assert_eq!(&GUIDE[content.source[0]..content.source[1]], content.text);
                }
            }
        }
    }
}

#[test]
fn without_stored_parents_it_is_the_section() {
    let engine = filled(Levels::default());
    let found = search(&engine, "the dough rests overnight ovens are lit at four", json!({ "k": 1, "parents": true }));
    let content = found.hits[0].content.as_ref().unwrap();
    assert!(content.text.starts_with("# Bakery") || content.text.starts_with("The dough"), "{}", content.text);
    assert!(content.text.ends_with("or later.") && content.context == "Bakery", "{} {}", content.context, content.text);
}

#[test]
fn units_outlive_merging_and_another_model() {
    let store = MemoryStore::new();
    let vectors = || VectorSettings { storage: Storage::F32, ..VectorSettings::default() };
    let levels = || Levels { sentences: true, parents: Some(40), late: false };
    let engine = open(&store, levels(), vectors());
    for document in documents() {
        Host::new().run(async |services| engine.add(vec![document.clone()], services).await).unwrap();
    }
    let answers = |engine: &Engine, host: &Host| -> Vec<String> {
        let mut answers = Vec::new();
        for level in ["sentence", "chunk", "document"] {
            let options = json!({ "mode": "dense", "level": level, "parents": true, "group": false, "k": 100 });
            let options = serde_json::from_value(options).unwrap();
            let found = host.run(async |services| engine.search("ice and stars", options, services).await).unwrap();
            let mut shown: Vec<String> = found
                .hits
                .iter()
                .map(|hit| format!("{} {} {:.4} {}", hit.id, hit.chunk, hit.score, hit.content.as_ref().unwrap().text))
                .collect();
            shown.sort();
            answers.extend(shown);
        }
        answers
    };
    let (host, other) = (Host::new(), Host::with(Unpaced, Some(WordHashes::new("b"))));
    let before = answers(&engine, &host);
    host.run(async |services| engine.compact(services).await).unwrap();
    assert_eq!(answers(&engine, &host), before);
    assert_eq!(answers(&open(&store, levels(), vectors()), &host), before);
    while other.run(async |services| engine.reembed(services).await).unwrap() == Reembedding::Going {}
    assert_eq!(answers(&engine, &other), before);
    assert!(host.run(async |services| engine.verify(services).await).unwrap().ok);
}

/// Every unit's vector has seen the window that the model read: after adding, and after another model.
#[test]
fn late_chunks_have_seen_their_document() {
    let engine = filled(Levels { late: true, ..mixed() });
    let check = |model: &str| {
        let host = Host::with(Unpaced, Some(WordHashes::new(model)));
        for query in ["a breaker on mondays", "lanterns and stars"] {
            let options = json!({ "mode": "dense", "k": 100, "group": false });
            let options = serde_json::from_value(options).unwrap();
            let found = host.run(async |services| engine.search(query, options, services).await).unwrap();
            assert!(found.hits.len() > 40);
            for hit in found.hits.iter().filter(|hit| hit.id == "guide") {
                // The guide, under its title, fits the model at once: 128 tokens.
                let read = format!("Harbour\n\n{}", GUIDE.trim_end());
                let text = &hit.content.as_ref().unwrap().text;
                let expected = dot(&WordHashes::vector(query), &in_context(&read, text));
                assert!((f64::from(hit.score) - expected).abs() < 1e-5, "{text}: {} {expected}", hit.score);
            }
        }
    };
    check("a");
    let other = Host::with(Unpaced, Some(WordHashes::new("b")));
    while other.run(async |services| engine.reembed(services).await).unwrap() == Reembedding::Going {}
    check("b");
}
