//! The bits of vectors that are stored in more ([`bits`](super::bits)), as a first pass over all of them: derived from
//! the stored numbers when they are first asked for, and kept: a thirty-second of f32.

use super::bits::{Bits, Table};
use super::probe::{prefix_of, Scan};
use super::{Metric, Shape, Vectors};
use crate::error::Result;
use std::sync::Arc;

pub(super) struct Signs {
    pub shape: Arc<Shape>,
    bits: Bits,
}

impl Signs {
    pub fn of(vectors: &Vectors, shape: Arc<Shape>) -> Signs {
        let bits = Bits::of(vectors.len, shape.dims, |row, out| vectors.meant(row, shape.factors[row], out));
        Signs { shape, bits }
    }

    pub fn bytes(&self) -> usize {
        self.bits.bytes()
    }
}

/// One query, prepared for the bits of one segment.
pub(crate) struct SignProbe<'a> {
    vectors: &'a Vectors,
    signs: Arc<Signs>,
    table: Table,
    /// Squared length of the query.
    square: f32,
}

impl<'a> SignProbe<'a> {
    /// # Errors
    /// As [`Probe::new`](super::Probe::new).
    pub fn new(vectors: &'a Vectors, query: &[f32], dims: Option<usize>) -> Result<SignProbe<'a>> {
        let query = prefix_of(vectors, query, dims)?;
        let signs = vectors.signs(query.len());
        let (table, square) = (Table::new(&signs.bits, &query), query.iter().map(|x| x * x).sum());
        Ok(SignProbe { vectors, signs, table, square })
    }
}

impl Scan for SignProbe<'_> {
    /// The score that the row has by its bits; finite.
    fn one(&self, row: usize) -> f32 {
        let product = self.table.product(&self.signs.bits, row);
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

    /// The formula at the head of `bits.rs`, written down once more. Vectors of zeros stand for themselves alone.
    fn expected(rows: &[Vec<f64>], query: &[f64]) -> Vec<f64> {
        let is_zero = |row: &&Vec<f64>| row.iter().all(|&x| x == 0.0);
        let others = || rows.iter().filter(|row| !is_zero(row));
        let n = others().count().max(1) as f64;
        let mean = |i: usize| others().map(|row| row[i]).sum::<f64>() / n;
        let spread = |i: usize| others().map(|row| (row[i] - mean(i)).abs()).sum::<f64>() / n;
        let score = |row: &Vec<f64>| {
            if is_zero(&row) {
                return 0.0;
            }
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
                let others = || rows.iter().filter(|row| row[..prefix].iter().any(|&x| x != 0));
                let on_the_mean = (0..prefix).any(|i| {
                    let sum: i32 = others().map(|row| i32::from(row[i])).sum();
                    sum == i32::from(rows[row][i]) * others().count() as i32
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
