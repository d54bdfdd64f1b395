//! nDCG, recall, reciprocal rank and average precision, as trec_eval defines them: linear gain, discount
//! `log2(rank + 1)`, ideal ranking over all judged documents (Järvelin and Kekäläinen 2002, "Cumulated gain-based
//! evaluation of IR techniques").

use super::statistics::bootstrap_interval;
use crate::sorting::sort_by;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Judgements of one query: document id to grade. Grades above 0 are relevant.
pub type Judgements = HashMap<String, f64>;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueryMetrics {
    pub ndcg_at_10: f64,
    pub recall_at_100: f64,
    pub mrr_at_10: f64,
    pub map: f64,
}

/// Means over the judged queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub mean: QueryMetrics,
    /// 95 % bootstrap interval of the mean nDCG@10.
    pub ci95: (f64, f64),
    /// nDCG@10 of each query in ascending order of query id, for paired comparisons.
    pub per_query: Vec<f64>,
}

impl QueryMetrics {
    /// Metrics of one ranking, best first. A document that is listed twice counts where it is listed first.
    pub fn of<S: AsRef<str>>(ranking: &[S], judgements: &Judgements) -> QueryMetrics {
        let relevant = judgements.values().filter(|&&grade| grade > 0.0).count();
        if relevant == 0 {
            return QueryMetrics::default();
        }
        let mut seen = HashSet::new();
        let unique = ranking.iter().map(AsRef::as_ref).filter(|id| seen.insert(*id));
        let grades: Vec<f64> = unique.map(|id| judgements.get(id).copied().unwrap_or(0.0).max(0.0)).collect();
        let mut ideal: Vec<f64> = judgements.values().copied().filter(|&grade| grade > 0.0).collect();
        sort_by(&mut ideal, |a: &f64, b: &f64| b.total_cmp(a));
        let found_in = |depth: usize| grades.iter().take(depth).filter(|&&grade| grade > 0.0).count();
        let first = grades.iter().take(10).position(|&grade| grade > 0.0);
        let mut hits = 0.0;
        let mut precision_sum = 0.0;
        for (rank, _) in grades.iter().enumerate().filter(|(_, &grade)| grade > 0.0) {
            hits += 1.0;
            precision_sum += hits / (rank + 1) as f64;
        }
        QueryMetrics {
            ndcg_at_10: discounted_gain(&grades) / discounted_gain(&ideal),
            recall_at_100: found_in(100) as f64 / relevant as f64,
            mrr_at_10: first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
            map: precision_sum / relevant as f64,
        }
    }
}

fn discounted_gain(grades: &[f64]) -> f64 {
    let gains = grades.iter().take(10).enumerate();
    gains.map(|(rank, grade)| grade / ((rank + 2) as f64).log2()).sum()
}

/// Evaluates rankings by query id. Every judged query counts, that is one with at least one grade above 0; one
/// without a ranking scores 0. `seed` drives the bootstrap.
pub fn evaluate(run: &HashMap<String, Vec<String>>, qrels: &BTreeMap<String, Judgements>, seed: u64) -> Report {
    let judged = qrels.iter().filter(|(_, judgements)| judgements.values().any(|&grade| grade > 0.0));
    let none = Vec::new();
    let each: Vec<QueryMetrics> =
        judged.map(|(id, judgements)| QueryMetrics::of(run.get(id).unwrap_or(&none), judgements)).collect();
    let count = each.len().max(1) as f64;
    let mean = |metric: fn(&QueryMetrics) -> f64| each.iter().map(metric).sum::<f64>() / count;
    let per_query: Vec<f64> = each.iter().map(|m| m.ndcg_at_10).collect();
    Report {
        mean: QueryMetrics {
            ndcg_at_10: mean(|m| m.ndcg_at_10),
            recall_at_100: mean(|m| m.recall_at_100),
            mrr_at_10: mean(|m| m.mrr_at_10),
            map: mean(|m| m.map),
        },
        ci95: bootstrap_interval(&per_query, seed),
        per_query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgements(pairs: &[(&str, f64)]) -> Judgements {
        pairs.iter().map(|&(id, grade)| (id.to_owned(), grade)).collect()
    }

    #[track_caller]
    fn check(ranking: &[&str], grades: &[(&str, f64)], [ndcg, recall, mrr, map]: [f64; 4]) {
        let found = QueryMetrics::of(ranking, &judgements(grades));
        for (value, expected) in
            [(found.ndcg_at_10, ndcg), (found.recall_at_100, recall), (found.mrr_at_10, mrr), (found.map, map)]
        {
            assert!((value - expected).abs() < 1e-12, "{found:?}, expected {expected}");
        }
    }

    #[test]
    fn a_perfect_ranking_scores_one() {
        check(&["a", "b", "c"], &[("a", 2.0), ("b", 1.0)], [1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn nothing_found_scores_zero() {
        check(&["x"], &[("a", 1.0)], [0.0; 4]);
        check(&[], &[("a", 1.0)], [0.0; 4]);
        check(&["a"], &[("a", 0.0)], [0.0; 4]);
    }

    #[test]
    fn positions_are_discounted_as_worked_by_hand() {
        // Relevant at ranks 2 and 4 of three relevant ones.
        let log = |rank: f64| (rank + 1.0).log2();
        let ideal = 1.0 / log(1.0) + 1.0 / log(2.0) + 1.0 / log(3.0);
        let found = 1.0 / log(2.0) + 1.0 / log(4.0);
        let grades = [("a", 1.0), ("b", 1.0), ("c", 1.0)];
        check(&["x", "a", "y", "b"], &grades, [found / ideal, 2.0 / 3.0, 0.5, (0.5 + 0.5) / 3.0]);
    }

    #[test]
    fn a_repeated_document_gains_nothing() {
        check(&["a", "a", "a"], &[("a", 1.0), ("b", 1.0)], [1.0 / (1.0 + 1.0 / 3f64.log2()), 0.5, 1.0, 0.5]);
    }

    #[test]
    fn only_judged_queries_count() {
        let run = HashMap::from([("1".into(), vec!["a".into()]), ("3".into(), vec!["a".into()])]);
        let qrels = BTreeMap::from([
            ("1".into(), judgements(&[("a", 1.0)])),
            ("2".into(), judgements(&[("a", 1.0)])),
            ("3".into(), judgements(&[("a", 0.0)])),
        ]);
        let report = evaluate(&run, &qrels, 1);
        assert_eq!(report.per_query, [1.0, 0.0]);
        assert_eq!(report.mean.ndcg_at_10, 0.5);
    }
}
