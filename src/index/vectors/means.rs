//! Means of groups of rows: what turns the sum of the rows' scores into the score of their mean. The formulas are in
//! `dense/documents.rs`.

use super::{Metric, Vectors};
use std::sync::{Arc, PoisonError};

/// Of one group: its score is `factor * sum + offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    factor: f32,
    offset: f32,
    metric: Metric,
}

impl Share {
    pub fn score(&self, sum: f32) -> f32 {
        let score = self.factor * sum + self.offset;
        match self.metric {
            Metric::Cosine => score.clamp(-1.0, 1.0),
            Metric::Dot => score,
            Metric::Euclidean => score.min(0.0),
        }
    }
}

impl Vectors {
    /// For groups of rows, which must always be the same, by their first `dims` numbers, which are at most all. Computed
    /// once.
    pub fn means(&self, dims: usize, groups: impl Iterator<Item = impl Iterator<Item = u32>>) -> Arc<Vec<Share>> {
        let mut kept = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some((known, means)) if *known == dims => means.clone(),
            _ => {
                let means = Arc::new(self.measure_means(dims, groups));
                kept.insert((dims, means)).1.clone()
            }
        }
    }

    fn measure_means(&self, dims: usize, groups: impl Iterator<Item = impl Iterator<Item = u32>>) -> Vec<Share> {
        let (shape, metric) = (self.shape(dims), self.config.metric);
        let (mut row, mut sum) = (vec![0.0f32; dims], vec![0.0f64; dims]);
        let mut share = |group: &mut dyn Iterator<Item = u32>| {
            sum.fill(0.0);
            let (mut count, mut squares) = (0.0f64, 0.0f64);
            for at in group {
                self.meant(at as usize, shape.factors[at as usize], &mut row);
                sum.iter_mut().zip(&row).for_each(|(sum, &x)| *sum += f64::from(x));
                squares += row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                count += 1.0;
            }
            let square: f64 = sum.iter().map(|x| x * x).sum();
            let inverse = |number: f64| if number > 0.0 { number.recip() } else { 0.0 };
            let (factor, offset) = match metric {
                Metric::Cosine => (inverse(square.sqrt()), 0.0),
                Metric::Dot => (inverse(count), 0.0),
                Metric::Euclidean => (inverse(count), (squares - square * inverse(count)) * inverse(count)),
            };
            Share { factor: factor as f32, offset: offset as f32, metric }
        };
        groups.map(|mut group| share(&mut group)).collect()
    }
}
