use super::*;
use crate::error::ErrorKind;
use crate::index::testing::{clustered, some, vectors_only, with_vectors, Random};
use crate::index::{dense_top_k, DenseLeg, DenseMode, DenseParams, Metric, Storage};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::OnceLock;

fn built(segment: &Segment) -> Graph {
    Graph::open(&build_graph(&graph_job(segment).unwrap(), 1).unwrap(), segment).unwrap()
}

/// Share of the ten best that a graph search finds too, over `queries` random points near the data.
fn recall(segment: &Segment, graph: &Graph, rows: &[Vec<f32>], allowed: Option<&Bitset>, queries: usize) -> f64 {
    let mut random = Random(99);
    let (mut found, mut wanted) = (0, 0);
    for _ in 0..queries {
        let row = &rows[random.below(0..rows.len() as u32) as usize];
        let query: Vec<f32> = row.iter().map(|value| value + 0.3 * random.normal()).collect();
        let ask = |mode| {
            let legs = [DenseLeg { segment, graph: Some(graph), allowed }];
            let hits = dense_top_k(&legs, &query, DenseParams { mode, ..DenseParams::default() }, 10).unwrap();
            hits.into_iter().map(|hit| hit.chunk).collect::<HashSet<u32>>()
        };
        let (exact, walked) = (ask(DenseMode::Flat), ask(DenseMode::Hnsw));
        assert_eq!(exact.len(), walked.len());
        found += exact.intersection(&walked).count();
        wanted += exact.len();
    }
    found as f64 / wanted as f64
}

#[track_caller]
fn check(storage: Storage, metric: Metric) {
    let rows = clustered(&mut Random(5), 2500, 24, 40);
    let segment = vectors_only(&with_vectors(24, storage, metric), 3, &rows);
    let graph = built(&segment);
    assert!(!graph.upper.is_empty());
    let (open, half) = (some(&mut Random(6), 2500, 0.01), some(&mut Random(7), 2500, 0.5));
    for allowed in [None, Some(&open), Some(&half)] {
        let recall = recall(&segment, &graph, &rows, allowed, 60);
        assert!(recall >= 0.99, "{recall}");
    }
}

#[test]
fn recall_of_cosine_int8() {
    check(Storage::Int8, Metric::Cosine);
}

#[test]
fn recall_of_euclidean_f32() {
    check(Storage::F32, Metric::Euclidean);
}

#[test]
fn recall_of_dot_f16() {
    check(Storage::F16, Metric::Dot);
}

/// A filter that has nothing to do with the query: everything near is forbidden.
#[test]
fn recall_with_a_filter_far_from_the_query() {
    let rows = clustered(&mut Random(8), 1500, 16, 3);
    let segment = vectors_only(&with_vectors(16, Storage::Int8, Metric::Cosine), 1, &rows);
    let graph = built(&segment);
    let allowed = Bitset::from_ones(1500, (0..1500).filter(|i| i % 3 == 2));
    let near: Vec<Vec<f32>> = rows.iter().step_by(3).cloned().collect();
    assert!(recall(&segment, &graph, &near, Some(&allowed), 40) >= 0.99);
}

#[test]
fn every_chunk_can_be_reached() {
    // Many equal vectors crowd each other out of the lists of neighbours.
    let mut random = Random(11);
    let rows: Vec<Vec<f32>> = (0..800).map(|i| vec![(i % 7) as f32, 1.0, random.below(0..2) as f32]).collect();
    let segment = vectors_only(&with_vectors(3, Storage::Int8, Metric::Euclidean), 1, &rows);
    let graph = built(&segment);
    let legs = [DenseLeg { segment: &segment, graph: Some(&graph), allowed: None }];
    let params = DenseParams { ef: 799, mode: DenseMode::Hnsw, ..DenseParams::default() };
    assert_eq!(dense_top_k(&legs, &rows[0], params, 799).unwrap().len(), 799);
    let mut offered = 0;
    let probe = Probe::new(segment.vectors().unwrap(), &rows[0], None).unwrap();
    graph.search(&probe, None, 800, &mut |_, _| offered += 1);
    assert_eq!(offered, 800);
}

#[test]
fn graphs_of_any_size_work() {
    for count in [0, 1, 2, 31, 32, 33, 130] {
        let rows = clustered(&mut Random(count), count as usize, 4, 3);
        let segment = vectors_only(&with_vectors(4, Storage::F32, Metric::Cosine), 1, &rows);
        let graph = built(&segment);
        let mut offered = Vec::new();
        let probe = Probe::new(segment.vectors().unwrap(), &[1.0; 4], None).unwrap();
        graph.search(&probe, None, 1000, &mut |chunk, _| offered.push(chunk));
        offered.sort_unstable();
        assert_eq!(offered, (0..count as u32).collect::<Vec<_>>());
    }
}

#[test]
fn same_job_and_seed_same_bytes() {
    let rows = clustered(&mut Random(1), 500, 8, 5);
    let job = graph_job(&vectors_only(&with_vectors(8, Storage::Int8, Metric::Cosine), 1, &rows)).unwrap();
    assert!(build_graph(&job, 7).unwrap() == build_graph(&job, 7).unwrap());
    assert!(build_graph(&job, 7).unwrap() != build_graph(&job, 8).unwrap());
}

#[test]
fn another_segments_graph_is_refused() {
    let config = with_vectors(2, Storage::F32, Metric::Dot);
    let one = vectors_only(&config, 1, &[vec![1.0, 2.0], vec![2.0, 1.0]]);
    let bytes = build_graph(&graph_job(&one).unwrap(), 1).unwrap();
    let graph = Graph::open(&bytes, &one).unwrap();
    // Another id; the same id with other vectors; the same id without.
    let other = vectors_only(&config, 2, &[vec![1.0, 2.0], vec![2.0, 1.0]]);
    let changed = vectors_only(&config, 1, &[vec![1.0, 2.0], vec![2.0, 3.0]]);
    let lexical = crate::index::testing::segment(&crate::index::testing::lexical(), 1, &[]);
    assert_eq!(Graph::open(&bytes, &other).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(Graph::open(&bytes, &changed).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(Graph::open(&bytes, &lexical).unwrap_err().kind, ErrorKind::InvalidInput);
    assert_eq!(graph_job(&lexical).unwrap_err().kind, ErrorKind::InvalidInput);
    let legs = [DenseLeg { segment: &changed, graph: Some(&graph), allowed: None }];
    let params = DenseParams { ef: 1, mode: DenseMode::Hnsw, ..DenseParams::default() };
    assert_eq!(dense_top_k(&legs, &[1.0, 1.0], params, 1).unwrap_err().kind, ErrorKind::Internal);
}

/// A segment of 120 vectors, its job and its graph: built once for all cases below.
fn sample() -> &'static (Segment, Vec<u8>, Vec<u8>) {
    static SAMPLE: OnceLock<(Segment, Vec<u8>, Vec<u8>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let rows = clustered(&mut Random(2), 120, 3, 4);
        let segment = vectors_only(&with_vectors(3, Storage::Int8, Metric::Cosine), 1, &rows);
        let job = graph_job(&segment).unwrap();
        let graph = build_graph(&job, 1).unwrap();
        (segment, job, graph)
    })
}

proptest! {
    #[test]
    fn damage_is_an_error(at: prop::sample::Index, bit in 0u8..8) {
        let (segment, job, graph) = sample();
        let damaged = |bytes: &[u8]| {
            let mut bad = bytes.to_vec();
            bad[at.index(bytes.len())] ^= 1 << bit;
            bad
        };
        prop_assert!(Graph::open(&damaged(graph), segment).is_err());
        prop_assert!(Graph::open(&graph[..at.index(graph.len())], segment).is_err());
        prop_assert!(build_graph(&damaged(job), 1).is_err());
        prop_assert!(build_graph(&job[..at.index(job.len())], 1).is_err());
        // Checksums made right again: refused, or some other graph that answers.
        let mut bad = damaged(graph);
        crate::index::testing::repair(&mut bad);
        if let Ok(graph) = Graph::open(&bad, segment) {
            let probe = Probe::new(segment.vectors().unwrap(), &[1.0, -1.0, 0.5], None).unwrap();
            graph.search(&probe, None, 10, &mut |chunk, score| assert!(chunk < 120 && score.is_finite()));
        }
    }
}
