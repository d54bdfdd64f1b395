//! Block-max MaxScore in windows (Turtle and Flood 1995; Ding and Suel 2011; windows as in Lucene's bulk scorer).
//!
//! Within a window of chunks, the terms are split by the most that each can add there: those that together cannot
//! reach the threshold only refine the chunks that the others find. The others are added up in bulk.

use super::model::{shown, Plan, PlannedTerm};
use super::Leg;
use crate::index::postings::{Cursor, END};
use crate::index::top::{Scored, Top};
use crate::sorting::sort_by;

/// Chunks of a window: 32 kB of sums stay in the first-level cache.
pub(in crate::index) const WINDOW: usize = 4096;

struct TermCursor<'a> {
    cursor: Cursor<'a>,
    weight: f64,
    /// The most it adds in the current window.
    most: f64,
}

/// Offers the chunks of one leg. They must come after everything that was offered before: a chunk that merely equals
/// the threshold is passed over.
pub(super) fn search(plan: &Plan, index: u32, leg: &Leg, window: usize, top: &mut Top) {
    let Some(postings) = plan.postings(leg) else { return };
    let begin = |term: &PlannedTerm| {
        let cursor = postings.cursor(term.places[index as usize].as_ref()?).ok()?;
        Some(TermCursor { cursor, weight: term.weight, most: 0.0 })
    };
    let mut terms: Vec<TermCursor> = plan.terms.iter().filter_map(begin).collect();
    let lengths = &postings.lengths;
    let mut sums = vec![0.0f64; lengths.len().min(window)];
    let mut touched = vec![0u64; sums.len().div_ceil(64)];
    loop {
        terms.retain(|term| term.cursor.chunk() != END);
        let Some(base) = terms.iter().map(|term| term.cursor.chunk()).min() else { return };
        let end = base.saturating_add(sums.len() as u32);
        for term in &mut terms {
            let most = term.cursor.bounds(end).map(|bound| plan.most(term.weight, bound));
            term.most = most.fold(0.0, f64::max);
        }
        sort_by(&mut terms, |a, b| a.most.total_cmp(&b.most));
        // together[i]: the most that the i weakest terms add up to.
        let mut together = vec![0.0];
        terms.iter().for_each(|term| together.push(together[together.len() - 1] + term.most));
        let weak = together[1..].iter().take_while(|&&most| shown(most) <= top.threshold()).count();
        let (weak, strong) = terms.split_at_mut(weak);

        for term in &mut *strong {
            term.cursor.drain(end, |posting| {
                let contribution = plan.contribution(term.weight, posting, lengths[posting.chunk as usize]);
                if let (Some(more), true) = (contribution, leg.allows(posting.chunk)) {
                    let offset = (posting.chunk - base) as usize;
                    sums[offset] += more;
                    touched[offset / 64] |= 1 << (offset % 64);
                }
            });
        }
        for (word, bits) in touched.iter_mut().enumerate() {
            while *bits != 0 {
                let offset = word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                let chunk = base + offset as u32;
                let sum = std::mem::take(&mut sums[offset]);
                let add = |sum, term: &mut TermCursor| {
                    term.cursor.seek(chunk);
                    let posting = term.cursor.at(chunk);
                    let more = posting.and_then(|it| plan.contribution(term.weight, it, lengths[chunk as usize]));
                    sum + more.unwrap_or(0.0)
                };
                // Strongest first, until the others cannot lift it above the threshold.
                let score =
                    weak.iter_mut().zip(&together[1..]).rev().try_fold(sum, |sum, (term, most)| {
                        (shown(sum + most) > top.threshold()).then(|| add(sum, term))
                    });
                if let Some(score) = score.map(shown).filter(|&score| score > top.threshold()) {
                    top.offer(Scored { segment: index, chunk, score });
                }
            }
        }
        weak.iter_mut().for_each(|term| term.cursor.seek(end));
    }
}
