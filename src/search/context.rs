//! From ranked chunks to what a language model is given to read: few, different, within a budget of tokens, neighbours
//! as one passage, the best where it is read best.

use super::options::{at_most, share};
use crate::error::Result;
use crate::limits;
use crate::sorting::sort_by_key;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ops::Range;

/// In which order passages are put before a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextOrder {
    /// Best first.
    Score,
    /// The best at both ends, the worst in the middle, where models read least (Liu et al., "Lost in the Middle", 2023).
    EdgesFirst,
    /// Passages of one document together and as they stand in it.
    Document,
}

/// What a language model is to read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextOptions {
    /// Budget for numbers, titles, headings and texts together, counted with the embedder's tokenizer.
    pub tokens: usize,
    /// Chunks at most.
    pub passages: usize,
    /// 0: by relevance alone; 1: as unlike each other as can be.
    pub diversity: f32,
    pub order: ContextOrder,
}

impl Default for ContextOptions {
    fn default() -> ContextOptions {
        ContextOptions { tokens: 2000, passages: 10, diversity: 0.0, order: ContextOrder::Score }
    }
}

impl ContextOptions {
    pub(super) fn check(&self) -> Result<()> {
        at_most("context.passages", self.passages, limits::CONTEXT_PASSAGES)?;
        share("context.diversity", self.diversity)
    }
}

/// A chunk that may be chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its document; equal for chunks of one document.
    pub document: (u32, u32),
    /// Its number within the document.
    pub chunk: u32,
    pub score: f32,
    pub tokens: usize,
    /// Its analysed terms in order, by which near-duplicates are known.
    pub terms: Vec<String>,
    /// By which differences are measured; without, the shares of common terms are.
    pub vector: Option<Vec<f32>>,
}

/// Chunks of one document, neighbours of each other, that are read as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Position of its best chunk among the choices.
    pub best: usize,
    pub chunks: Range<u32>,
}

/// Share of a chunk's shingles that another one holds, from which it says nothing new (Broder 1997: containment).
const DUPLICATE: f32 = 0.8;
/// Terms of a shingle.
const SHINGLE: usize = 4;

/// Chooses among ranked chunks, best first. Chunks that repeat a chosen one are left out; each next one is that of
/// greatest marginal relevance, `(1 - diversity) * relevance - diversity * similarity to the nearest chosen one`
/// (Carbonell and Goldstein, SIGIR 1998), with relevance as scores between 0 and 1. What does not fit into the budget is
/// passed over. Chosen neighbours become one run.
pub fn select(choices: &[Choice], options: &ContextOptions) -> Vec<Run> {
    let shingles: Vec<HashSet<&[String]>> = choices.iter().map(|choice| shingles(&choice.terms)).collect();
    let relevance = relevance(choices);
    let mut nearest = vec![0f32; choices.len()];
    let mut open: Vec<usize> = (0..choices.len()).collect();
    let (mut chosen, mut left): (Vec<usize>, usize) = (Vec::new(), options.tokens);
    while chosen.len() < options.passages {
        open.retain(|&at| choices[at].tokens <= left);
        let gain = |at: usize| (1.0 - options.diversity) * relevance[at] - options.diversity * nearest[at];
        let best = open.iter().copied().max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(b.cmp(&a)));
        let Some(best) = best else { break };
        open.retain(|&at| at != best);
        if chosen.iter().any(|&earlier| repeats(&shingles[best], &shingles[earlier])) {
            continue;
        }
        left -= choices[best].tokens;
        chosen.push(best);
        for &at in &open {
            nearest[at] = nearest[at].max(similarity(&choices[at], &choices[best]));
        }
    }
    let mut runs = join(choices, &chosen);
    arrange(choices, &mut runs, options.order);
    runs
}

/// Scores brought to 0..1; all 1 where they are equal.
fn relevance(choices: &[Choice]) -> Vec<f32> {
    let scores = || choices.iter().map(|choice| choice.score);
    let (low, high) = (scores().fold(f32::INFINITY, f32::min), scores().fold(f32::NEG_INFINITY, f32::max));
    scores().map(|score| if high > low { (score - low) / (high - low) } else { 1.0 }).collect()
}

fn shingles(terms: &[String]) -> HashSet<&[String]> {
    match terms.len() {
        0 => HashSet::new(),
        short if short < SHINGLE => HashSet::from([terms]),
        _ => terms.windows(SHINGLE).collect(),
    }
}

fn repeats(new: &HashSet<&[String]>, earlier: &HashSet<&[String]>) -> bool {
    !new.is_empty() && new.intersection(earlier).count() as f32 >= DUPLICATE * new.len() as f32
}

/// Cosine of the vectors, not below 0; without vectors the share of common terms (Jaccard).
fn similarity(a: &Choice, b: &Choice) -> f32 {
    if let (Some(a), Some(b)) = (&a.vector, &b.vector) {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let norms = (dot(a, a) * dot(b, b)).sqrt();
        return if norms > 0.0 { (dot(a, b) / norms).max(0.0) } else { 0.0 };
    }
    let (a, b): (HashSet<&String>, HashSet<&String>) = (a.terms.iter().collect(), b.terms.iter().collect());
    match a.union(&b).count() {
        0 => 0.0,
        union => a.intersection(&b).count() as f32 / union as f32,
    }
}

/// Neighbours of one document as one; runs in the order of their best chunks, as these were chosen.
fn join(choices: &[Choice], chosen: &[usize]) -> Vec<Run> {
    let mut by_place: Vec<(usize, usize)> = chosen.iter().copied().enumerate().collect();
    sort_by_key(&mut by_place, |&(_, at)| (choices[at].document, choices[at].chunk));
    let mut runs: Vec<(usize, Run)> = Vec::new();
    for (rank, at) in by_place {
        let chunk = choices[at].chunk;
        match runs.last_mut() {
            Some((first, run)) if choices[run.best].document == choices[at].document && run.chunks.end == chunk => {
                run.chunks.end = chunk + 1;
                if rank < *first {
                    (*first, run.best) = (rank, at);
                }
            }
            _ => runs.push((rank, Run { best: at, chunks: chunk..chunk + 1 })),
        }
    }
    sort_by_key(&mut runs, |(rank, _)| *rank);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn arrange(choices: &[Choice], runs: &mut Vec<Run>, order: ContextOrder) {
    match order {
        ContextOrder::Score => {}
        ContextOrder::Document => {
            // Documents as their best runs stand, within each as it is written.
            let documents: Vec<_> = runs.iter().map(|run| choices[run.best].document).collect();
            let first = |run: &Run| documents.iter().position(|known| *known == choices[run.best].document);
            sort_by_key(runs, |run| (first(run), run.chunks.start));
        }
        ContextOrder::EdgesFirst => {
            let (mut front, mut back) = (Vec::new(), Vec::new());
            for (at, run) in std::mem::take(runs).into_iter().enumerate() {
                if at % 2 == 0 { &mut front } else { &mut back }.push(run);
            }
            front.extend(back.into_iter().rev());
            *runs = front;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choice(document: u32, chunk: u32, score: f32, text: &str) -> Choice {
        let terms: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Choice { document: (0, document), chunk, score, tokens: terms.len(), terms, vector: None }
    }

    fn options(tokens: usize) -> ContextOptions {
        ContextOptions { tokens, ..ContextOptions::default() }
    }

    /// Documents of the runs, in order.
    fn documents(choices: &[Choice], options: &ContextOptions) -> Vec<u32> {
        select(choices, options).iter().map(|run| choices[run.best].document.1).collect()
    }

    #[test]
    fn the_budget_is_kept_and_smaller_ones_still_fit() {
        let choices = [choice(1, 0, 3.0, "a b c"), choice(2, 0, 2.0, "d e f g"), choice(3, 0, 1.0, "h i")];
        assert_eq!(documents(&choices, &options(5)), [1, 3]);
        assert_eq!(documents(&choices, &options(2)), [3]);
        assert_eq!(documents(&choices, &ContextOptions { passages: 1, ..options(9) }), [1]);
    }

    #[test]
    fn what_repeats_a_chosen_one_is_left_out() {
        let text = "the tide rises twice a day along this coast";
        let choices =
            [choice(1, 0, 3.0, text), choice(2, 0, 2.0, text), choice(3, 0, 1.0, "the moon pulls at the sea")];
        assert_eq!(documents(&choices, &options(100)), [1, 3]);
    }

    #[test]
    fn neighbours_become_one_run_of_the_better_rank() {
        let choices = [choice(1, 4, 4.0, "a"), choice(2, 0, 3.0, "b"), choice(1, 3, 2.0, "c"), choice(1, 6, 1.0, "d")];
        let runs = select(&choices, &options(100));
        let expected = [(0, 3..5), (1, 0..1), (3, 6..7)].map(|(best, chunks)| Run { best, chunks });
        assert_eq!(runs, expected);
    }

    #[test]
    fn diversity_prefers_what_is_unlike() {
        let mut choices = [choice(1, 0, 1.0, "a"), choice(2, 0, 0.9, "b"), choice(3, 0, 0.5, "c")];
        let vectors = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]];
        for (choice, vector) in choices.iter_mut().zip(vectors) {
            choice.vector = Some(vector.to_vec());
        }
        assert_eq!(documents(&choices, &options(100)), [1, 2, 3]);
        assert_eq!(documents(&choices, &ContextOptions { diversity: 0.7, ..options(100) }), [1, 3, 2]);
    }

    #[test]
    fn orders() {
        let choices: Vec<Choice> = (0..5).map(|at| choice(at, 0, 5.0 - at as f32, &format!("t{at}"))).collect();
        let ordered = |order| documents(&choices, &ContextOptions { order, ..options(100) });
        assert_eq!(ordered(ContextOrder::Score), [0, 1, 2, 3, 4]);
        assert_eq!(ordered(ContextOrder::EdgesFirst), [0, 2, 4, 3, 1]);
        let choices = [choice(1, 6, 3.0, "a"), choice(2, 0, 2.0, "b"), choice(1, 0, 1.0, "c")];
        let runs = select(&choices, &ContextOptions { order: ContextOrder::Document, ..options(100) });
        assert_eq!(runs.iter().map(|run| run.best).collect::<Vec<_>>(), [2, 0, 1]);
    }

    fn choices() -> impl Strategy<Value = Vec<Choice>> {
        let one = (0u32..4, 0u32..5, 0f32..1.0, "[a-d]( [a-d]){0,7}");
        proptest::collection::vec(one, 0..14).prop_map(|all| {
            let mut seen = HashSet::new();
            let all = all.into_iter().filter(|one| seen.insert((one.0, one.1)));
            all.map(|(document, chunk, score, text)| choice(document, chunk, score, &text)).collect()
        })
    }

    proptest! {
        #[test]
        fn runs_are_apart_within_budget_and_without_holes(choices in choices(), tokens in 0usize..40, diversity in 0f32..=1.0) {
            let options = ContextOptions { diversity, ..options(tokens) };
            let runs = select(&choices, &options);
            let mut read = 0;
            let mut seen = HashSet::new();
            for run in &runs {
                let document = choices[run.best].document;
                prop_assert!(run.chunks.contains(&choices[run.best].chunk));
                for chunk in run.chunks.clone() {
                    let found = choices.iter().find(|one| one.document == document && one.chunk == chunk);
                    prop_assert!(found.is_some() && seen.insert((document, chunk)));
                    read += found.map_or(0, |one| one.tokens);
                }
            }
            prop_assert!(read <= tokens);
            let touching = runs.iter().any(|run| seen.contains(&(choices[run.best].document, run.chunks.end)));
            prop_assert!(!touching);
        }
    }
}
