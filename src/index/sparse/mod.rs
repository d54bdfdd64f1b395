//! Lexical scoring over several segments with statistics that are common to all of them: [`model`] turns frequencies
//! into scores, [`search`] finds the best without scoring everything.

pub(super) mod model;
pub(super) mod search;

use super::bitset::Bitset;
use super::postings::Postings;
use super::segment::Segment;
use super::top::{Scored, Top};
use model::Plan;
use serde::Serialize;

/// How matching terms become a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SparseScorer {
    /// BM25 as Lucene computes it, both fields combined as in its `CombinedFieldQuery` (BM25F):
    /// `idf * tf / (tf + k1 * (1 - b + b * dl / avgdl))` with `idf = ln(1 + (N - df + 0.5) / (df + 0.5))`,
    /// `tf = body_weight * tf_body + title_weight * tf_title`, `dl` likewise from exact lengths, `avgdl` the mean of
    /// `dl`. `N` counts chunks with at least one term, `df` chunks with the term in either field. Title means the
    /// document's title and the chunk's heading path. Negative or non-finite parameters count as 0, `b` above 1 as 1.
    Bm25 { k1: f32, b: f32, title_weight: f32, body_weight: f32 },
    /// TF-IDF with cosine normalisation, `lnc.ntc` in SMART notation (Manning, Raghavan and Schütze, "Introduction to
    /// Information Retrieval", 6.4.3) with a smoothed idf, fields added up:
    /// `sum of (1 + ln tf) * q / (|chunk| * |query|)`, where `q = weight * (1 + ln((1 + N) / (1 + df)))`, `|query|` is
    /// the root of the sum of `q^2` and `|chunk|` that of `(1 + ln tf)^2` over all terms of the chunk. Between 0 and 1.
    TfIdf,
    /// Weights of a learned sparse model: the inner product of the query's weights with the chunk's, as they are
    /// stored. Segments without them have no hits.
    Impact,
}

impl SparseScorer {
    /// Lucene's defaults, both fields alike.
    pub const BM25: SparseScorer = SparseScorer::Bm25 { k1: 1.2, b: 0.75, title_weight: 1.0, body_weight: 1.0 };
}

/// Analysed terms with weights; equal terms add up, terms without a positive finite weight are left out. Of more than
/// [`QUERY_TERMS`](crate::limits::QUERY_TERMS) terms that occur, the rarest count.
#[derive(Clone, Copy, Debug)]
pub struct SparseQuery<'a> {
    pub terms: &'a [(String, f32)],
    pub scorer: SparseScorer,
}

/// One segment of a snapshot, and the chunks of it that may be returned (`None`: all). What may not be returned still
/// counts in the statistics, deleted documents until they are merged away, as in Lucene.
#[derive(Clone, Copy)]
pub struct Leg<'a> {
    pub segment: &'a Segment,
    pub allowed: Option<&'a Bitset>,
}

impl<'a> Leg<'a> {
    /// What a scorer reads of the segment; `None` if it has no such thing.
    fn postings(&self, scorer: SparseScorer) -> Option<&'a Postings> {
        match scorer {
            SparseScorer::Impact => self.segment.impacts().map(|impacts| &impacts.postings),
            SparseScorer::Bm25 { .. } | SparseScorer::TfIdf => Some(self.segment.postings()),
        }
    }

    fn allows(&self, chunk: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.contains(chunk))
    }
}

/// What one query term adds to the score of one chunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TermContribution {
    pub term: String,
    /// Frequency in the chunk, fields weighted.
    /// Of a learned sparse model: the weight it gave the chunk.
    pub tf: f32,
    /// Chunks of the snapshot that hold the term.
    pub df: u32,
    /// Of a learned sparse model: the weight it gave the query.
    pub idf: f32,
    pub score: f32,
}

/// The best `k` chunks that hold at least one term in a field of positive weight, score descending, then
/// `(segment, chunk)` ascending.
pub fn sparse_top_k(legs: &[Leg], query: &SparseQuery, k: usize) -> Vec<Scored> {
    top_k(legs, query, k, search::WINDOW)
}

fn top_k(legs: &[Leg], query: &SparseQuery, k: usize, window: usize) -> Vec<Scored> {
    let plan = Plan::new(legs, query);
    let mut top = Top::new(k);
    if k > 0 {
        (0..).zip(legs).for_each(|(index, leg)| search::search(&plan, index, leg, window, &mut top));
    }
    top.into_sorted()
}

/// The terms of the score of `chunk` in `legs[segment]`, in the order of the query; they add up to the score, but for
/// rounding. Terms that it does not hold are left out.
pub fn explain_sparse(legs: &[Leg], segment: u32, chunk: u32, query: &SparseQuery) -> Vec<TermContribution> {
    let plan = Plan::new(legs, query);
    let Some(leg) = legs.get(segment as usize) else { return Vec::new() };
    leg.postings(query.scorer).map_or(Vec::new(), |postings| plan.explain(segment as usize, postings, chunk))
}

#[cfg(test)]
mod tests;
