//! Documents of several languages in one collection: each analysed by its own, and found by queries in it.

use crate::support::host::Host;
use nearfield::engine::{Engine, Found, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::Document;
use nearfield::store::MemoryStore;
use pollster::block_on;
use serde_json::{json, Value};

fn open(store: &MemoryStore, language: Option<&str>) -> Engine {
    let wanted = Wanted { language: language.map(str::to_owned), ..Wanted::default() };
    block_on(Engine::open(Box::new(store.handle()), wanted)).unwrap()
}

fn document(id: &str, text: &str, language: Option<&str>) -> Document {
    let language = language.map(str::to_owned);
    Document { id: id.into(), text: text.into(), title: None, url: None, meta: Default::default(), language }
}

fn add(engine: &Engine, documents: &[(&str, &str, Option<&str>)]) {
    let documents = documents.iter().map(|(id, text, language)| document(id, text, *language).into()).collect();
    Host::new().run(async |services| engine.add(documents, services).await).unwrap();
}

fn search(engine: &Engine, query: &str, more: Value) -> Found {
    let mut options = json!({ "mode": "sparse" });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let options = serde_json::from_value(options).unwrap();
    Host::new().run(async |services| engine.search(query, options, services).await).unwrap()
}

#[track_caller]
fn check(engine: &Engine, query: &str, expected: &[&str]) {
    let found = search(engine, query, json!({}));
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
    assert_eq!(ids, expected, "{query}");
    // What found it is marked in it.
    for hit in &found.hits {
        assert!(!hit.content.as_ref().unwrap().ranges.is_empty(), "{query} in {}", hit.id);
    }
}

const ENGLISH: &str = "The houses by the river were flooded, and the owners moved to the hills.";
const GERMAN: &str = "Die Häuser am Fluss wurden überflutet, und die Besitzer zogen auf die Hügel.";
const SPANISH: &str = "Las canciones de la fiesta se oyeron hasta el amanecer en todo el pueblo.";

fn of(engine: &Engine, id: &str) -> Option<String> {
    block_on(engine.get(id)).unwrap().unwrap().language
}

#[test]
fn each_document_is_analysed_by_the_language_that_it_is_in() {
    let store = MemoryStore::new();
    let engine = open(&store, Some("auto"));
    add(&engine, &[("en", ENGLISH, None), ("de", GERMAN, None), ("es", SPANISH, None), ("42", "42", None)]);
    let languages = ["en", "de", "es", "42"].map(|id| of(&engine, id).unwrap());
    assert_eq!(languages, ["en", "de", "es", "en"]);
    check(&engine, "Haus", &["de"]);
    check(&engine, "house", &["en"]);
    check(&engine, "canción", &["es"]);
    check(&engine, "Wo sind die Häuser und der Fluss?", &["de"]);
    // The German article is no English word to die by.
    check(&engine, "die", &[]);
    let again = open(&store, None);
    assert_eq!(again.settings().language, "auto");
    Host::new().run(async |services| again.compact(services).await).unwrap();
    assert_eq!(of(&again, "de").as_deref(), Some("de"));
    check(&again, "Haus", &["de"]);
}

#[test]
fn a_document_may_say_what_it_is_in() {
    let engine = open(&MemoryStore::new(), None);
    add(&engine, &[("en", ENGLISH, Some("en")), ("de", GERMAN, Some("de")), ("plain", GERMAN, None)]);
    assert_eq!([of(&engine, "en"), of(&engine, "de"), of(&engine, "plain")], [None, Some("de".into()), None]);
    // Stemmed by the English rules, the unmarked one is found by its very words only.
    check(&engine, "Haus", &["de"]);
    let stated = search(&engine, "Besitzern", json!({ "language": "de" }));
    assert_eq!(stated.hits[0].id, "de");
    block_on(engine.update_meta("de", Default::default())).unwrap();
    assert_eq!(of(&engine, "de").as_deref(), Some("de"));
    check(&engine, "Haus", &["de"]);
}

#[test]
fn languages_that_nobody_analyses_are_refused() {
    let engine = open(&MemoryStore::new(), Some("auto"));
    let documents = vec![document("a", "a", Some("xx")).into()];
    let error = Host::new().run(async |services| engine.add(documents, services).await).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.context.contains("\"xx\""), "{error}");
    let options = serde_json::from_value(json!({ "mode": "sparse", "language": "xx" })).unwrap();
    let error = Host::new().run(async |services| engine.search("a", options, services).await).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    let wanted = Wanted { language: Some("xx".into()), ..Wanted::default() };
    assert!(block_on(Engine::open(Box::new(MemoryStore::new()), wanted)).is_err());
}

#[test]
fn feedback_and_contexts_use_the_language_of_each_document() {
    let engine = open(&MemoryStore::new(), Some("auto"));
    add(&engine, &[("en", ENGLISH, None), ("de", GERMAN, None)]);
    let found = search(&engine, "Haus", json!({ "explain": true, "expand": { "feedback": {} }, "context": {} }));
    let terms: Vec<String> = found.expansion.unwrap().terms.into_iter().map(|(term, _)| term).collect();
    assert!(terms.contains(&"haus".to_owned()) && terms.contains(&"hugel".to_owned()), "{terms:?}");
    assert_eq!(found.context.unwrap().passages.len(), 1);
}
