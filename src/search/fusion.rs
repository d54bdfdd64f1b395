//! Several rankings become one: by reciprocal ranks, or by normalised scores.

use super::options::{FusionMethod, FusionOptions, Normalization};
use crate::sorting::sort_by;
use std::collections::HashMap;
use std::hash::Hash;

/// One ranking, best first, with the weight of its voice. A key appears once.
pub struct Ranking<'a, K> {
    pub weight: f32,
    pub items: &'a [(K, f32)],
}

/// Fuses rankings into one, best first; equal scores are ordered by key.
///
/// Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): `sum of weight / (k + rank)` with ranks from 1.
/// Weighted: `sum of weight * normalised score / sum of weights`; what a ranking does not hold counts as its lowest
/// normalised score, 0 for min-max.
pub fn fuse<K: Copy + Eq + Hash + Ord>(rankings: &[Ranking<K>], options: &FusionOptions) -> Vec<(K, f32)> {
    let mut scores: HashMap<K, f32> = HashMap::new();
    match options.method {
        FusionMethod::Rrf => {
            for ranking in rankings {
                for (index, &(key, _)) in ranking.items.iter().enumerate() {
                    *scores.entry(key).or_default() += ranking.weight / (options.k + (index + 1) as f32);
                }
            }
        }
        FusionMethod::Weighted => {
            let total: f32 = rankings.iter().map(|ranking| ranking.weight).sum();
            for ranking in rankings.iter().filter(|_| total > 0.0) {
                let share = ranking.weight / total;
                let normalised = normalise(ranking.items, options.normalize);
                let floor = normalised.iter().copied().fold(f32::INFINITY, f32::min).min(0.0);
                for (&(key, _), score) in ranking.items.iter().zip(normalised) {
                    *scores.entry(key).or_default() += share * (score - floor);
                }
            }
        }
    }
    let mut fused: Vec<(K, f32)> = scores.into_iter().collect();
    sort_by(&mut fused, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused
}

fn normalise<K>(items: &[(K, f32)], how: Normalization) -> Vec<f32> {
    let scores = || items.iter().map(|item| item.1);
    let count = items.len().max(1) as f32;
    let (origin, unit) = match how {
        Normalization::Minmax => {
            let (low, high) = (scores().fold(f32::INFINITY, f32::min), scores().fold(f32::NEG_INFINITY, f32::max));
            (low, high - low)
        }
        Normalization::Zscore => {
            let mean = scores().sum::<f32>() / count;
            (mean, (scores().map(|s| (s - mean).powi(2)).sum::<f32>() / count).sqrt())
        }
    };
    // All equal: everything the ranking holds is equally good, and better than what it does not hold.
    let scale = |score: f32| if unit > 0.0 { (score - origin) / unit } else { 1.0 };
    scores().map(scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(method: FusionMethod) -> FusionOptions {
        FusionOptions { method, ..FusionOptions::default() }
    }

    fn fused(method: FusionMethod, rankings: &[(f32, &[(u32, f32)])]) -> Vec<(u32, f32)> {
        let rankings: Vec<_> = rankings.iter().map(|&(weight, items)| Ranking { weight, items }).collect();
        fuse(&rankings, &options(method))
    }

    #[test]
    fn reciprocal_ranks_by_hand() {
        let result = fused(FusionMethod::Rrf, &[(1.0, &[(1, 9.0), (2, 8.0)]), (2.0, &[(2, 0.3), (3, 0.1)])]);
        let expected = [(2, 1.0 / 62.0 + 2.0 / 61.0), (3, 2.0 / 62.0), (1, 1.0 / 61.0)];
        assert_eq!(result.len(), 3);
        for ((key, score), (wanted, value)) in result.into_iter().zip(expected) {
            assert_eq!(key, wanted);
            assert!((score - value).abs() < 1e-7);
        }
    }

    #[test]
    fn weighted_scores_by_hand() {
        let sparse = [(1, 10.0), (2, 5.0), (3, 0.0)];
        let dense = [(3, 0.9), (2, 0.5)];
        let result = fused(FusionMethod::Weighted, &[(1.0, &sparse), (1.0, &dense)]);
        assert_eq!(result, [(1, 0.5), (3, 0.5), (2, 0.25)]);
    }

    #[test]
    fn equal_scores_still_beat_absence() {
        assert_eq!(fused(FusionMethod::Weighted, &[(1.0, &[(7, 2.0)]), (1.0, &[])]), [(7, 0.5)]);
    }

    fn ranking() -> impl Strategy<Value = Vec<(u32, f32)>> {
        proptest::collection::btree_map(0u32..60, 0.0f32..10.0, 0..40).prop_map(|map| {
            let mut items: Vec<_> = map.into_iter().collect();
            items.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            items
        })
    }

    proptest! {
        #[test]
        fn the_union_comes_back_once_finite_and_in_order(a in ranking(), b in ranking(), rrf in any::<bool>(), z in any::<bool>()) {
            let method = if rrf { FusionMethod::Rrf } else { FusionMethod::Weighted };
            let normalize = if z { Normalization::Zscore } else { Normalization::Minmax };
            let rankings = [Ranking { weight: 1.0, items: &a }, Ranking { weight: 0.5, items: &b }];
            let result = fuse(&rankings, &FusionOptions { normalize, ..options(method) });
            let mut keys: Vec<u32> = result.iter().map(|r| r.0).collect();
            keys.sort_unstable();
            let mut union: Vec<u32> = a.iter().chain(&b).map(|r| r.0).collect();
            union.sort_unstable();
            union.dedup();
            prop_assert_eq!(keys, union);
            prop_assert!(result.iter().all(|r| r.1.is_finite()));
            prop_assert!(result.windows(2).all(|w| w[0].1 > w[1].1 || (w[0].1 == w[1].1 && w[0].0 < w[1].0)));
        }

        #[test]
        fn one_ranking_keeps_its_order(a in ranking(), rrf in any::<bool>()) {
            let method = if rrf { FusionMethod::Rrf } else { FusionMethod::Weighted };
            let result = fuse(&[Ranking { weight: 1.0, items: &a }], &options(method));
            let order: Vec<u32> = result.iter().map(|r| r.0).collect();
            prop_assert_eq!(order, a.iter().map(|r| r.0).collect::<Vec<_>>());
        }

        #[test]
        fn swapping_the_rankings_changes_nothing(a in ranking(), b in ranking()) {
            for method in [FusionMethod::Rrf, FusionMethod::Weighted] {
                let one = fused(method, &[(1.0, &a), (1.0, &b)]);
                let other = fused(method, &[(1.0, &b), (1.0, &a)]);
                prop_assert_eq!(one, other);
            }
        }
    }
}
