//! BM25, BM25F, TF-IDF, the weighted terms of a learned model, and RM3.

use super::{close, read, Collection, Scores, Text, CLOSE};
use nearfield::engine::VectorSettings;
use nearfield::text::Analyzer;
use serde::Deserialize;
use serde_json::{json, Value};
use std::collections::BTreeMap;

fn texts() -> Collection {
    Collection::of_texts(VectorSettings::default())
}

/// What the other tests of this room rest on: reference and engine count the same terms.
#[test]
fn the_analyser_leaves_the_fixture_as_it_is() {
    let analyzer = Analyzer::new("en").unwrap();
    let all = [read::<Vec<Text>>("documents"), read("queries")].concat();
    for text in all.iter().flat_map(|text| [&text.title, &text.text]) {
        assert_eq!(analyzer.terms(text), text.split_whitespace().collect::<Vec<_>>());
    }
}

/// Against bm25s 0.3.16, `BM25(method="lucene")`.
#[test]
fn bm25_is_that_of_bm25s() {
    let collection = texts();
    collection.check(json!({ "mode": "sparse" }), &read::<Vec<Scores>>("bm25"), close);
    let other = json!({ "mode": "sparse", "bm25": { "k1": 0.9, "b": 0.4 } });
    collection.check(other, &read::<Vec<Scores>>("bm25 k1 0.9 b 0.4"), close);
}

#[derive(Deserialize)]
struct Titled {
    title: f32,
    body: f32,
    scores: Vec<Scores>,
}

/// Against bm25s on texts that repeat their titles, and against the formula of Robertson, Zaragoza and Taylor (2004) where
/// weights are no whole numbers.
#[test]
fn titles_weigh_as_in_bm25f() {
    let collection = Collection::of_titled();
    assert_eq!(collection.engine.stats().segments.len(), 3);
    let cases: BTreeMap<String, Titled> = read("bm25f");
    for Titled { title, body, scores } in cases.values() {
        collection.check(json!({ "mode": "sparse", "bm25": { "title": title, "body": body } }), scores, close);
    }
}

/// Against scikit-learn 1.9.1, `TfidfVectorizer` with `sublinear_tf` and without idf for documents, with `smooth_idf` for
/// queries.
#[test]
fn tf_idf_is_that_of_scikit_learn() {
    let options = json!({ "mode": "sparse", "sparse": "tfidf" });
    let mut cases: BTreeMap<String, Vec<Scores>> = read("tfidf");
    texts().check(options.clone(), &cases.remove("texts").unwrap(), close);
    Collection::of_titled().check(options, &cases["titled"], close);
}

/// Against the inner products of scipy.sparse 1.17.1: of the weights in the 64ths in which they are stored; and of those
/// that were given, from which a stored one is at most half a 64th away.
#[test]
fn weighted_terms_are_an_inner_product() {
    let cases: BTreeMap<String, Vec<Scores>> = read("splade");
    let collection = texts();
    collection.check(json!({ "mode": "splade" }), &cases["stored"], close);
    let lost = |query: &Text| f64::from(query.weights.values().sum::<f32>()) / 128.0 + CLOSE;
    collection.check(json!({ "mode": "splade" }), &cases["given"], lost);
}

#[derive(Deserialize)]
struct Rm3 {
    options: Value,
    expansions: Vec<Expansion>,
}

#[derive(Deserialize)]
struct Expansion {
    query: String,
    terms: BTreeMap<String, f64>,
}

/// Against RM3 in the steps of Anserini's `Rm3Reranker`, in numpy, with the scores of bm25s for the answers.
#[test]
fn rm3_is_that_of_anserini() {
    let Rm3 { options, expansions } = read("rm3");
    assert!(expansions.len() > 3);
    let collection = texts();
    for Expansion { query, terms } in expansions {
        let options = json!({ "mode": "sparse", "explain": true, "expand": { "feedback": options } });
        let found = collection.search(&query, &options).expansion.unwrap();
        let found: BTreeMap<String, f64> = found.terms.into_iter().map(|(term, w)| (term, f64::from(w))).collect();
        assert!(found.keys().eq(terms.keys()), "{query}: {found:?}, not {terms:?}");
        // The sums of this one are in f32 throughout: some dozens of additions.
        assert!(terms.iter().all(|(term, w)| (found[term] - w).abs() < CLOSE), "{query}: {found:?}, not {terms:?}");
    }
}

/// The same of weighted terms, in Python: what the model says of an answer is its language model.
#[test]
fn rm3_of_weighted_terms_likewise() {
    let Rm3 { options, .. } = read("rm3");
    let expected: Vec<BTreeMap<String, f64>> = read("rm3 of weights");
    let collection = texts();
    assert_eq!(expected.len(), collection.queries.len());
    for (query, terms) in collection.queries.iter().zip(expected) {
        let options = json!({ "mode": "splade", "explain": true, "expand": { "feedback": options } });
        let found = collection.search(&query.text, &options).expansion.unwrap();
        let found: BTreeMap<String, f64> = found.terms.into_iter().map(|(term, w)| (term, f64::from(w))).collect();
        let asked = &query.text;
        assert!(found.keys().eq(terms.keys()), "{asked}: {found:?}, not {terms:?}");
        assert!(terms.iter().all(|(term, w)| (found[term] - w).abs() < CLOSE), "{asked}: {found:?}, not {terms:?}");
    }
}
