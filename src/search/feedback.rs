//! Pseudo-relevance feedback: the first answers are taken for relevant, and what they have in common is added to the
//! question. [`rm3`] adds words to a lexical query, [`rocchio`] moves the vector of a dense one.

use super::options::{at_most, positive, share};
use crate::error::Result;
use crate::limits;
use crate::sorting::sort_by;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Pseudo-relevance feedback: the first answers are taken for relevant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackOptions {
    /// Answers of the first pass that are taken for relevant.
    pub documents: usize,
    /// Terms that the lexical query gains.
    pub terms: usize,
    /// Share of the original query in the new one, 0..=1.
    pub original: f32,
    /// Weight of the query's own vector, and of the mean of the answers' vectors.
    pub alpha: f32,
    pub beta: f32,
}

impl Default for FeedbackOptions {
    fn default() -> FeedbackOptions {
        // The customary half of the weight for feedback lost 2 to 6 points of nDCG@10 on each collection that was tried; a
        // tenth costs nothing and finds more among the first hundred.
        FeedbackOptions { documents: 10, terms: 20, original: 0.9, alpha: 0.9, beta: 0.1 }
    }
}

impl FeedbackOptions {
    pub(super) fn check(&self) -> Result<()> {
        at_most("expand.feedback.documents", self.documents, limits::FEEDBACK_DOCUMENTS)?;
        at_most("expand.feedback.terms", self.terms, limits::QUERY_TERMS)?;
        share("expand.feedback.original", self.original)?;
        positive("expand.feedback.alpha", self.alpha)?;
        positive("expand.feedback.beta", self.beta)
    }
}

/// What one answer of the first pass says.
#[derive(Debug)]
pub struct Feedback {
    /// Its terms with their weights, not negative: how often each occurs, or what a model says. One may come repeatedly.
    pub terms: Vec<(String, f32)>,
    /// How relevant it seems: its score, not negative.
    pub score: f32,
}

/// The relevance model RM1 of the given answers: `P(w|R) = sum over answers of P(w|d) * score(d) / sum of scores`, with
/// `P(w|d)` the share of `w` in the weight of all terms of `d` (Lavrenko and Croft, "Relevance-Based Language Models",
/// SIGIR 2001).
/// Heaviest first; equal weights by term. Where no answer has a score above 0, all count alike.
pub fn relevance_model(answers: &[Feedback]) -> Vec<(String, f32)> {
    let total: f32 = answers.iter().map(|answer| answer.score).sum();
    let mut model: HashMap<&str, f32> = HashMap::new();
    for answer in answers {
        let trust = if total > 0.0 { answer.score / total } else { 1.0 / answers.len() as f32 };
        let terms = || answer.terms.iter().filter(|(_, weight)| weight.is_finite() && *weight > 0.0);
        let all: f32 = terms().map(|(_, weight)| weight).sum();
        for (term, weight) in terms() {
            *model.entry(term).or_default() += trust * weight / all;
        }
    }
    let mut model: Vec<(String, f32)> = model.into_iter().map(|(term, weight)| (term.to_owned(), weight)).collect();
    sort_by(&mut model, |a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    model
}

/// RM3: the query and the first `options.terms` of a relevance model, both with weights that add up to 1, mixed with
/// the share `options.original` for the query (Abdul-Jaleel et al., "UMass at TREC 2004"). Terms of the query first.
pub fn rm3(query: &[(String, f32)], model: &[(String, f32)], options: &FeedbackOptions) -> Vec<(String, f32)> {
    let added = &model[..model.len().min(options.terms)];
    let sum = |terms: &[(String, f32)]| terms.iter().map(|term| term.1).sum::<f32>();
    let (of_query, of_model) = (sum(query), sum(added));
    if of_query <= 0.0 || of_model <= 0.0 {
        return query.to_vec();
    }
    let mut mixed: Vec<(String, f32)> =
        query.iter().map(|(term, weight)| (term.clone(), options.original * weight / of_query)).collect();
    for (term, weight) in added {
        let weight = (1.0 - options.original) * weight / of_model;
        match mixed.iter_mut().find(|(known, _)| known == term) {
            Some(known) => known.1 += weight,
            None => mixed.push((term.clone(), weight)),
        }
    }
    mixed
}

/// `options.alpha * query + options.beta * mean of the answers' vectors` (Rocchio 1971, without negative examples; for
/// dense retrieval Li et al., "Improving Query Representations for Dense Retrieval with Pseudo Relevance Feedback").
/// Rows have the query's length.
pub fn rocchio(query: &[f32], answers: &[Vec<f32>], options: &FeedbackOptions) -> Vec<f32> {
    let share = options.beta / answers.len().max(1) as f32;
    let mut moved: Vec<f32> = query.iter().map(|value| options.alpha * value).collect();
    for answer in answers {
        for (sum, value) in moved.iter_mut().zip(answer) {
            *sum += share * value;
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<(String, f32)> {
        text.split(' ').map(|word| (word.to_owned(), 1.0)).collect()
    }

    fn query(terms: &[(&str, f32)]) -> Vec<(String, f32)> {
        terms.iter().map(|&(term, weight)| (term.to_owned(), weight)).collect()
    }

    #[test]
    fn rm3_by_hand() {
        let answers = [("sea sea salt boat", 3.0), ("salt lake", 1.0)];
        let answers = answers.map(|(text, score)| Feedback { terms: words(text), score });
        let model = relevance_model(&answers);
        // sea: 3/4 * 2/4; salt: 3/4 * 1/4 + 1/4 * 1/2; boat: 3/4 * 1/4; lake: 1/4 * 1/2.
        assert_eq!(model, query(&[("sea", 0.375), ("salt", 0.3125), ("boat", 0.1875), ("lake", 0.125)]));
        let options = FeedbackOptions { terms: 2, original: 0.6, ..FeedbackOptions::default() };
        let mixed = rm3(&query(&[("salt", 1.0), ("water", 1.0)]), &model, &options);
        let expected = [("salt", 0.3 + 0.4 * 0.3125 / 0.6875), ("water", 0.3), ("sea", 0.4 * 0.375 / 0.6875)];
        for ((term, weight), (wanted, value)) in mixed.iter().zip(expected) {
            assert_eq!(term, wanted);
            assert!((weight - value).abs() < 1e-6, "{term}: {weight}, not {value}");
        }
    }

    #[test]
    fn rocchio_by_hand() {
        let options = FeedbackOptions { alpha: 0.5, beta: 0.5, ..FeedbackOptions::default() };
        assert_eq!(rocchio(&[1.0, 0.0], &[vec![0.0, 1.0], vec![1.0, 1.0]], &options), [0.75, 0.5]);
        assert_eq!(rocchio(&[1.0, 2.0], &[], &options), [0.5, 1.0]);
    }

    fn answers() -> impl Strategy<Value = Vec<Feedback>> {
        let term = ("[a-f]".prop_map(String::from), 0f32..3.0);
        let answer = (proptest::collection::vec(term, 0..12), 0f32..5.0);
        proptest::collection::vec(answer.prop_map(|(terms, score)| Feedback { terms, score }), 0..6)
    }

    proptest! {
        #[test]
        fn a_relevance_model_is_a_distribution(answers in answers()) {
            let model = relevance_model(&answers);
            let sum: f32 = model.iter().map(|term| term.1).sum();
            prop_assert!(sum <= 1.0 + 1e-5 && model.iter().all(|term| term.1 >= 0.0));
            prop_assert!(model.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        }

        #[test]
        fn rm3_keeps_the_query_and_adds_up_to_one(answers in answers(), original in 0f32..=1.0) {
            let asked = query(&[("a", 1.0), ("z", 2.0)]);
            let options = FeedbackOptions { original, ..FeedbackOptions::default() };
            let model = relevance_model(&answers);
            let mixed = rm3(&asked, &model, &options);
            let kept = mixed[..2].iter().map(|term| term.0.as_str()).eq(["a", "z"]);
            prop_assert!(kept && mixed.len() <= 2 + options.terms);
            let sum: f32 = mixed.iter().map(|term| term.1).sum();
            let untouched = mixed == asked;
            prop_assert!(untouched || (sum - 1.0).abs() < 1e-5, "sum {}", sum);
        }
    }
}
