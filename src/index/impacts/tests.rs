use super::*;
use crate::index::testing::{entries, lexical, some, Random};
use crate::index::{
    explain_sparse, sparse_top_k, Beside, Bitset, BlobKind, Leg, Scored, Segment, SegmentBuilder, SparseQuery,
    SparseScorer,
};
use crate::pace::{at_once, Unpaced};
use std::collections::HashMap;

fn weights(random: &mut Random, most: u32) -> WeightedTerms {
    (0..random.below(0..most)).map(|_| (random.word(30), 4.5 * random.unit().powi(2))).collect()
}

/// A segment of documents with made-up weights, and these.
fn segment(random: &mut Random, id: u64, docs: u32) -> (Segment, Vec<WeightedTerms>) {
    let mut builder = SegmentBuilder::with(&lexical(), &[BlobKind::Splade].into()).unwrap();
    let mut all = Vec::new();
    for entry in entries(random, &format!("s{id}-"), docs, 4, 0) {
        let terms: Vec<WeightedTerms> = entry.chunks.iter().map(|_| weights(random, 20)).collect();
        builder
            .add_with(&entry.document, &entry.chunks, None, Beside { splade: Some(&terms), ..Beside::default() })
            .unwrap();
        all.extend(terms);
    }
    (builder.seal(id).unwrap().open().unwrap(), all)
}

/// The inner product in f64, of weights as they are stored.
fn product(query: &[(String, f32)], chunk: &WeightedTerms) -> f64 {
    let mut stored: HashMap<&str, u32> = HashMap::new();
    for (term, weight) in chunk {
        let kept = stored.entry(term).or_default();
        *kept = (*kept).max((f64::from(*weight) * 64.0).round().min(255.0) as u32);
    }
    query.iter().map(|(term, w)| f64::from(*w) * f64::from(*stored.get(term.as_str()).unwrap_or(&0)) / 64.0).sum()
}

fn open(bytes: &[u8], id: u64, chunks: u32) -> Result<Impacts> {
    at_once(Impacts::open(bytes, id, chunks, &Unpaced))
}

fn search(legs: &[Leg], terms: &[(String, f32)], k: usize) -> Vec<Scored> {
    sparse_top_k(legs, &SparseQuery { terms, scorer: SparseScorer::Impact }, k)
}

#[test]
fn the_best_are_those_of_an_exhaustive_product() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let segments: Vec<_> =
            [3, 200, 40].into_iter().zip(1..).map(|(docs, id)| segment(&mut random, id, docs)).collect();
        let allowed: Vec<Option<Bitset>> = segments
            .iter()
            .map(|(segment, _)| (seed % 2 == 0).then(|| some(&mut random, segment.chunks(), 0.6)))
            .collect();
        let legs: Vec<Leg> = segments
            .iter()
            .zip(&allowed)
            .map(|((segment, _), allowed)| Leg { segment, allowed: allowed.as_ref() })
            .collect();
        let query = weights(&mut random, 40);
        let mut all = Vec::new();
        for (index, (_, chunks)) in (0u32..).zip(&segments) {
            for (chunk, terms) in (0u32..).zip(chunks) {
                let score = product(&query, terms);
                let free = allowed[index as usize].as_ref().is_none_or(|allowed| allowed.contains(chunk));
                if score > 0.0 && free {
                    all.push((score, index, chunk));
                }
            }
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for k in [1, 10, 1000] {
            let found = search(&legs, &query, k);
            assert_eq!(found.len(), all.len().min(k));
            for (hit, (score, ..)) in found.iter().zip(&all) {
                assert!((f64::from(hit.score) - score).abs() < 1e-4 * score.max(1.0), "seed {seed}: {hit:?} {score}");
            }
            for hit in &found {
                let query = SparseQuery { terms: &query, scorer: SparseScorer::Impact };
                let parts = explain_sparse(&legs, hit.segment, hit.chunk, &query);
                let sum: f32 = parts.iter().map(|part| part.score).sum();
                assert!((sum - hit.score).abs() < 1e-4 * hit.score.max(1.0));
                assert!(parts.iter().all(|part| (part.tf * part.idf - part.score).abs() < 1e-4));
            }
        }
    }
}

#[test]
fn a_segment_without_weights_has_no_hits_and_stops_none() {
    let mut random = Random(5);
    let (with, _) = segment(&mut random, 1, 50);
    let without = with.without_extras();
    assert_eq!((with.extras(), without.extras()), ([BlobKind::Splade].into(), [].into()));
    let leg = |segment| Leg { segment, allowed: None };
    let query = weights(&mut random, 40);
    let (alone, both) = (search(&[leg(&with)], &query, 9), search(&[leg(&without), leg(&with)], &query, 9));
    assert!(!alone.is_empty());
    assert_eq!(
        both.iter().map(|hit| (hit.segment, hit.chunk)).collect::<Vec<_>>(),
        alone.iter().map(|hit| (1, hit.chunk)).collect::<Vec<_>>()
    );
    assert_eq!(search(&[leg(&without)], &query, 9), []);
}

#[test]
fn copies_keep_their_weights_to_the_bit() {
    let mut random = Random(6);
    let (a, _) = segment(&mut random, 1, 30);
    let (b, _) = segment(&mut random, 2, 30);
    let mut builder = SegmentBuilder::with(&lexical(), &[BlobKind::Splade].into()).unwrap();
    for from in [&a, &b] {
        for doc in 0..from.docs() {
            let text = " ".repeat(from.doc(doc).unwrap().text.len());
            builder.copy(from, doc, &text, None).unwrap();
        }
    }
    let merged = builder.seal(3).unwrap().open().unwrap();
    let query = weights(&mut random, 40);
    let leg = |segment| Leg { segment, allowed: None };
    let scores = |hits: Vec<Scored>| hits.into_iter().map(|hit| hit.score).collect::<Vec<_>>();
    let (apart, together) = (search(&[leg(&a), leg(&b)], &query, 50), search(&[leg(&merged)], &query, 50));
    assert_eq!(scores(apart), scores(together));
    let mut other = SegmentBuilder::new(&lexical()).unwrap();
    assert!(other.copy(&a, 0, "", None).unwrap_err().context.contains("configuration"));
}

#[test]
fn what_is_not_as_configured_is_refused() {
    let mut random = Random(7);
    let entry = &entries(&mut random, "d", 1, 4, 0)[0];
    let n = entry.chunks.len();
    let mut builder = SegmentBuilder::with(&lexical(), &[BlobKind::Splade].into()).unwrap();
    let mut add = |splade: Option<&[WeightedTerms]>| {
        builder.add_with(&entry.document, &entry.chunks, None, Beside { splade, ..Beside::default() })
    };
    assert!(add(None).is_err());
    assert!(add(Some(&vec![vec![]; n + 1])).is_err());
    assert!(n == 0 || add(Some(&vec![vec![("a".into(), f32::NAN)]; n])).unwrap_err().context.contains("NaN"));
    assert!(n == 0 || add(Some(&vec![vec![("a".into(), 1.0); limits::SPARSE_TERMS + 1]; n])).is_err());
    add(Some(&vec![vec![("a".into(), 1.0), ("b".into(), -1.0), ("a".into(), 99.0)]; n])).unwrap();
    assert!(SegmentBuilder::with(&lexical(), &[BlobKind::Rotation].into()).is_err());
}

#[test]
fn damaged_bytes_are_refused() {
    let mut random = Random(8);
    let chunks: Vec<WeightedTerms> = (0..300).map(|_| weights(&mut random, 20)).collect();
    let good = at_once(seal_impacts(9, &chunks, &Unpaced)).unwrap();
    assert!(open(&good, 9, 300).is_ok());
    assert!(open(&good, 8, 300).is_err() && open(&good, 9, 299).is_err());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(open(&bad, 9, 300).is_err(), "{at}");
        // Behind good checksums anything may come out but a panic.
        crate::index::testing::repair(&mut bad);
        if let Ok(impacts) = open(&bad, 9, 300) {
            assert!(impacts.postings.lexicon.len() <= 31);
        }
    }
}
