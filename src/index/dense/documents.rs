//! Documents compared as the mean of their chunks. No vector of a document is stored: products are linear, so that of a
//! query with the mean is the mean of those with the chunks. What the mean's length changes in that is computed once
//! for a segment:
//!
//! ```text
//! cosine      Σ cos(q, x) / |Σ x|
//! dot         Σ q·x / n
//! Euclidean   Σ -|q - x|² / n  +  Σ |x|² / n  -  |Σ x / n|²
//! ```

use super::DenseLeg;
use crate::error::Result;
use crate::index::top::{Scored, Top};
use crate::index::unit::Level;
use crate::index::vectors::{Probe, Scan, Vectors};

/// Offers each document that has an allowed chunk, as its best chunk with the score of the whole.
pub(super) fn offer(
    leg: &DenseLeg,
    vectors: &Vectors,
    query: &[f32],
    dims: Option<usize>,
    segment: u32,
    top: &mut Top,
) -> Result<()> {
    let probe = Probe::new(vectors, query, dims)?;
    let members = leg.segment.of_level(Level::Chunk);
    let is_member = |chunk: u32| members.as_ref().is_none_or(|members| members.contains(chunk));
    let groups = || (0..leg.segment.docs()).map(|doc| leg.segment.doc_chunks(doc).filter(|&chunk| is_member(chunk)));
    let shares = vectors.means(dims.unwrap_or(query.len()), groups());
    let mut scores = Vec::with_capacity(vectors.len());
    probe.each(|_, score| scores.push(score));
    for (chunks, share) in groups().zip(shares.iter()) {
        let allowed = |chunk: &u32| leg.allowed.is_none_or(|allowed| allowed.contains(*chunk));
        let best = chunks
            .clone()
            .filter(allowed)
            .max_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]).then(b.cmp(&a)));
        if let Some(chunk) = best {
            let sum: f32 = chunks.map(|chunk| scores[chunk as usize]).sum();
            top.offer(Scored { segment, chunk, score: share.score(sum) });
        }
    }
    Ok(())
}
