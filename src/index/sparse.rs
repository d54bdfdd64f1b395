//! Lexical scoring over several segments with statistics that are common to all of them.

use super::bitset::Bitset;
use super::segment::Segment;
use super::top::{Scored, Top};
use serde::Serialize;

/// How matching terms become a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SparseScorer {
    /// Lucene's BM25 over combined fields.
    Bm25 {
        k1: f32,
        b: f32,
        title_weight: f32,
        body_weight: f32,
    },
    TfIdf,
}

impl SparseScorer {
    /// Lucene's defaults, both fields alike.
    pub const BM25: SparseScorer = SparseScorer::Bm25 { k1: 1.2, b: 0.75, title_weight: 1.0, body_weight: 1.0 };
}

/// Analysed terms with weights; equal terms add up, terms without a positive finite weight are left out.
#[derive(Clone, Copy, Debug)]
pub struct SparseQuery<'a> {
    pub terms: &'a [(String, f32)],
    pub scorer: SparseScorer,
}

/// One segment of a snapshot, and the chunks of it that may be returned (`None`: all).
#[derive(Clone, Copy)]
pub struct Leg<'a> {
    pub segment: &'a Segment,
    pub allowed: Option<&'a Bitset>,
}

/// What one query term adds to the score of one chunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TermContribution {
    pub term: String,
    /// Weighted frequency in the chunk.
    pub tf: f32,
    /// Chunks of the snapshot that hold the term.
    pub df: u32,
    pub idf: f32,
    pub score: f32,
}

/// The best `k` chunks that hold at least one term, score descending, then `(segment, chunk)` ascending.
pub fn sparse_top_k(_legs: &[Leg], _query: &SparseQuery, k: usize) -> Vec<Scored> {
    Top::new(k).into_sorted()
}

/// The terms of the score of `chunk` in `legs[segment]`; they add up to it. Terms that it does not hold are left out.
pub fn explain_sparse(_legs: &[Leg], _segment: u32, _chunk: u32, _query: &SparseQuery) -> Vec<TermContribution> {
    Vec::new()
}
