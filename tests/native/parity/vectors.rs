//! Exact and quantised vectors under every metric, token vectors, Rocchio, hypothetical answers, and MMR.

use super::{by_document, close, number, read, Collection, Models, Text, CLOSE};
use nearfield::engine::VectorSettings;
use nearfield::index::{Metric, Storage};
use nearfield::kernel::scalar::max_sim;
use nearfield::kernel::{max_of_entries, padded};
use serde::Deserialize;
use serde_json::{json, Value};
use std::collections::BTreeMap;

fn stored(metric: Metric, storage: Storage) -> Collection {
    Collection::of_texts(VectorSettings { metric, storage, ..VectorSettings::default() })
}

#[track_caller]
fn check(case: &str, metric: Metric, storage: Storage, options: Value) {
    let cases: BTreeMap<String, Vec<Vec<f64>>> = read("vectors");
    stored(metric, storage).check(options, &by_document(&cases[case]), close);
}

fn dense() -> Value {
    json!({ "mode": "dense" })
}

/// Against scikit-learn 1.9.1, `cosine_similarity` and `euclidean_distances` in float64, and numpy's inner product.
#[test]
fn exact_scores_are_those_of_scikit_learn() {
    check("cosine f32", Metric::Cosine, Storage::F32, dense());
    check("dot f32", Metric::Dot, Storage::F32, dense());
    check("euclidean f32", Metric::Euclidean, Storage::F32, dense());
    check("prefix f32", Metric::Cosine, Storage::F32, json!({ "mode": "dense", "dims": 7 }));
}

/// Against numpy's float16 and its symmetric quantisation per vector, of which the engine's integers are the same ones.
#[test]
fn quantised_scores_are_those_of_numpy() {
    check("cosine f16", Metric::Cosine, Storage::F16, dense());
    check("cosine int8", Metric::Cosine, Storage::Int8, dense());
    check("dot int8", Metric::Dot, Storage::Int8, dense());
    check("euclidean int8", Metric::Euclidean, Storage::Int8, dense());
}

/// Against `numpy.linalg.lstsq`: what one bit a dimension stands for, stored so, and as a first pass over more.
#[test]
fn bits_are_those_of_least_squares() {
    check("cosine binary", Metric::Cosine, Storage::Binary, dense());
    let alone = json!({ "mode": "dense", "binary": true, "rescore": false });
    check("signs", Metric::Cosine, Storage::F32, alone);
    // The second pass compares what is stored.
    check("cosine f32", Metric::Cosine, Storage::F32, json!({ "mode": "dense", "binary": true, "rescore": true }));
}

/// Against `numpy.einsum` on the same tokens: the oracle of other tests, and the kernel.
#[test]
fn max_sim_is_that_of_numpy() {
    let expected: Vec<Vec<f64>> = read("max_sim");
    let (documents, queries): (Vec<Text>, Vec<Text>) = (read("documents"), read("queries"));
    let models = Models::new(documents.iter().cloned());
    for (query, expected) in queries.iter().zip(&expected) {
        let asked = models.tokens(&query.text);
        for (document, expected) in documents.iter().zip(expected) {
            let rows = models.tokens(&document.text);
            assert!((max_sim(&asked, &rows) - expected).abs() < CLOSE);
            // A row of the kernel's table for each token of the document, a column for each of the query.
            let width = padded(asked.len());
            let mut table = vec![0.0; rows.len() * width];
            for (entry, row) in table.chunks_exact_mut(width).zip(&rows) {
                let dot = |token: &Vec<f32>| token.iter().zip(row).map(|(x, y)| x * y).sum::<f32>();
                entry.iter_mut().zip(&asked).for_each(|(entry, token)| *entry = dot(token));
            }
            let mut best = vec![f32::MIN; width];
            max_of_entries(&table, &Vec::from_iter(0..rows.len() as u16), &mut best);
            let found: f32 = best[..asked.len()].iter().sum();
            assert!((f64::from(found) - expected).abs() < CLOSE * asked.len() as f64);
        }
    }
}

/// The same in the engine. Codes of 8 bits, of which the comparison reads seven, put each number of a token at most one
/// step away, which is 1/127.5 of the greatest number that is left beside the centroid, and that is below 1. Were it 1, a
/// product with a token of the query, which has length 1, would err by `1 / (127.5 * sqrt(3)) = .0045` as a standard
/// deviation, and tokens of the query independently of each other; the query's own rounding is a fraction of that. So .01
/// for each token is more than twice the deviation of one, and further out the more there are.
#[test]
fn token_vectors_score_max_sim() {
    let expected: Vec<Vec<f64>> = read("max_sim");
    let lost = |query: &Text| 0.01 * query.text.split(' ').count() as f64;
    stored(Metric::Cosine, Storage::F32).check(json!({ "mode": "colbert" }), &by_document(&expected), lost);
}

#[derive(Deserialize)]
struct Feedback {
    options: Value,
}

/// Against Rocchio's formula in numpy, on vectors of length 1, though the model's are of any length.
#[test]
fn rocchio_moves_the_query() {
    let Feedback { options } = read("rm3");
    let expected: Vec<Vec<f64>> = read("rocchio");
    let options = json!({ "mode": "dense", "expand": { "feedback": options } });
    stored(Metric::Cosine, Storage::F32).check(options, &by_document(&expected), close);
}

#[derive(Deserialize)]
struct Hypothetical {
    guesses: Vec<usize>,
    scores: Vec<Vec<f64>>,
}

/// Against the mean of vectors of length 1 in numpy.
#[test]
fn hypothetical_answers_and_the_query_weigh_alike() {
    let Hypothetical { guesses, scores } = read("hypothetical");
    let documents: Vec<Text> = read("documents");
    let passages: Vec<&str> = guesses.iter().map(|&at| documents[at].text.as_str()).collect();
    let options = json!({ "mode": "dense", "expand": { "passages": passages } });
    stored(Metric::Cosine, Storage::F32).check(options, &by_document(&scores), close);
}

#[derive(Deserialize)]
struct Mmr {
    diversity: f32,
    orders: Vec<Vec<usize>>,
}

/// Against the greedy choice of Carbonell and Goldstein in numpy; no two gains there are nearer to each other than 1e-5.
#[test]
fn a_diverse_context_is_in_the_order_of_mmr() {
    let collection = stored(Metric::Cosine, Storage::F32);
    for Mmr { diversity, orders } in read::<Vec<Mmr>>("mmr") {
        for (query, order) in collection.queries.iter().zip(orders) {
            let context = json!({ "diversity": diversity, "passages": order.len(), "tokens": 10_000 });
            let found = collection.search(&query.text, &json!({ "mode": "dense", "context": context }));
            let chosen: Vec<usize> = found.context.unwrap().passages.iter().map(|one| number(&one.id)).collect();
            assert_eq!(chosen, order, "{} at {diversity}", query.text);
        }
    }
}
