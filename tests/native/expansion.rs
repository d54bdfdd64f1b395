//! Searches that ask for more than their words say, and the context that a language model is given of their answers.

use crate::support::host::Host;
use nearfield::engine::{Engine, Found, Incoming, Wanted};
use nearfield::error::ErrorKind;
use nearfield::index::Document;
use nearfield::store::MemoryStore;
use nearfield::text::{ChunkOptions, Strategy, TokenCounter, WordCounter};
use serde_json::{json, Value};

fn document(id: &str, text: &str) -> Incoming {
    Document { id: id.into(), text: text.into(), title: None, url: None, meta: Default::default(), language: None }
        .into()
}

fn engine(documents: Vec<Incoming>, size: usize) -> Engine {
    let chunk = ChunkOptions { strategy: Strategy::Sentences, size, overlap: 0 };
    let wanted = Wanted { chunk: Some(chunk), ..Wanted::default() };
    let engine = pollster::block_on(Engine::open(Box::new(MemoryStore::new()), wanted)).unwrap();
    Host::new().run(async |services| engine.add(documents, services).await).unwrap();
    engine
}

fn try_search(engine: &Engine, query: &str, options: Value) -> nearfield::Result<Found> {
    let options = serde_json::from_value(options).unwrap();
    Host::new().run(async |services| engine.search(query, options, services).await)
}

fn search(engine: &Engine, query: &str, options: Value) -> Found {
    try_search(engine, query, options).unwrap()
}

fn ids(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Where words meet: the car and the motor stand together in two documents, the third has the motor alone.
fn garage() -> Engine {
    let documents = [
        ("both", "The car has a motor of steel."),
        ("again", "A car without its motor stands still."),
        ("motor", "Every motor wants oil."),
        ("soup", "Onions, carrots and a little salt."),
        ("sea", "Gulls circle above the harbour."),
    ];
    engine(documents.map(|(id, text)| document(id, text)).into(), 256)
}

#[test]
fn feedback_finds_what_shares_words_only_with_the_answers() {
    let engine = garage();
    assert!(!ids(&search(&engine, "car", json!({ "mode": "sparse" }))).contains(&"motor"));
    let options =
        json!({ "mode": "sparse", "explain": true, "expand": { "feedback": { "documents": 3, "terms": 5 } } });
    let found = search(&engine, "car", options);
    assert_eq!(ids(&found).last(), Some(&"motor"), "{:?}", ids(&found));
    assert!(!ids(&found).contains(&"soup"));
    let terms = found.expansion.unwrap().terms;
    assert_eq!(terms[0].0, "car");
    assert!(terms.iter().any(|(term, weight)| term == "motor" && *weight > 0.0), "{terms:?}");
    let sum: f32 = terms.iter().map(|term| term.1).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn feedback_of_nothing_changes_nothing() {
    let engine = garage();
    let plain = search(&engine, "motor oil", json!({ "mode": "hybrid" }));
    let zero = json!({ "mode": "hybrid", "expand": { "feedback": { "documents": 0 } } });
    assert_eq!(ids(&search(&engine, "motor oil", zero)), ids(&plain));
    let all_original = json!({ "mode": "hybrid", "expand": { "feedback": { "original": 1.0, "beta": 0.0 } } });
    assert_eq!(ids(&search(&engine, "motor oil", all_original)), ids(&plain));
}

#[test]
fn other_queries_are_asked_beside() {
    let engine = garage();
    let found = search(&engine, "oil", json!({ "mode": "sparse", "expand": { "queries": ["gulls", "salt"] } }));
    let mut all = ids(&found);
    all.sort_unstable();
    assert_eq!(all, ["motor", "sea", "soup"]);
    // What two of the queries find stands before what one finds.
    let found = search(&engine, "oil", json!({ "mode": "sparse", "expand": { "queries": ["steel motor"] } }));
    assert_eq!(ids(&found)[0], "motor");
}

#[test]
fn hypothetical_answers_move_the_vector() {
    let engine = garage();
    let plain = search(&engine, "what flies", json!({ "mode": "dense", "k": 1 }));
    assert_ne!(ids(&plain), ["sea"]);
    let guess = json!({ "mode": "dense", "k": 1, "expand": { "passages": ["Gulls circle above the sea."] } });
    assert_eq!(ids(&search(&engine, "what flies", guess)), ["sea"]);
}

#[test]
fn expansions_have_limits() {
    let many = vec!["x"; 1000];
    let error = try_search(&garage(), "x", json!({ "expand": { "queries": many } })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
}

#[test]
fn a_context_joins_neighbours_and_says_where_they_stand() {
    let book =
        "Salt keeps fish all winter. Salt keeps meat all summer. Bread wants yeast and time. Salt tastes of the sea.";
    let engine = engine(vec![document("book", book), document("other", "No salt here.")], 8);
    let options = json!({ "mode": "sparse", "group": false, "context": { "tokens": 100, "order": "document" } });
    let context = search(&engine, "salt", options).context.unwrap();
    let shown: Vec<(&str, [u32; 2], &str)> =
        context.passages.iter().map(|one| (one.id.as_str(), one.chunks, one.text.trim())).collect();
    let joined = shown.iter().find(|one| one.1[0] < one.1[1]).copied();
    assert_eq!(joined, Some(("book", [0, 1], "Salt keeps fish all winter. Salt keeps meat all summer.")), "{shown:?}");
    for passage in context.passages.iter().filter(|one| one.id == "book") {
        assert_eq!(&book[passage.source[0]..passage.source[1]], passage.text);
    }
    for (at, passage) in context.passages.iter().enumerate() {
        assert_eq!(passage.number, at + 1);
        assert!(context.text.contains(&format!("[{}]", at + 1)) && context.text.contains(passage.text.trim()));
    }
    assert_eq!(context.tokens, context.passages.iter().map(|one| one.tokens).sum::<usize>());
}

#[test]
fn a_context_stays_within_its_budget() {
    let text = (0..60).map(|at| format!("Salt number {at} lies in drawer {}. ", at * 7)).collect::<String>();
    let engine = engine(vec![document("store", &text)], 10);
    for tokens in [0, 5, 20, 60] {
        let options = json!({ "mode": "sparse", "group": false, "k": 50, "context": { "tokens": tokens } });
        let context = search(&engine, "salt drawer", options).context.unwrap();
        assert!(context.tokens <= tokens, "{} of {tokens}", context.tokens);
        assert_eq!(context.passages.is_empty(), tokens < 10);
    }
}

#[test]
fn numbers_titles_and_headings_count_towards_the_budget() {
    let text = |at: usize| format!("Salt lies in drawer {at}, and cloth {} beside it.", at * 7);
    let title = "What the large cupboard under the stairs holds";
    let titled = |at: usize| {
        let mut document = document(&format!("d{at}"), &text(at));
        document.document.title = Some(title.into());
        document
    };
    let engine = engine((0..9).map(titled).collect(), 60);
    let each = WordCounter.count(&format!("[1] {title}\n{}", text(0)));
    for tokens in [each - 1, each, 2 * each + 1, 5 * each] {
        let options = json!({ "mode": "sparse", "context": { "tokens": tokens } });
        let context = search(&engine, "salt drawer", options).context.unwrap();
        assert_eq!(context.tokens, WordCounter.count(&context.text));
        assert!(context.tokens <= tokens, "{} of {tokens}", context.tokens);
        assert_eq!(context.passages.len(), tokens / each);
    }
}
