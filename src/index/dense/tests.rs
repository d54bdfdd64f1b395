use super::*;
use crate::error::ErrorKind;
use crate::index::testing::{some, vectors_only, with_vectors, Random};
use crate::index::{Metric, SegmentConfig, Storage, VectorConfig};
use proptest::prelude::*;
use std::collections::HashSet;

const STORAGES: [Storage; 3] = [Storage::F32, Storage::F16, Storage::Int8];
const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::Euclidean];

/// The score of the documentation, in f64 over the vectors that went in.
fn score(metric: Metric, query: &[f32], row: &[f32], dims: usize) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let (query, row) = (&query[..dims], &row[..dims]);
    match metric {
        Metric::Dot => dot(query, row),
        Metric::Cosine => {
            let lengths = (dot(query, query) * dot(row, row)).sqrt();
            if lengths > 0.0 {
                dot(query, row) / lengths
            } else {
                0.0
            }
        }
        Metric::Euclidean => 2.0 * dot(query, row) - dot(query, query) - dot(row, row),
    }
}

/// How far the score of a prefix of `row` may be off: by the rounding of the storage, and a little for arithmetic in f32.
fn tolerance(config: &SegmentConfig, query: &[f32], row: &[f32]) -> f64 {
    let VectorConfig { storage, metric, .. } = config.vectors.as_ref().unwrap();
    let length = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    // Length of the rounding error: half a step for each component that counts; the steps are those of the whole
    // vector. f16 has 11 significant bits.
    let int8 = |values: &[f32]| {
        let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        f64::from(most) / 254.0 * (query.len() as f64).sqrt()
    };
    let (q, r) = (length(query), length(&row[..query.len()]));
    let (dq, dr) = match storage {
        Storage::F32 => (0.0, 0.0),
        Storage::F16 => (0.0, r * 2f64.powi(-11) + 1e-6),
        Storage::Int8 => (int8(query), int8(row)),
        Storage::Binary => unreachable!("bits err without a bound for each vector; see vectors/bits.rs"),
    };
    let product = q * dr + r * dq + dq * dr;
    match metric {
        Metric::Dot => product + 1e-5 * (q * r + 1.0),
        Metric::Euclidean => 2.0 * (product + q * dq + r * dr) + dq * dq + dr * dr + 1e-5 * (q + r + 1.0).powi(2),
        // The angles by which the two can turn.
        Metric::Cosine if r > 0.0 && q > 0.0 => 2.0 * (dq / q + dr / r) + 1e-5,
        Metric::Cosine => 0.0,
    }
}

proptest! {
    #[test]
    fn a_scan_finds_what_the_metric_says(
        seed: u64, dims in 1usize..40, which in (0usize..3, 0usize..3), k in 0usize..400, prefix: bool, filtered: bool,
    ) {
        let (storage, metric) = (STORAGES[which.0], METRICS[which.1]);
        let mut random = Random(seed);
        let rows = |random: &mut Random| -> Vec<Vec<f32>> {
            let zero = |random: &mut Random| if random.below(0..20) == 0 { 0.0 } else { 1.0 };
            let row = |random: &mut Random, factor: f32| (0..dims).map(|_| factor * random.normal()).collect();
            (0..random.below(0..300)).map(|_| { let factor = zero(random); row(random, factor) }).collect()
        };
        let parts = [rows(&mut random), rows(&mut random)];
        let config = with_vectors(dims, storage, metric);
        let segments = [vectors_only(&config, 1, &parts[0]), vectors_only(&config, 2, &parts[1])];
        let share = [0.1, 0.9][random.below(0..2) as usize];
        let allowed = segments.each_ref().map(|segment| filtered.then(|| some(&mut random, segment.chunks(), share)));
        let legs = [0, 1].map(|i| DenseLeg { segment: &segments[i], graph: None, allowed: allowed[i].as_ref() });
        let query: Vec<f32> = (0..dims).map(|_| random.normal()).collect();
        let used = if prefix { 1 + dims / 2 } else { dims };
        let params = DenseParams { dims: prefix.then_some(used), ..DenseParams::default() };
        let hits = dense_top_k(&legs, &query, params, k).unwrap();

        let mut expected = Vec::new();
        for (segment, rows) in (0..).zip(&parts) {
            for (chunk, row) in (0..).zip(rows) {
                if legs[segment as usize].allowed.is_none_or(|allowed| allowed.contains(chunk)) {
                    let tolerance = tolerance(&config, &query[..used], row);
                    expected.push((segment, chunk, score(metric, &query, row, used), tolerance));
                }
            }
        }
        prop_assert_eq!(hits.len(), k.min(expected.len()));
        prop_assert!(hits.is_sorted());
        let known = expected.clone();
        let find = |hit: &Scored| *known.iter().find(|it| (it.0, it.1) == (hit.segment, hit.chunk)).unwrap();
        for hit in &hits {
            let (_, _, score, tolerance) = find(hit);
            prop_assert!((f64::from(hit.score) - score).abs() <= tolerance, "{hit:?} {score} {tolerance}");
        }
        // What was left out is not better than what was found, beyond what storage may change.
        let least = hits.iter().map(find).map(|it| it.2 + it.3).reduce(f64::min);
        let found: HashSet<(u32, u32)> = hits.iter().map(|hit| (hit.segment, hit.chunk)).collect();
        let mut missed = known.iter().filter(|it| !found.contains(&(it.0, it.1)));
        prop_assert!(k == 0 || missed.all(|it| it.2 - it.3 <= least.unwrap()));
    }

    /// A first pass that keeps all of them gives what comparing in full gives; one that keeps few, the true scores of
    /// those few.
    #[test]
    fn a_second_pass_compares_in_full(seed: u64, dims in 2usize..40, which in (0usize..3, 0usize..3), signs: bool) {
        let mut random = Random(seed);
        let config = with_vectors(dims, STORAGES[which.0], METRICS[which.1]);
        let mut rows = |count| -> Vec<Vec<f32>> {
            (0..count).map(|_| (0..dims).map(|_| random.normal()).collect()).collect()
        };
        let segments = [vectors_only(&config, 1, &rows(60)), vectors_only(&config, 2, &rows(40))];
        let query = rows(1).remove(0);
        let legs = [0, 1].map(|i| DenseLeg { segment: &segments[i], graph: None, allowed: None });
        let ask = |params, k| dense_top_k(&legs, &query, params, k).unwrap();
        let exact = ask(DenseParams::default(), 100);
        let first = DenseParams { signs, dims: (!signs).then_some(dims / 2), ..DenseParams::default() };
        let all = ask(DenseParams { rescore: Some(100), ..first }, 100);
        prop_assert_eq!(&all, &exact);
        let best: HashSet<(u32, u32)> = ask(first, 20).iter().map(|hit| (hit.segment, hit.chunk)).collect();
        let few = ask(DenseParams { rescore: Some(20), ..first }, 5);
        let expected = exact.iter().filter(|hit| best.contains(&(hit.segment, hit.chunk))).take(5);
        prop_assert_eq!(few, expected.copied().collect::<Vec<_>>());
    }

    #[test]
    fn any_k_gives_a_prefix_of_all(seed: u64, k in 0usize..50, which in (0usize..3, 0usize..3)) {
        let mut random = Random(seed);
        // Few distinct vectors, so that there are ties.
        let rows: Vec<Vec<f32>> = (0..60).map(|_| vec![random.below(0..3) as f32, random.below(0..3) as f32]).collect();
        let segment = vectors_only(&with_vectors(2, STORAGES[which.0], METRICS[which.1]), 1, &rows);
        let legs = [DenseLeg { segment: &segment, graph: None, allowed: None }; 2];
        let all = dense_top_k(&legs, &[1.0, 2.0], DenseParams::default(), usize::MAX).unwrap();
        prop_assert_eq!(all.len(), 120);
        prop_assert_eq!(&dense_top_k(&legs, &[1.0, 2.0], DenseParams::default(), k).unwrap()[..], &all[..k]);
    }
}

#[test]
fn wrong_queries_are_refused() {
    let segment = vectors_only(&with_vectors(3, Storage::Int8, Metric::Cosine), 1, &[vec![1.0, 2.0, 3.0]]);
    let legs = [DenseLeg { segment: &segment, graph: None, allowed: None }];
    let ask = |query: &[f32], dims| dense_top_k(&legs, query, DenseParams { dims, ..DenseParams::default() }, 3);
    assert_eq!(ask(&[1.0, 2.0, 3.0], Some(3)).unwrap().len(), 1);
    let refused = [(vec![1.0; 2], None), (vec![1.0; 4], None), (vec![1.0; 3], Some(0)), (vec![1.0; 3], Some(4))];
    let numbers = [f32::NAN, f32::INFINITY, 1e30].map(|bad| (vec![1.0, bad, 1.0], None));
    for (query, dims) in refused.into_iter().chain(numbers) {
        assert_eq!(ask(&query, dims).unwrap_err().kind, ErrorKind::InvalidInput);
    }
}

#[test]
fn a_vector_is_its_own_nearest() {
    for (storage, metric) in STORAGES.into_iter().flat_map(|storage| METRICS.map(|metric| (storage, metric))) {
        let row = vec![3.0, -4.0, 1.0];
        let segment = vectors_only(&with_vectors(3, storage, metric), 1, &[vec![-1.0, 0.5, 2.0], row.clone()]);
        let legs = [DenseLeg { segment: &segment, graph: None, allowed: None }];
        let best = dense_top_k(&legs, &row, DenseParams::default(), 1).unwrap()[0];
        let expected = match metric {
            Metric::Cosine => 1.0,
            Metric::Dot => 26.0,
            Metric::Euclidean => 0.0,
        };
        assert!(best.chunk == 1 && (best.score - expected).abs() < 0.2, "{storage:?} {metric:?} {best:?}");
        let length = segment.vector(1).unwrap().unwrap().iter().map(|x| x * x).sum::<f32>().sqrt();
        let expected = if metric == Metric::Cosine { 1.0 } else { 26f32.sqrt() };
        assert!((length - expected).abs() < 0.03, "{storage:?} {metric:?} {length}");
    }
}

#[test]
fn segments_without_vectors_are_passed_over() {
    let lexical = crate::index::testing::segment(&crate::index::testing::lexical(), 1, &[]);
    let legs = [DenseLeg { segment: &lexical, graph: None, allowed: None }];
    assert!(dense_top_k(&legs, &[1.0], DenseParams::default(), 3).unwrap().is_empty());
    let empty = vectors_only(&with_vectors(1, Storage::F16, Metric::Dot), 2, &[]);
    let legs = [DenseLeg { segment: &empty, graph: None, allowed: None }];
    assert!(dense_top_k(&legs, &[1.0], DenseParams::default(), 3).unwrap().is_empty());
}
