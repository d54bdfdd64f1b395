//! Distances between stored vectors, for building a graph: monotone in the metric, and metrics themselves where the
//! similarity allows it.

use super::{widened, Metric, Rows, Vectors};
use crate::kernel::{dot_f32, dot_i8};

pub(crate) struct Distance {
    vectors: Vectors,
    /// For the inner product: one more dimension that brings every vector to the same length, so that the nearest by
    /// Euclid are the best by inner product with a query that is 0 there (Bachrach et al. 2014). In units of `most`.
    lifts: Vec<f32>,
    /// The length of the longest vector, for the inner product.
    most: f32,
}

impl Distance {
    pub fn new(mut vectors: Vectors) -> Distance {
        match &vectors.rows {
            Rows::F16(rows) => vectors.rows = Rows::F32(widened(rows)),
            Rows::Binary(bits) => {
                let mut rows = vec![0.0; vectors.len * vectors.config.dims];
                let each = rows.chunks_exact_mut(vectors.config.dims).enumerate();
                each.for_each(|(at, row)| bits.read(at, row));
                vectors.rows = Rows::F32(rows);
            }
            Rows::F32(_) | Rows::Int8(_) => {}
        }
        let (mut lifts, mut most) = (Vec::new(), 1.0f32);
        if vectors.config.metric == Metric::Dot {
            let length = |row| vectors.stored_square(row, vectors.config.dims).sqrt() * vectors.whole.factors[row];
            let lengths: Vec<f32> = (0..vectors.len).map(length).collect();
            let longest = lengths.iter().fold(0.0f32, |most, &length| most.max(length));
            most = if longest > 0.0 { longest } else { 1.0 };
            lifts.extend(lengths.iter().map(|length| (1.0 - (length / most).powi(2)).max(0.0).sqrt()));
        }
        Distance { vectors, lifts, most }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.vectors.len
    }

    pub fn between(&self, a: usize, b: usize) -> f32 {
        let Vectors { config, rows, whole, .. } = &self.vectors;
        let (x, y) = (self.vectors.span(a, config.dims), self.vectors.span(b, config.dims));
        let product = match rows {
            Rows::F32(rows) => dot_f32(&rows[x], &rows[y]),
            Rows::Int8(rows) => dot_i8(&rows[x], &rows[y]) as f32,
            // `new` has widened them.
            Rows::F16(_) | Rows::Binary(_) => 0.0,
        };
        let product = product * whole.factors[a] * whole.factors[b];
        match config.metric {
            Metric::Cosine => 1.0 - product,
            Metric::Dot => 1.0 - product / self.most / self.most - self.lifts[a] * self.lifts[b],
            Metric::Euclidean => whole.squares[a] + whole.squares[b] - 2.0 * product,
        }
    }
}
