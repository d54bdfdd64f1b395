//! Words and vectors in one pass over one index, with one score. For every chunk that may be returned,
//!
//! `score = (w_s * sparse / most + w_d * dense) / (w_s + w_d)`
//!
//! where `sparse` is the score of the query's terms (0 if it holds none), `dense` that of the vectors (0 without one),
//! and `most` what the terms would add up to if each gave all it can: the sum of their idf under BM25, so that
//! `sparse / most` is between 0 and 1 as a cosine is. The postings are added up window by window, and each chunk of the
//! window gets its inner product before it is compared with the k-th best so far: nothing is cut off before both
//! signals are in, unlike with two rankings that are fused.

use super::dense::DenseLeg;
use super::postings::{Cursor, END};
use super::sparse::model::{shown, Plan};
use super::sparse::search::WINDOW;
use super::sparse::{Leg, SparseQuery};
use super::top::{Scored, Top};
use super::vectors::{Probe, Scan};
use crate::error::{Error, Result};
use crate::sorting::sort_by;

/// What a joint search looks for.
#[derive(Clone, Copy, Debug)]
pub struct JointQuery<'a> {
    pub terms: SparseQuery<'a>,
    pub vector: &'a [f32],
    /// Leading dimensions that count, all if `None`.
    pub dims: Option<usize>,
    /// `w_s` and `w_d`: not negative, not both 0.
    pub sparse: f32,
    pub dense: f32,
}

/// The best chunks by their one score, and both parts of it, each list in its own order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Joint {
    pub joint: Vec<Scored>,
    /// Those that hold a term, by the score of the terms.
    pub sparse: Vec<Scored>,
    /// Those that have a vector, by the score of the vectors.
    pub dense: Vec<Scored>,
}

/// The best `k` of all allowed chunks, score descending, then `(segment, chunk)` ascending. It reads every vector.
///
/// # Errors
/// `InvalidInput` for weights that cannot be and for a vector that does not fit (see [`dense_top_k`](super::dense_top_k)).
pub fn joint_top_k(legs: &[DenseLeg], query: &JointQuery, k: usize) -> Result<Joint> {
    let (sparse, dense) = (f64::from(query.sparse), f64::from(query.dense));
    let whole = sparse + dense;
    if !(whole.is_finite() && whole > 0.0 && sparse >= 0.0 && dense >= 0.0) {
        return Err(Error::invalid(format!("joint search with weights {sparse} and {dense}")));
    }
    let lists: Vec<Leg> = legs.iter().map(|leg| Leg { segment: leg.segment, allowed: leg.allowed }).collect();
    let plan = Plan::new(&lists, &query.terms);
    let most = plan.ceiling(&lists).max(f64::MIN_POSITIVE);
    let mut top = Top::new(k);
    let (mut sums, mut probes) = (Vec::new(), Vec::new());
    for (index, leg) in (0u32..).zip(legs) {
        let probe = leg.segment.vectors().map(|vectors| Probe::new(vectors, query.vector, query.dims)).transpose()?;
        let mut scores = Sums::new(&plan, &lists[index as usize], index);
        let all = leg.segment.chunks() as usize;
        let mut kept = vec![0.0f32; all];
        for start in (0..all).step_by(WINDOW) {
            let window = start..all.min(start + WINDOW);
            scores.add(&plan, window.end as u32, &mut kept);
            let mut threshold = top.threshold();
            let mut offer = |row: usize, near: f32| {
                let score = (sparse * f64::from(kept[row]) / most + dense * f64::from(near)) / whole;
                if shown(score) > threshold && leg.allowed.is_none_or(|allowed| allowed.contains(row as u32)) {
                    top.offer(Scored { segment: index, chunk: row as u32, score: shown(score) });
                    threshold = top.threshold();
                }
            };
            match &probe {
                Some(probe) => probe.range(window, offer),
                None => window.for_each(|row| offer(row, 0.0)),
            }
        }
        sums.push(kept);
        probes.push(probe);
    }
    let joint = if k > 0 { top.into_sorted() } else { Vec::new() };
    let part = |score: &dyn Fn(&Scored) -> Option<f32>| {
        let mut part: Vec<Scored> =
            joint.iter().filter_map(|hit| Some(Scored { score: score(hit)?, ..*hit })).collect();
        sort_by(&mut part, Ord::cmp);
        part
    };
    let sparse = part(&|hit| Some(sums[hit.segment as usize][hit.chunk as usize]).filter(|sum| *sum > 0.0));
    let dense = part(&|hit| probes[hit.segment as usize].as_ref().map(|probe| probe.one(hit.chunk as usize)));
    Ok(Joint { sparse, dense, joint })
}

/// The lists of a segment, added up from front to back.
struct Sums<'a> {
    lists: Vec<(Cursor<'a>, f64)>,
    leg: Leg<'a>,
    /// Of one window, so that the addition is exact before it is rounded once.
    window: Vec<f64>,
    done: u32,
}

impl<'a> Sums<'a> {
    fn new(plan: &Plan, leg: &Leg<'a>, index: u32) -> Sums<'a> {
        let postings = plan.postings(leg);
        let begin = |term: &super::sparse::model::PlannedTerm| {
            let place = term.places.get(index as usize)?.as_ref()?;
            Some((postings?.cursor(place).ok()?, term.weight))
        };
        Sums { lists: plan.terms.iter().filter_map(begin).collect(), leg: *leg, window: vec![0.0; WINDOW], done: 0 }
    }

    /// Writes the sums of the chunks up to `end`, at most a window further.
    fn add(&mut self, plan: &Plan, end: u32, out: &mut [f32]) {
        let Some(postings) = plan.postings(&self.leg) else { return };
        let (start, lengths) = (self.done, &postings.lengths);
        self.window.fill(0.0);
        for (list, weight) in self.lists.iter_mut().filter(|(list, _)| list.chunk() != END) {
            list.drain(end, |posting| {
                let more = plan.contribution(*weight, posting, lengths[posting.chunk as usize]);
                self.window[(posting.chunk - start) as usize] += more.unwrap_or(0.0);
            });
        }
        let sums = out[start as usize..end as usize].iter_mut().zip(&self.window);
        sums.for_each(|(out, sum)| *out = shown(*sum));
        self.done = end;
    }
}

#[cfg(test)]
mod tests;
