//! Fusions of what words and vectors find and other scores of both, metrics of rankings, and statistics of metrics.

use super::{by_document, close, read, Collection, Scores};
use nearfield::engine::VectorSettings;
use nearfield::eval::{bootstrap_interval, evaluate, paired_p_value, QueryMetrics};
use nearfield::index::Storage;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

#[derive(Deserialize)]
struct Fusions {
    weights: [f32; 2],
    rrf: Vec<Scores>,
    minmax: Vec<Scores>,
    zscore: Vec<Scores>,
}

/// Against ranx 0.3.21: `fuse` by `rrf`, and by `wsum` after `min-max` and `zmuv`, of the scores of bm25s and
/// scikit-learn.
#[test]
fn fusions_are_those_of_ranx() {
    let Fusions { weights: [sparse, dense], rrf, minmax, zscore } = read("fusions");
    let collection = Collection::of_texts(VectorSettings { storage: Storage::F32, ..VectorSettings::default() });
    collection.check(json!({ "fusion": { "method": "rrf", "k": 60 } }), &rrf, close);
    for (normalize, expected) in [("minmax", minmax), ("zscore", zscore)] {
        let weights = json!({ "sparse": sparse, "dense": dense });
        let fusion = json!({ "method": "weighted", "normalize": normalize, "weights": weights });
        collection.check(json!({ "fusion": fusion }), &expected, close);
    }
}

/// Two stages against the cosines of scikit-learn of what bm25s finds; joint scores against their formula in numpy, of the
/// same two.
#[test]
fn words_and_vectors_together() {
    let collection = Collection::of_texts(VectorSettings { storage: Storage::F32, ..VectorSettings::default() });
    collection.check(json!({ "mode": "two-stage" }), &read::<Vec<Scores>>("two-stage"), close);
    let Joint { weights: [sparse, dense], scores } = read("joint");
    let fusion = json!({ "weights": { "sparse": sparse, "dense": dense } });
    collection.check(json!({ "mode": "joint", "fusion": fusion }), &by_document(&scores), close);
}

#[derive(Deserialize)]
struct Joint {
    weights: [f32; 2],
    scores: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Metrics {
    qrels: BTreeMap<String, HashMap<String, f64>>,
    run: HashMap<String, Vec<String>>,
    /// nDCG@10, recall@100, reciprocal rank within the first 10, average precision.
    expected: BTreeMap<String, [f64; 4]>,
}

/// Against pytrec_eval-terrier 0.5.11, that is trec_eval itself.
#[test]
fn metrics_are_those_of_trec_eval() {
    let Metrics { qrels, run, expected } = read("metrics");
    let numbers = |found: &QueryMetrics| [found.ndcg_at_10, found.recall_at_100, found.mrr_at_10, found.map];
    let near = |found: [f64; 4], expected: [f64; 4]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
    for (query, expected) in &expected {
        let found = QueryMetrics::of(run.get(query).map_or(&[][..], Vec::as_slice), &qrels[query]);
        assert!(near(numbers(&found), *expected), "{query}: {found:?}, not {expected:?}");
    }
    // A query that the run lacks counts as nothing found.
    assert!(run.len() < qrels.len() && run.len() > 5);
    let report = evaluate(&run, &qrels, 1);
    let mean = |at: usize| expected.values().map(|each| each[at]).sum::<f64>() / expected.len() as f64;
    assert!(near(numbers(&report.mean), [0, 1, 2, 3].map(mean)), "{report:?}");
}

#[derive(Deserialize)]
struct Statistics {
    first: Vec<f64>,
    second: Vec<f64>,
    p: f64,
    interval: [f64; 2],
    deviation: f64,
}

/// Against scipy 1.17.1: `permutation_test` over all 2^14 assignments of signs, and `bootstrap` by percentiles with
/// 200,000 samples. Ours draw 2,000 (from a seed): within four standard errors of that, which for a share p is
/// `sqrt(p (1 - p) / 2000)`, and for the 2.5 % quantile of a normal mean `sqrt(.025 * .975 / 2000) / .0584 = .06` of its
/// deviation.
#[test]
fn resampling_agrees_with_scipy() {
    let Statistics { first, second, p, interval: [low, high], deviation } = read("statistics");
    let found = paired_p_value(&first, &second, 9);
    assert!((found - p).abs() < 4.0 * (p * (1.0 - p) / 2000.0).sqrt(), "{found}, not {p}");
    let found = bootstrap_interval(&second, 9);
    let error = deviation / (second.len() as f64).sqrt() * 0.06;
    assert!(
        (found.0 - low).abs() < 4.0 * error && (found.1 - high).abs() < 4.0 * error,
        "{found:?}, not {low}..{high}"
    );
}
