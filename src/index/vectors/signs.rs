//! One bit a dimension: on which side of the segment's mean a vector lies. With the mean, the usual distance from it
//! in each dimension and one factor a row, the bits stand for the vector,
//!
//! ```text
//! x[i] ≈ mean[i] ± factor * spread[i]
//! ```
//!
//! the factor being that of least squares. A query stays what it is: its product with such a row is a sum of numbers
//! from a table, one number for eight dimensions (asymmetric distance, as in product quantisation: Jégou et al. 2011).
//! The bits are derived from the stored numbers when they are first asked for, and kept: a thirty-second of f32.

use super::probe::{prefix_of, Scan};
use super::{Metric, Shape, Vectors};
use crate::error::Result;
use std::sync::Arc;

/// Dimensions whose bits are looked up together.
const GROUP: usize = 8;

pub(super) struct Signs {
    pub shape: Arc<Shape>,
    mean: Vec<f32>,
    spread: Vec<f32>,
    /// By row.
    factors: Vec<f32>,
    /// Row-major, a byte for eight dimensions; the first of them is the lowest bit, and set above the mean.
    bits: Vec<u8>,
}

impl Signs {
    pub fn of(vectors: &Vectors, shape: Arc<Shape>) -> Signs {
        let dims = shape.dims;
        let count = vectors.len.max(1) as f64;
        let mut row = vec![0.0; dims];
        let (mut mean, mut spread) = (vec![0.0f64; dims], vec![0.0f64; dims]);
        for at in 0..vectors.len {
            vectors.meant(at, shape.factors[at], &mut row);
            mean.iter_mut().zip(&row).for_each(|(sum, &x)| *sum += f64::from(x) / count);
        }
        let mean: Vec<f32> = mean.into_iter().map(|x| x as f32).collect();
        for at in 0..vectors.len {
            vectors.meant(at, shape.factors[at], &mut row);
            let off = row.iter().zip(&mean).map(|(x, mean)| f64::from((x - mean).abs()));
            spread.iter_mut().zip(off).for_each(|(sum, off)| *sum += off / count);
        }
        let spread: Vec<f32> = spread.into_iter().map(|x| x as f32).collect();
        let length: f32 = spread.iter().map(|x| x * x).sum();
        let (mut factors, mut bits) = (Vec::with_capacity(vectors.len), Vec::new());
        for at in 0..vectors.len {
            vectors.meant(at, shape.factors[at], &mut row);
            let off = || row.iter().zip(&mean).map(|(x, mean)| x - mean);
            let product: f32 = off().zip(&spread).map(|(off, spread)| off.abs() * spread).sum();
            factors.push(if length > 0.0 { product / length } else { 0.0 });
            let above: Vec<bool> = off().map(|off| off > 0.0).collect();
            let byte = |group: &[bool]| (0..).zip(group).fold(0, |byte, (at, &above)| byte | u8::from(above) << at);
            bits.extend(above.chunks(GROUP).map(byte));
        }
        Signs { shape, mean, spread, factors, bits }
    }

    pub fn bytes(&self) -> usize {
        self.bits.len() + (self.factors.len() + self.mean.len() + self.spread.len()) * size_of::<f32>()
    }
}

/// One query, prepared for the bits of one segment.
pub(crate) struct SignProbe<'a> {
    vectors: &'a Vectors,
    signs: Arc<Signs>,
    /// For each group of dimensions and each of its bytes: what it adds.
    tables: Vec<[f32; 1 << GROUP]>,
    /// The product with the mean.
    base: f32,
    /// Squared length of the query.
    square: f32,
}

impl<'a> SignProbe<'a> {
    /// # Errors
    /// As [`Probe::new`](super::Probe::new).
    pub fn new(vectors: &'a Vectors, query: &[f32], dims: Option<usize>) -> Result<SignProbe<'a>> {
        let query = prefix_of(vectors, query, dims)?;
        let signs = vectors.signs(query.len());
        let weights: Vec<f32> = query.iter().zip(&signs.spread).map(|(x, spread)| x * spread).collect();
        let mut tables = Vec::with_capacity(weights.len().div_ceil(GROUP));
        for group in weights.chunks(GROUP) {
            let mut table = [-group.iter().sum::<f32>(); 1 << GROUP];
            for (bit, weight) in group.iter().enumerate() {
                let set = table.iter_mut().enumerate().filter(|(byte, _)| byte >> bit & 1 == 1);
                set.for_each(|(_, sum)| *sum += 2.0 * weight);
            }
            tables.push(table);
        }
        let base = query.iter().zip(&signs.mean).map(|(x, mean)| x * mean).sum();
        let square = query.iter().map(|x| x * x).sum();
        Ok(SignProbe { vectors, signs, tables, base, square })
    }
}

impl Scan for SignProbe<'_> {
    /// The score that the row has by its bits; finite.
    fn one(&self, row: usize) -> f32 {
        let groups = self.tables.len();
        let bits = &self.signs.bits[row * groups..(row + 1) * groups];
        let sum: f32 = self.tables.iter().zip(bits).map(|(table, &byte)| table[usize::from(byte)]).sum();
        let product = self.base + self.signs.factors[row] * sum;
        match self.vectors.config.metric {
            Metric::Cosine => product.clamp(-1.0, 1.0),
            Metric::Dot => product,
            Metric::Euclidean => (2.0 * product - self.square - self.signs.shape.squares[row]).min(0.0),
        }
    }

    fn each(&self, mut visit: impl FnMut(usize, f32)) {
        (0..self.vectors.len).for_each(|row| visit(row, self.one(row)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{seal_vectors, Storage, VectorConfig};
    use super::*;
    use crate::pace::{at_once, Unpaced};
    use proptest::prelude::*;

    /// The formula at the head of this file, written down once more.
    fn expected(rows: &[Vec<f64>], query: &[f64]) -> Vec<f64> {
        let n = rows.len() as f64;
        let mean = |i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / n;
        let spread = |i: usize| rows.iter().map(|row| (row[i] - mean(i)).abs()).sum::<f64>() / n;
        let score = |row: &Vec<f64>| {
            let dims = 0..query.len();
            let norm: f64 = dims.clone().map(|i| spread(i).powi(2)).sum();
            let fit: f64 = dims.clone().map(|i| (row[i] - mean(i)).abs() * spread(i)).sum();
            let factor = if norm > 0.0 { fit / norm } else { 0.0 };
            let side = |i: usize| if row[i] > mean(i) { spread(i) } else { -spread(i) };
            dims.map(|i| query[i] * (mean(i) + factor * side(i))).sum()
        };
        rows.iter().map(score).collect()
    }

    proptest! {
        #[test]
        fn scores_are_those_of_the_formula(
            (rows, query, prefix) in (1usize..30, 1usize..20).prop_flat_map(|(dims, count)| {
                let row = || proptest::collection::vec(-8i8..8, dims);
                (proptest::collection::vec(row(), count), row(), 1..=dims)
            })
        ) {
            let dims = query.len();
            let config = VectorConfig { dims, storage: Storage::F32, metric: Metric::Dot };
            let flat: Vec<f32> = rows.iter().flatten().map(|&x| f32::from(x)).collect();
            let blob = seal_vectors(&config, 1, 0, &flat).unwrap();
            let vectors = at_once(Vectors::open_paced(&blob, 1, rows.len() as u32, &Unpaced)).unwrap();
            let floats: Vec<f32> = query.iter().map(|&x| f32::from(x)).collect();
            let probe = SignProbe::new(&vectors, &floats, Some(prefix)).unwrap();
            let wide = |row: &Vec<i8>| row[..prefix].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
            let expected = expected(&rows.iter().map(wide).collect::<Vec<_>>(), &wide(&query));
            // A number that is the mean, to within rounding, may fall on either side: then its spread decides nothing.
            let mut at = 0;
            probe.each(|row, score| {
                assert_eq!(row, at);
                let size = expected[row].abs().max(f64::from(probe.square).sqrt() * 8.0) + 1.0;
                let on_the_mean = (0..prefix).any(|i| {
                    let sum: i32 = rows.iter().map(|row| i32::from(row[i])).sum();
                    sum == i32::from(rows[row][i]) * rows.len() as i32
                });
                assert!(on_the_mean || (f64::from(score) - expected[row]).abs() < 1e-4 * size);
                at += 1;
            });
            prop_assert_eq!(at, rows.len());
        }
    }

    #[test]
    fn a_query_of_another_width_is_refused() {
        let config = VectorConfig { dims: 4, storage: Storage::Int8, metric: Metric::Cosine };
        let vectors =
            at_once(Vectors::open_paced(&seal_vectors(&config, 1, 0, &[1.0; 8]).unwrap(), 1, 2, &Unpaced)).unwrap();
        assert!(SignProbe::new(&vectors, &[1.0; 3], None).is_err());
        assert!(SignProbe::new(&vectors, &[1.0; 4], Some(5)).is_err());
        assert!((SignProbe::new(&vectors, &[1.0; 4], None).unwrap().one(1) - 1.0).abs() < 0.02);
    }
}
