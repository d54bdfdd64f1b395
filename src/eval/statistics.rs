//! Intervals and a paired test by resampling, seeded and so reproducible.

use crate::sorting::sort_by;
const ROUNDS: usize = 2_000;

/// 95 % percentile interval of the mean by bootstrap (Efron 1979). `(0, 0)` of nothing.
pub fn bootstrap_interval(values: &[f64], seed: u64) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut random = SplitMix(seed);
    let mut resample =
        || (0..values.len()).map(|_| values[random.below(values.len())]).sum::<f64>() / values.len() as f64;
    let mut means: Vec<f64> = (0..ROUNDS).map(|_| resample()).collect();
    sort_by(&mut means, f64::total_cmp);
    (means[ROUNDS * 25 / 1000], means[ROUNDS * 975 / 1000 - 1])
}

/// Two-sided p-value that two pipelines have the same mean, by Fisher's randomisation test on their paired scores
/// (Smucker, Allan and Carterette 2007). 1 for slices of unequal length.
pub fn paired_p_value(first: &[f64], second: &[f64], seed: u64) -> f64 {
    if first.len() != second.len() || first.is_empty() {
        return 1.0;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let observed = differences.iter().sum::<f64>().abs();
    let mut random = SplitMix(seed);
    let mut as_large = |_: &usize| {
        let signed = differences.iter().map(|d| if random.bits() & 1 == 0 { *d } else { -d });
        signed.sum::<f64>().abs() >= observed - 1e-12
    };
    let count = (0..ROUNDS).filter(&mut as_large).count();
    (count + 1) as f64 / (ROUNDS + 1) as f64
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough for resampling.
pub struct SplitMix(pub u64);

impl SplitMix {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_more_values() {
        let few: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
        let many: Vec<f64> = (0..4000).map(|i| f64::from(i % 2)).collect();
        let (narrow, wide) = (bootstrap_interval(&many, 7), bootstrap_interval(&few, 7));
        assert!(wide.0 < 0.5 && 0.5 < wide.1 && narrow.0 < 0.5 && 0.5 < narrow.1);
        // The normal approximation: 1.96 standard errors on each side.
        assert!((wide.1 - wide.0 - 2.0 * 1.96 * 0.5 / 40f64.sqrt()).abs() < 0.06, "{wide:?}");
        assert!((narrow.1 - narrow.0 - 2.0 * 1.96 * 0.5 / 4000f64.sqrt()).abs() < 0.006, "{narrow:?}");
        assert_eq!(bootstrap_interval(&[], 7), (0.0, 0.0));
    }

    #[test]
    fn equal_pipelines_do_not_differ_and_a_steady_gain_does() {
        let base: Vec<f64> = (0..60).map(|i| f64::from(i % 7) / 7.0).collect();
        let better: Vec<f64> = base.iter().map(|v| v + 0.1).collect();
        let mixed: Vec<f64> =
            base.iter().enumerate().map(|(i, v)| if i % 2 == 0 { v + 0.1 } else { v - 0.1 }).collect();
        assert_eq!(paired_p_value(&base, &base, 3), 1.0);
        assert!(paired_p_value(&base, &better, 3) < 0.001);
        assert!(paired_p_value(&base, &mixed, 3) > 0.5);
    }
}
