//! Nearest vectors over several segments: exact scan or graph, whichever is cheaper. A first pass may compare less of
//! each vector, a prefix or its signs, and leave the order of the best to a second one over all that is stored.

mod documents;

use super::bitset::Bitset;
use super::graph::Graph;
use super::segment::Segment;
use super::top::{Scored, Top};
use super::vectors::{Probe, Scan, SignProbe, Storage};
use crate::error::{Error, Result};
use crate::sorting::sort_by_key;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DenseMode {
    /// By estimated cost, for each segment on its own.
    #[default]
    Auto,
    /// Exact scan.
    Flat,
    /// The graph wherever there is one, but for prefixes of dimensions and for fewer allowed chunks than candidates.
    Hnsw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseParams {
    /// Only the first so many dimensions count (Matryoshka). Fewer than all are always scanned exactly. A model that
    /// was not trained for it loses accuracy.
    pub dims: Option<usize>,
    /// The first pass compares with one bit a dimension. Always a scan, but where no more is stored.
    pub signs: bool,
    /// Documents are compared instead of chunks: each as the mean of its own, and it comes as the best of them. Always a
    /// scan in one pass, over numbers and not bits.
    pub documents: bool,
    /// If the first pass compares less than all: how many of its best are compared in full, for the scores that count.
    /// Raised to `k`. `None`: its own scores count.
    pub rescore: Option<usize>,
    /// Candidates that a graph search keeps; raised to `k`. 100 gave recall@10 of .9996 where it was measured.
    pub ef: usize,
    pub mode: DenseMode,
}

impl Default for DenseParams {
    fn default() -> DenseParams {
        DenseParams { dims: None, signs: false, documents: false, rescore: None, ef: 100, mode: DenseMode::Auto }
    }
}

/// One segment of a snapshot, its graph if there is one yet, and the chunks that may be returned (`None`: all).
#[derive(Clone, Copy)]
pub struct DenseLeg<'a> {
    pub segment: &'a Segment,
    pub graph: Option<&'a Graph>,
    pub allowed: Option<&'a Bitset>,
}

/// What a graph search costs, in rows of an exact scan, for each candidate that it keeps: some 25 rows are compared
/// for a candidate, each fetched from elsewhere, which takes about twice as long as the next row of a scan.
const ROWS_PER_CANDIDATE: u64 = 50;

/// The `k` chunks nearest to `query`, score descending, then `(segment, chunk)` ascending. Segments without vectors
/// have none. Scores are those of the metric: see [`Metric`](super::Metric).
///
/// # Errors
/// `InvalidInput` when `query` has another width than a segment, is not finite, or `dims` is 0 or above the width.
pub fn dense_top_k(legs: &[DenseLeg], query: &[f32], params: DenseParams, k: usize) -> Result<Vec<Scored>> {
    let whole = params.dims.is_none_or(|dims| dims == query.len()) && !params.signs;
    let second = params.rescore.filter(|_| !whole && !params.documents && k > 0).map(|count| count.max(k));
    let mut top = Top::new(second.unwrap_or(k));
    for (segment, leg) in (0..).zip(legs) {
        let Some(vectors) = leg.segment.vectors() else { continue };
        if params.documents {
            documents::offer(leg, vectors, query, params.dims, segment, &mut top)?;
            continue;
        }
        if params.signs && vectors.config().storage != Storage::Binary {
            let probe = SignProbe::new(vectors, query, params.dims)?;
            scan(&probe, leg.allowed, vectors.len(), segment, &mut top);
            continue;
        }
        let probe = Probe::new(vectors, query, params.dims)?;
        if k == 0 {
            continue;
        }
        let ef = params.ef.max(k).min(vectors.len());
        match leg.graph.filter(|_| whole && graph_pays(leg, ef, params.mode)) {
            Some(graph) if !graph.belongs_to(leg.segment) => {
                return Err(Error::internal(format!("the graph of another segment than {}", leg.segment.id())));
            }
            Some(graph) => {
                graph.search(&probe, leg.allowed, ef, &mut |chunk, score| top.offer(Scored { segment, chunk, score }));
            }
            None => scan(&probe, leg.allowed, vectors.len(), segment, &mut top),
        }
    }
    match second {
        Some(_) => dense_rescore(legs, query, None, top.into_sorted(), k),
        None => Ok(top.into_sorted()),
    }
}

/// The best `k` of some that were found otherwise, by their vectors. Those without one are left out. `dims`: as in
/// [`DenseParams`].
///
/// # Errors
/// As of [`dense_top_k`].
pub fn dense_rescore(
    legs: &[DenseLeg],
    query: &[f32],
    dims: Option<usize>,
    mut found: Vec<Scored>,
    k: usize,
) -> Result<Vec<Scored>> {
    let mut top = Top::new(k);
    sort_by_key(&mut found, |scored| (scored.segment, scored.chunk));
    for group in found.chunk_by(|a, b| a.segment == b.segment) {
        let Some(vectors) = legs[group[0].segment as usize].segment.vectors() else { continue };
        let probe = Probe::new(vectors, query, dims)?;
        group.iter().for_each(|scored| top.offer(Scored { score: probe.one(scored.chunk as usize), ..*scored }));
    }
    Ok(top.into_sorted())
}

/// A traversal must meet `ef` allowed chunks, and meets others on the way in proportion.
fn graph_pays(leg: &DenseLeg, ef: usize, mode: DenseMode) -> bool {
    let all = u64::from(leg.segment.chunks());
    let allowed = leg.allowed.map_or(all, |allowed| u64::from(allowed.count()));
    let ef = ef as u64;
    match mode {
        DenseMode::Flat => false,
        DenseMode::Hnsw => allowed > ef,
        DenseMode::Auto => allowed > ef && allowed * allowed > ROWS_PER_CANDIDATE * ef * all,
    }
}

/// Offers every allowed row, in order: a row that merely equals the threshold comes too late.
fn scan(probe: &impl Scan, allowed: Option<&Bitset>, rows: usize, segment: u32, top: &mut Top) {
    let mut threshold = top.threshold();
    let mut offer = |row: usize, score: f32| {
        if score > threshold {
            top.offer(Scored { segment, chunk: row as u32, score });
            threshold = top.threshold();
        }
    };
    match allowed {
        None => probe.each(offer),
        // Whole blocks are some four times as fast as single rows.
        Some(allowed) if allowed.count() as usize > rows / 4 => probe.each(|row, score| {
            if allowed.contains(row as u32) {
                offer(row, score);
            }
        }),
        Some(allowed) => {
            let rows = allowed.ones().map(|row| row as usize).take_while(|&row| row < rows);
            rows.for_each(|row| offer(row, probe.one(row)));
        }
    }
}

#[cfg(test)]
mod tests;
