use super::*;
use crate::error::Result;
use crate::index::testing::{entries, lexical, segment, some, Entry, Random};
use crate::index::{Bitset, Segment};
use proptest::prelude::*;
use std::collections::HashMap;

/// Term frequencies of one chunk in body and title, straight from the text.
type Counts = HashMap<String, (u32, u32)>;

struct World {
    segments: Vec<Segment>,
    allowed: Vec<Option<Bitset>>,
    counts: Vec<Vec<Counts>>,
    query: Vec<(String, f32)>,
}

fn count(entry: &Entry) -> Vec<Counts> {
    let chunk = |chunk: &crate::index::ChunkEntry| {
        let mut counts = Counts::new();
        if chunk.unit.sentence {
            return counts;
        }
        let body = &entry.document.text[chunk.span.clone()];
        body.split_whitespace().for_each(|word| counts.entry(word.to_owned()).or_default().0 += 1);
        let title = entry.document.title.as_deref().unwrap_or_default();
        let title = title.split_whitespace().chain(chunk.context.split_whitespace());
        title.for_each(|word| counts.entry(word.to_owned()).or_default().1 += 1);
        counts
    };
    entry.chunks.iter().map(chunk).collect()
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let (mut segments, mut allowed, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for id in 0..random.below(1..4) {
            let docs = random.below(0..120);
            let docs = entries(&mut random, "d", docs, 6, 0);
            let opened = segment(&lexical(), u64::from(id), &docs);
            let share = [0.02, 0.5, 1.0][random.below(0..3) as usize];
            allowed.push((random.below(0..2) == 0).then(|| some(&mut random, opened.chunks(), share)));
            counts.push(docs.iter().flat_map(count).collect::<Vec<_>>());
            segments.push(opened);
        }
        let mut query: Vec<(String, f32)> =
            (0..random.below(0..7)).map(|_| (random.word(40), 0.25 + random.unit())).collect();
        query.push(("missing".into(), 1.0));
        World { segments, allowed, counts, query }
    }

    fn legs(&self) -> Vec<Leg<'_>> {
        let legs = self.segments.iter().zip(&self.allowed);
        legs.map(|(segment, allowed)| Leg { segment, allowed: allowed.as_ref() }).collect()
    }

    /// The formulas as the documentation states them, over every chunk.
    fn oracle(&self, scorer: SparseScorer) -> Vec<(u32, u32, f64)> {
        let mut weights: HashMap<&str, f64> = HashMap::new();
        self.query.iter().for_each(|(term, weight)| *weights.entry(term).or_default() += f64::from(*weight));
        let all: Vec<&Counts> = self.counts.iter().flatten().filter(|counts| !counts.is_empty()).collect();
        let n = all.len() as f64;
        let df = |term: &str| all.iter().filter(|counts| counts.contains_key(term)).count() as f64;
        weights.retain(|term, _| df(term) > 0.0);
        let lengths = |counts: &Counts| {
            counts.values().fold((0.0, 0.0), |sum, tf| (sum.0 + f64::from(tf.0), sum.1 + f64::from(tf.1)))
        };
        let score = |counts: &Counts| -> Option<f64> {
            let held = weights.iter().filter_map(|(&term, &w)| Some((term, w, *counts.get(term)?)));
            match scorer {
                SparseScorer::Bm25 { k1, b, title_weight, body_weight } => {
                    let [k1, b, t, w] = [k1, b, title_weight, body_weight].map(f64::from);
                    let combined = |(body, title): (f64, f64)| w * body + t * title;
                    let avgdl = all.iter().map(|counts| combined(lengths(counts))).sum::<f64>() / n;
                    let dl = combined(lengths(counts));
                    let parts: Vec<f64> = held
                        .map(|(term, weight, tf)| (term, weight, combined((f64::from(tf.0), f64::from(tf.1)))))
                        .filter(|&(_, _, tf)| tf > 0.0)
                        .map(|(term, weight, tf)| {
                            let idf = (1.0 + (n - df(term) + 0.5) / (df(term) + 0.5)).ln();
                            weight * idf * tf / (tf + k1 * (1.0 - b + b * dl / avgdl))
                        })
                        .collect();
                    (!parts.is_empty()).then(|| parts.iter().sum())
                }
                SparseScorer::TfIdf => {
                    let log = |tf: (u32, u32)| 1.0 + f64::from(tf.0 + tf.1).ln();
                    let q = |term: &str, weight: f64| weight * (1.0 + ((1.0 + n) / (1.0 + df(term))).ln());
                    let query = weights.iter().map(|(term, &weight)| q(term, weight).powi(2)).sum::<f64>().sqrt();
                    let chunk = counts.values().map(|&tf| log(tf).powi(2)).sum::<f64>().sqrt();
                    let parts: Vec<f64> =
                        held.map(|(term, weight, tf)| log(tf) * q(term, weight) / query / chunk).collect();
                    (!parts.is_empty()).then(|| parts.iter().sum())
                }
                // Judged in the tests of impacts.
                SparseScorer::Impact => None,
            }
        };
        let mut hits = Vec::new();
        for (segment, chunks) in self.counts.iter().enumerate() {
            for (chunk, counts) in chunks.iter().enumerate() {
                let allowed = self.allowed[segment].as_ref().is_none_or(|set| set.contains(chunk as u32));
                if let (true, Some(score)) = (allowed, score(counts)) {
                    hits.push((segment as u32, chunk as u32, score));
                }
            }
        }
        hits
    }
}

fn scorers() -> impl Strategy<Value = SparseScorer> {
    let weight = || prop_oneof![Just(0.0f32), Just(1.0), 0.1f32..5.0];
    prop_oneof![
        Just(SparseScorer::BM25),
        (0.0f32..3.0, 0.0f32..=1.0, weight(), weight())
            .prop_map(|(k1, b, title_weight, body_weight)| { SparseScorer::Bm25 { k1, b, title_weight, body_weight } }),
        Just(SparseScorer::TfIdf),
    ]
}

proptest! {
    #[test]
    fn every_chunk_scores_as_the_formula_says(seed: u64, scorer in scorers()) {
        let world = World::new(seed);
        let query = SparseQuery { terms: &world.query, scorer };
        let mut hits = sparse_top_k(&world.legs(), &query, usize::MAX);
        prop_assert!(hits.is_sorted());
        hits.sort_by_key(|hit| (hit.segment, hit.chunk));
        let expected = world.oracle(scorer);
        prop_assert_eq!(hits.len(), expected.len());
        for (hit, (segment, chunk, score)) in hits.iter().zip(expected) {
            prop_assert_eq!((hit.segment, hit.chunk), (segment, chunk));
            prop_assert!((f64::from(hit.score) - score).abs() <= 1e-5 * score.max(1e-3), "{} {score}", hit.score);
        }
    }

    /// Whatever is skipped, and however the windows fall, the answer is a prefix of the exhaustive one, bit for bit.
    #[test]
    fn skipping_changes_nothing(seed: u64, scorer in scorers(), k in 0usize..30, window in 1usize..300) {
        let world = World::new(seed);
        let query = SparseQuery { terms: &world.query, scorer };
        let mut expected = sparse_top_k(&world.legs(), &query, usize::MAX);
        expected.truncate(k);
        prop_assert_eq!(&top_k(&world.legs(), &query, k, window), &expected);
        prop_assert_eq!(&sparse_top_k(&world.legs(), &query, k), &expected);
    }

    #[test]
    fn explanations_add_up(seed: u64, scorer in scorers()) {
        let world = World::new(seed);
        let query = SparseQuery { terms: &world.query, scorer };
        for hit in sparse_top_k(&world.legs(), &query, 20) {
            let terms = explain_sparse(&world.legs(), hit.segment, hit.chunk, &query);
            let sum: f32 = terms.iter().map(|term| term.score).sum();
            prop_assert!((sum - hit.score).abs() <= 1e-5 * hit.score.max(1e-3));
            prop_assert!(terms.iter().all(|term| term.df > 0 && term.tf > 0.0 && term.idf > 0.0));
        }
    }
}

fn one(text: &str, title: &str) -> Segment {
    let document = crate::index::Document {
        id: "a".into(),
        text: text.into(),
        title: Some(title.into()),
        url: None,
        meta: Default::default(),
        language: None,
    };
    let chunks = vec![crate::index::ChunkEntry {
        span: 0..text.len(),
        source: 0..0,
        context: String::new(),
        unit: Default::default(),
    }];
    segment(&lexical(), 1, &[Entry { document, chunks, vectors: Vec::new() }])
}

fn scores(segment: &Segment, terms: &[(&str, f32)], scorer: SparseScorer) -> Vec<f32> {
    let terms: Vec<(String, f32)> = terms.iter().map(|&(term, weight)| (term.to_owned(), weight)).collect();
    let query = SparseQuery { terms: &terms, scorer };
    sparse_top_k(&[Leg { segment, allowed: None }], &query, 10).iter().map(|hit| hit.score).collect()
}

#[test]
fn lucene_by_hand() {
    // N = df = 1, so idf = ln(1 + 0.5 / 1.5); dl = avgdl, so the score is idf * 2 / (2 + 1.2).
    let found = scores(&one("cat sat cat", ""), &[("cat", 1.0)], SparseScorer::BM25);
    assert!((found[0] - (4.0f32 / 3.0).ln() * 2.0 / 3.2).abs() < 1e-6);
}

#[test]
fn fields_of_weight_zero_do_not_match() {
    let scorer = SparseScorer::Bm25 { k1: 1.2, b: 0.75, title_weight: 0.0, body_weight: 1.0 };
    assert!(scores(&one("dog", "cat"), &[("cat", 1.0)], scorer).is_empty());
    assert_eq!(scores(&one("dog", "cat"), &[("dog", 1.0)], scorer).len(), 1);
}

#[test]
fn weights_and_parameters_that_make_no_sense_give_finite_scores() {
    let segment = one("cat dog", "cat");
    for bad in [f32::NAN, f32::INFINITY, -1.0, 0.0] {
        assert!(scores(&segment, &[("cat", bad)], SparseScorer::BM25).is_empty());
        let scorer = SparseScorer::Bm25 { k1: bad, b: bad, title_weight: bad, body_weight: 1.0 };
        assert!(scores(&segment, &[("cat", 1.0)], scorer)[0].is_finite());
    }
    for extreme in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)] {
        for scorer in [SparseScorer::BM25, SparseScorer::TfIdf] {
            assert!(scores(&segment, &[("cat", extreme), ("dog", 1.0)], scorer)[0].is_finite());
            assert!(scores(&segment, &[("cat", extreme), ("dog", extreme)], scorer)[0].is_finite());
        }
    }
}

#[test]
fn of_too_many_terms_the_rarest_count() -> Result<()> {
    let words: Vec<String> = (0..crate::limits::QUERY_TERMS + 50).map(|i| format!("t{i}")).collect();
    let mut builder = crate::index::SegmentBuilder::new(&lexical())?;
    // Every word is in one document, the last 50 also in another.
    for (id, text) in [("a", words.join(" ")), ("b", words[crate::limits::QUERY_TERMS..].join(" "))] {
        let chunks = [crate::index::ChunkEntry {
            span: 0..text.len(),
            source: 0..0,
            context: String::new(),
            unit: Default::default(),
        }];
        let document = crate::index::Document {
            id: id.into(),
            text,
            title: None,
            url: None,
            meta: Default::default(),
            language: None,
        };
        builder.add(&document, &chunks, None)?;
    }
    let segment = builder.seal(1)?.open()?;
    let terms: Vec<(String, f32)> = words.into_iter().rev().map(|word| (word, 1.0)).collect();
    let query = SparseQuery { terms: &terms, scorer: SparseScorer::BM25 };
    let legs = [Leg { segment: &segment, allowed: None }];
    assert_eq!(explain_sparse(&legs, 0, 0, &query).len(), crate::limits::QUERY_TERMS);
    assert_eq!(sparse_top_k(&legs, &query, 10).len(), 1);
    Ok(())
}
