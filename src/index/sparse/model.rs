//! From a query and the statistics of a snapshot to the score of one posting.
//!
//! Contributions are rounded to a grid so coarse that adding them is exact in f64. So the order of addition does not
//! matter, and a search that skips work ranks exactly as one that scores everything.

use super::{Leg, SparseQuery, SparseScorer, TermContribution};
use crate::index::impacts::{MOST, STEPS};
use crate::index::postings::{Bound, Length, Posting, Postings, Term};
use crate::limits;
use std::collections::HashMap;

/// 1 + ln(tf) for small frequencies.
const LOGS: usize = 32;

enum Formula {
    Bm25 {
        body: f64,
        title: f64,
        /// `k1 * (1 - b)`.
        base: f64,
        /// `k1 * b / avgdl`.
        slope: f64,
    },
    TfIdf {
        logs: Vec<f64>,
    },
    Impact,
}

impl Formula {
    /// The frequency that counts.
    #[inline]
    fn tf(&self, body: u32, title: u32) -> f64 {
        match self {
            Formula::Bm25 { body: b, title: t, .. } => b * f64::from(body) + t * f64::from(title),
            Formula::TfIdf { .. } | Formula::Impact => f64::from(body) + f64::from(title),
        }
    }

    /// What a term of weight 1 adds: 0..=1, growing with the frequency and falling with the length.
    #[inline]
    fn share(&self, tf: f64, length: Length) -> f64 {
        match self {
            Formula::Bm25 { body, title, base, slope } => {
                let dl = body * f64::from(length.body) + title * f64::from(length.title);
                tf / (tf + (base + slope * dl))
            }
            Formula::TfIdf { logs } => {
                let log = logs.get(tf as usize).copied().unwrap_or_else(|| 1.0 + tf.ln());
                log / f64::from(length.norm)
            }
            Formula::Impact => tf / f64::from(MOST),
        }
    }
}

/// A query term that occurs somewhere.
pub(in crate::index) struct PlannedTerm {
    text: String,
    df: u32,
    idf: f64,
    /// What its share is multiplied by.
    pub weight: f64,
    /// Its entry in the lexicon of each leg.
    pub places: Vec<Option<Term>>,
}

pub(in crate::index) struct Plan {
    scorer: SparseScorer,
    formula: Formula,
    pub terms: Vec<PlannedTerm>,
    /// Adding and subtracting it rounds to the grid.
    round: f64,
}

impl Plan {
    pub fn new(legs: &[Leg], query: &SparseQuery) -> Plan {
        let sources: Vec<Option<&Postings>> = legs.iter().map(|leg| leg.postings(query.scorer)).collect();
        let filled: u64 = sources.iter().flatten().map(|postings| u64::from(postings.filled)).sum();
        let mut terms = Vec::new();
        for (text, weight) in merged(query) {
            let places: Vec<_> = sources.iter().map(|postings| postings.as_ref()?.lexicon.find(text)).collect();
            let df: u64 = places.iter().flatten().map(|place| u64::from(place.df)).sum();
            let (n, d) = (filled as f64, df as f64);
            let idf = match query.scorer {
                SparseScorer::Bm25 { .. } => (1.0 + (n - d + 0.5) / (d + 0.5)).ln(),
                SparseScorer::TfIdf => 1.0 + ((1.0 + n) / (1.0 + d)).ln(),
                SparseScorer::Impact => weight,
            };
            let weight = match query.scorer {
                SparseScorer::Impact => weight * f64::from(MOST) / STEPS,
                _ => weight * idf,
            };
            if df > 0 {
                let df = u32::try_from(df).unwrap_or(u32::MAX);
                terms.push(PlannedTerm { text: text.to_owned(), df, idf, weight, places });
            }
        }
        if terms.len() > limits::QUERY_TERMS {
            let mut dfs: Vec<(u32, usize)> = terms.iter().map(|term| term.df).zip(0..).collect();
            let (_, &mut most, _) = dfs.select_nth_unstable(limits::QUERY_TERMS - 1);
            let mut index = 0;
            terms.retain(|term| {
                index += 1;
                (term.df, index - 1) <= most
            });
        }
        let formula = match query.scorer {
            SparseScorer::Bm25 { k1, b, title_weight, body_weight } => {
                let [k1, title, body] = [k1, title_weight, body_weight].map(positive);
                let b = positive(b).min(1.0);
                let total = sources.iter().flatten().map(|postings| postings.total);
                let total: f64 = total.map(|(bodies, titles)| body * bodies as f64 + title * titles as f64).sum();
                let slope = if total > 0.0 { k1 * b * filled as f64 / total } else { 0.0 };
                Formula::Bm25 { body, title, base: k1 * (1.0 - b), slope }
            }
            SparseScorer::TfIdf => {
                let norm = terms.iter().map(|term| term.weight.powi(2)).sum::<f64>().sqrt();
                terms.iter_mut().for_each(|term| term.weight /= norm);
                Formula::TfIdf { logs: (0..LOGS).map(|tf| 1.0 + (tf.max(1) as f64).ln()).collect() }
            }
            SparseScorer::Impact => Formula::Impact,
        };
        // The sum of all weights is a limit for every score; the grid has 2^50 steps up to the power of two above it.
        let most: f64 = terms.iter().map(|term| term.weight).sum();
        let grid = most.max(f64::MIN_POSITIVE).log2().ceil().exp2() * 2f64.powi(-50);
        Plan { scorer: query.scorer, formula, terms, round: 1.5 * 2f64.powi(52) * grid }
    }

    /// What this plan reads of a leg.
    pub fn postings<'a>(&self, leg: &Leg<'a>) -> Option<&'a Postings> {
        leg.postings(self.scorer)
    }

    /// A limit for every score: what the terms would add up to if each gave all it can.
    pub fn ceiling(&self, legs: &[Leg]) -> f64 {
        let most = |term: &PlannedTerm| match self.scorer {
            SparseScorer::Impact => {
                let lists = legs.iter().zip(&term.places).filter_map(|(leg, place)| Some((self.postings(leg)?, place)));
                let lists = lists.filter_map(|(postings, place)| postings.cursor(place.as_ref()?).ok());
                let most = lists.filter_map(|list| list.bounds(u32::MAX).map(|bound| bound.body).max()).max();
                term.weight * f64::from(most.unwrap_or(0)) / f64::from(MOST)
            }
            _ => term.weight,
        };
        self.terms.iter().map(most).sum()
    }

    fn rounded(&self, value: f64) -> f64 {
        (value + self.round) - self.round
    }

    /// What a posting adds to the score of its chunk; `None` when it stands only in fields of weight 0.
    #[inline]
    pub fn contribution(&self, weight: f64, posting: Posting, length: Length) -> Option<f64> {
        let tf = self.formula.tf(posting.body, posting.title);
        (tf > 0.0).then(|| self.rounded(weight * self.formula.share(tf, length)))
    }

    /// At least what any posting within the bound adds: the formula grows with tf and falls with the length, and the
    /// margin is far above the rounding of its few operations.
    pub fn most(&self, weight: f64, bound: &Bound) -> f64 {
        let tf = self.formula.tf(bound.body, bound.title);
        match tf > 0.0 {
            true => self.rounded(weight * self.formula.share(tf, bound.length) * (1.0 + 2f64.powi(-40))),
            false => 0.0,
        }
    }

    pub fn explain(&self, leg: usize, postings: &Postings, chunk: u32) -> Vec<TermContribution> {
        let explain = |term: &PlannedTerm| {
            let mut cursor = postings.cursor(term.places[leg].as_ref()?).ok()?;
            cursor.seek(chunk);
            let posting = cursor.at(chunk)?;
            let score = self.contribution(term.weight, posting, postings.lengths[chunk as usize])?;
            let tf = self.formula.tf(posting.body, posting.title);
            let tf = if self.scorer == SparseScorer::Impact { tf / STEPS } else { tf } as f32;
            Some(TermContribution {
                term: term.text.clone(),
                tf,
                df: term.df,
                idf: term.idf as f32,
                score: shown(score),
            })
        };
        self.terms.iter().filter_map(explain).collect()
    }
}

/// A score as callers see it: finite, and monotone in the sum.
pub(in crate::index) fn shown(sum: f64) -> f32 {
    sum.min(f64::from(f32::MAX)) as f32
}

/// Distinct terms in the order of the query, weights of equal ones added.
fn merged<'a>(query: &SparseQuery<'a>) -> Vec<(&'a str, f64)> {
    let mut seen = HashMap::new();
    let mut terms: Vec<(&str, f64)> = Vec::new();
    for (text, weight) in query.terms {
        let weight = positive(*weight);
        if weight > 0.0 {
            let index = *seen.entry(text.as_str()).or_insert(terms.len());
            match terms.get_mut(index) {
                Some(term) => term.1 += weight,
                None => terms.push((text, weight)),
            }
        }
    }
    terms
}

fn positive(value: f32) -> f64 {
    if value.is_finite() {
        f64::from(value.max(0.0))
    } else {
        0.0
    }
}
