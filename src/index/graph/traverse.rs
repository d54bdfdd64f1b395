//! Search of the graph: greedily through the upper layers, best-first through layer zero.

use super::Graph;
use crate::index::bitset::Bitset;
use crate::index::top::{Scored, Top};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Offers the `ef` nearest allowed chunks by `score`, which says how near a chunk is.
pub(super) fn search(
    graph: &Graph,
    score: &dyn Fn(u32) -> f32,
    allowed: Option<&Bitset>,
    ef: usize,
    offer: &mut dyn FnMut(u32, f32),
) {
    let count = graph.zero.len() as u32;
    if count == 0 {
        return;
    }
    let node = |chunk: u32| Scored { segment: 0, chunk, score: score(chunk) };
    let first = node(graph.order.first().copied().unwrap_or(0));
    let entry = descend(graph, score, first.score).map_or(first, node);
    let allows = |chunk: u32| allowed.is_none_or(|allowed| allowed.contains(chunk));

    // `found` keeps what may be returned; whatever else is met only leads on. Nearest first in `ahead`.
    // The first chunk leads to every other, so a filter that lets little through cannot end the search too early.
    let (mut found, mut ahead, mut seen) = (Top::new(ef), BinaryHeap::new(), Bitset::new(count));
    for start in [entry, first] {
        if !seen.contains(start.chunk) {
            seen.insert(start.chunk);
            ahead.push(Reverse(start));
            if allows(start.chunk) {
                found.offer(start);
            }
        }
    }
    while let Some(Reverse(nearest)) = ahead.pop() {
        if nearest.score < found.threshold() {
            break;
        }
        for &link in graph.zero.of(nearest.chunk) {
            if seen.contains(link) {
                continue;
            }
            seen.insert(link);
            let next = node(link);
            if next.score >= found.threshold() {
                ahead.push(Reverse(next));
                if allows(link) {
                    found.offer(next);
                }
            }
        }
    }
    found.into_sorted().into_iter().for_each(|hit| offer(hit.chunk, hit.score));
}

/// The nearest chunk that the upper layers lead to from the first, which has this score.
fn descend(graph: &Graph, score: &dyn Fn(u32) -> f32, first: f32) -> Option<u32> {
    let (mut best, mut at) = (first, 0);
    for layer in graph.upper.iter().rev() {
        loop {
            let here = at;
            for &link in layer.of(here) {
                let near = graph.order.get(link as usize).map_or(f32::NEG_INFINITY, |&chunk| score(chunk));
                if near > best {
                    (best, at) = (near, link);
                }
            }
            if at == here {
                break;
            }
        }
    }
    graph.order.get(at as usize).copied()
}
