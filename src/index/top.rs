//! The best `k` of many scored chunks.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One chunk that was found. Ordered as results are shown: score descending, then `(segment, chunk)` ascending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Position of its leg in the slice that was searched.
    pub segment: u32,
    pub chunk: u32,
    /// Finite; higher is better.
    pub score: f32,
}

impl Eq for Scored {}

impl Ord for Scored {
    /// `Less` is better, so that sorting puts the best first and a max-heap has the worst on top.
    fn cmp(&self, other: &Scored) -> Ordering {
        let ties = (self.segment, self.chunk).cmp(&(other.segment, other.chunk));
        other.score.total_cmp(&self.score).then(ties)
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Scored) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `k` that were offered, in any order of offering.
pub(crate) struct Top {
    k: usize,
    heap: BinaryHeap<Scored>,
}

impl Top {
    /// Nothing is allocated ahead for `k`, which may be a user's "everything".
    pub fn new(k: usize) -> Top {
        Top { k, heap: BinaryHeap::new() }
    }

    pub fn offer(&mut self, candidate: Scored) {
        if self.heap.len() < self.k {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut() {
            if candidate < *worst {
                *worst = candidate;
            }
        }
    }

    /// What a candidate must beat: the worst score kept once `k` are kept, minus infinity before. A candidate of this
    /// very score enters only by its smaller `(segment, chunk)`.
    pub fn threshold(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.k => worst.score,
            _ if self.k == 0 => f32::INFINITY,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Best first.
    pub fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_what_sorting_would(scores in proptest::collection::vec((0u32..3, -4i8..4), 0..60), k in 0usize..70) {
            let rows = scores.iter().enumerate();
            let all: Vec<Scored> = rows
                .map(|(i, &(segment, score))| Scored { segment, chunk: i as u32, score: f32::from(score) })
                .collect();
            let mut top = Top::new(k);
            for (seen, &candidate) in all.iter().enumerate() {
                top.offer(candidate);
                prop_assert!(k == 0 || seen + 1 < k || top.threshold().is_finite());
            }
            let mut expected = all;
            expected.sort();
            expected.truncate(k);
            prop_assert_eq!(top.into_sorted(), expected);
        }
    }
}
