use super::*;
use crate::index::testing::{entries, some, with_vectors, Random};
use crate::index::{
    explain_sparse, Beside, Bitset, BlobKind, Metric, Segment, SegmentBuilder, SparseScorer, Storage, WeightedTerms,
};

const DIMS: usize = 6;

fn segment(random: &mut Random, id: u64, docs: u32, storage: Storage) -> Segment {
    let config = with_vectors(DIMS, storage, Metric::Cosine);
    let mut builder = SegmentBuilder::with(&config, &[BlobKind::Splade].into()).unwrap();
    for entry in entries(random, "d", docs, 4, DIMS) {
        let mut terms = || -> WeightedTerms { (0..8).map(|_| (random.word(30), 3.0 * random.unit())).collect() };
        let terms: Vec<WeightedTerms> = entry.chunks.iter().map(|_| terms()).collect();
        builder
            .add_with(
                &entry.document,
                &entry.chunks,
                Some(&entry.vectors),
                Beside { splade: Some(&terms), ..Beside::default() },
            )
            .unwrap();
    }
    builder.seal(id).unwrap().open().unwrap()
}

/// The formula for one chunk, from explanations and dequantised vectors.
fn score(legs: &[Leg], segment: u32, chunk: u32, query: &JointQuery) -> f64 {
    let parts = explain_sparse(legs, segment, chunk, &query.terms);
    let sparse: f64 = parts.iter().map(|part| f64::from(part.score)).sum();
    let most: f64 = match query.terms.scorer {
        SparseScorer::Impact => {
            let weight = |term: &str| -> f64 {
                query.terms.terms.iter().filter(|it| it.0 == term).map(|it| f64::from(it.1)).sum()
            };
            let mut names: Vec<&str> = query.terms.terms.iter().map(|(term, _)| term.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            // The greatest weight that any chunk has for the term.
            let most = |term: &str| {
                let all =
                    (0u32..).zip(legs).flat_map(|(at, leg)| (0..leg.segment.chunks()).map(move |chunk| (at, chunk)));
                let parts = all.flat_map(|(at, chunk)| explain_sparse(legs, at, chunk, &query.terms));
                parts.filter(|part| part.term == term).map(|part| f64::from(part.tf)).fold(0.0, f64::max)
            };
            names.into_iter().map(|term| weight(term) * most(term)).sum()
        }
        _ => {
            let all = (0u32..).zip(legs).flat_map(|(at, leg)| (0..leg.segment.chunks()).map(move |chunk| (at, chunk)));
            let mut known = std::collections::BTreeMap::new();
            for (at, chunk) in all {
                for part in explain_sparse(legs, at, chunk, &query.terms) {
                    known.insert(part.term, f64::from(part.idf));
                }
            }
            let weight = |term: &str| -> f64 {
                query.terms.terms.iter().filter(|it| it.0 == term).map(|it| f64::from(it.1)).sum()
            };
            known.iter().map(|(term, idf)| weight(term) * idf).sum()
        }
    };
    let row = legs[segment as usize].segment.vector(chunk).unwrap();
    let cosine = |row: Vec<f32>| {
        let dot: f64 = row.iter().zip(query.vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        dot / (norm(&row) * norm(query.vector)).max(f64::MIN_POSITIVE)
    };
    let (ws, wd) = (f64::from(query.sparse), f64::from(query.dense));
    let share = if most > 0.0 { sparse / most } else { 0.0 };
    (ws * share + wd * row.map_or(0.0, cosine)) / (ws + wd)
}

#[test]
fn it_is_the_exhaustive_evaluation_of_its_formula() {
    for seed in 0..12u64 {
        let mut random = Random(seed);
        let full = segment(&mut random, 1, 60, Storage::F32);
        let other = segment(&mut random, 2, 30, Storage::F32);
        // A segment that lost its vectors, one that lost its weights.
        let segments = [full.clone(), other.without_vectors(), full.without_extras()];
        let allowed: Vec<Option<Bitset>> =
            segments.iter().map(|s| (seed % 3 == 0).then(|| some(&mut random, s.chunks(), 0.5))).collect();
        let legs: Vec<DenseLeg> = segments
            .iter()
            .zip(&allowed)
            .map(|(segment, allowed)| DenseLeg { segment, graph: None, allowed: allowed.as_ref() })
            .collect();
        let lists: Vec<Leg> = legs.iter().map(|leg| Leg { segment: leg.segment, allowed: leg.allowed }).collect();
        let terms: WeightedTerms = (0..5).map(|_| (random.word(30), 2.0 * random.unit())).collect();
        let vector: Vec<f32> = (0..DIMS).map(|_| random.normal()).collect();
        let scorer = [SparseScorer::BM25, SparseScorer::Impact][seed as usize % 2];
        let terms = SparseQuery { terms: &terms, scorer };
        let query = JointQuery { terms, vector: &vector, dims: None, sparse: random.unit(), dense: 0.5 };
        let mut all = Vec::new();
        for (at, leg) in (0u32..).zip(&legs) {
            for chunk in (0..leg.segment.chunks()).filter(|&chunk| leg.allowed.is_none_or(|it| it.contains(chunk))) {
                all.push((score(&lists, at, chunk, &query), at, chunk));
            }
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = joint_top_k(&legs, &query, 20).unwrap();
        assert_eq!(found.joint.len(), all.len().min(20));
        for (hit, best) in found.joint.iter().zip(&all) {
            assert!((f64::from(hit.score) - best.0).abs() < 1e-5, "seed {seed}: {hit:?} {best:?}");
            let own = score(&lists, hit.segment, hit.chunk, &query);
            assert!((f64::from(hit.score) - own).abs() < 1e-5, "seed {seed}: {hit:?} {own}");
        }
        assert!(found.sparse.len() <= 20 && found.sparse.windows(2).all(|two| two[0].score >= two[1].score));
        assert!(found.dense.iter().all(|hit| hit.segment != 1));
    }
}

#[test]
fn no_terms_leave_the_vectors_and_weights_must_be_sane() {
    let mut random = Random(3);
    let segment = segment(&mut random, 1, 40, Storage::Int8);
    let legs = [DenseLeg { segment: &segment, graph: None, allowed: None }];
    let vector: Vec<f32> = (0..DIMS).map(|_| random.normal()).collect();
    let terms = SparseQuery { terms: &[], scorer: SparseScorer::BM25 };
    let query = JointQuery { terms, vector: &vector, dims: Some(3), sparse: 0.0, dense: 2.0 };
    let found = joint_top_k(&legs, &query, 7).unwrap();
    let params = crate::index::DenseParams { dims: Some(3), ..Default::default() };
    assert_eq!(found.joint, crate::index::dense_top_k(&legs, &vector, params, 7).unwrap());
    assert!(found.sparse.is_empty() && found.dense == found.joint);
    assert!(joint_top_k(&legs, &query, 0).unwrap().joint.is_empty());
    for (sparse, dense) in [(0.0, 0.0), (-1.0, 2.0), (f32::NAN, 1.0), (f32::INFINITY, 1.0)] {
        assert!(joint_top_k(&legs, &JointQuery { sparse, dense, ..query }, 3).is_err());
    }
}
