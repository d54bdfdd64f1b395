//! One query, prepared for the vectors of one segment.

use super::bits::Table;
use super::quantise::{check, normalised, to_int8};
use super::{Metric, Rows, Shape, Vectors};
use crate::error::{Error, Result};
use crate::kernel::{dot_f16, dot_f16_rows, dot_f32, dot_f32_rows, dot_i8, dot_i8_rows};
use crate::limits;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are multiplied at a time.
const BLOCK: usize = 256;

/// The query as the storage is compared with it.
enum Query {
    Float(Vec<f32>),
    Int8(Vec<i8>),
    /// With its squared length.
    Table(Table, f32),
}

pub(crate) struct Probe<'a> {
    vectors: &'a Vectors,
    query: Query,
    shape: Arc<Shape>,
    /// What a product is multiplied by, besides the row's factor.
    factor: f32,
    /// Squared length of the query.
    square: f32,
}

/// What rows are compared with.
pub(crate) trait Scan {
    /// The score of one row; finite.
    fn one(&self, row: usize) -> f32;

    /// The scores of all rows, in order.
    fn each(&self, visit: impl FnMut(usize, f32));
}

/// The first `dims` numbers of a query, of length 1 under the cosine.
pub(super) fn prefix_of(vectors: &Vectors, query: &[f32], dims: Option<usize>) -> Result<Vec<f32>> {
    let width = vectors.config.dims;
    if query.len() != width {
        return Err(Error::invalid(format!("a query of {} dimensions, vectors of {width}", query.len())));
    }
    let dims = dims.unwrap_or(width);
    if dims == 0 || dims > width {
        return Err(Error::invalid(format!("{dims} dimensions of {width}")));
    }
    check(query, limits::VECTOR_VALUE)?;
    Ok(match vectors.config.metric {
        Metric::Cosine => normalised(&query[..dims]),
        Metric::Dot | Metric::Euclidean => query[..dims].to_vec(),
    })
}

impl<'a> Probe<'a> {
    /// `dims`: how many leading dimensions count, all if `None`.
    ///
    /// # Errors
    /// `InvalidInput` for a query of another width or with numbers that are not finite, and for `dims` outside
    /// 1..=width.
    pub fn new(vectors: &'a Vectors, query: &[f32], dims: Option<usize>) -> Result<Probe<'a>> {
        let prefix = prefix_of(vectors, query, dims)?;
        let dims = prefix.len();
        let (query, factor) = match &vectors.rows {
            Rows::F32(_) | Rows::F16(_) => (Query::Float(prefix), 1.0),
            Rows::Int8(_) => {
                let (integers, scale) = to_int8(&prefix);
                // Under the cosine the integers are brought to length 1, as those of the rows are.
                let square = dot_i8(&integers, &integers) as f32;
                let factor = match vectors.config.metric {
                    Metric::Cosine if square > 0.0 => square.sqrt().recip(),
                    _ => scale,
                };
                (Query::Int8(integers), factor)
            }
            Rows::Binary(bits) => (Query::Table(Table::new(bits, &prefix), dot_f32(&prefix, &prefix)), 1.0),
        };
        let square = match &query {
            Query::Float(query) => dot_f32(query, query),
            Query::Int8(query) => dot_i8(query, query) as f32 * factor * factor,
            Query::Table(_, square) => *square,
        };
        Ok(Probe { vectors, query, shape: vectors.shape(dims), factor, square })
    }

    #[inline]
    fn score(&self, row: usize, product: f32) -> f32 {
        let product = product * self.factor * self.shape.factors[row];
        match self.vectors.config.metric {
            Metric::Cosine => product.clamp(-1.0, 1.0),
            Metric::Dot => product,
            Metric::Euclidean => (2.0 * product - self.square - self.shape.squares[row]).min(0.0),
        }
    }

    fn report(&self, block: Range<usize>, products: &[f32], visit: &mut impl FnMut(usize, f32)) {
        block.zip(products).for_each(|(row, &product)| visit(row, self.score(row, product)));
    }
}

impl Scan for Probe<'_> {
    #[inline]
    fn one(&self, row: usize) -> f32 {
        let span = self.vectors.span(row, self.shape.dims);
        let product = match (&self.query, &self.vectors.rows) {
            (Query::Float(query), Rows::F32(rows)) => dot_f32(query, &rows[span]),
            (Query::Float(query), Rows::F16(rows)) => dot_f16(query, &rows[span]),
            (Query::Int8(query), Rows::Int8(rows)) => dot_i8(query, &rows[span]) as f32,
            (Query::Table(table, _), Rows::Binary(bits)) => table.product(bits, row),
            // `new` pairs them.
            _ => 0.0,
        };
        self.score(row, product)
    }

    fn each(&self, visit: impl FnMut(usize, f32)) {
        self.range(0..self.vectors.len, visit);
    }
}

impl Probe<'_> {
    /// The scores of some rows that exist, in order.
    pub fn range(&self, rows: Range<usize>, mut visit: impl FnMut(usize, f32)) {
        if self.shape.dims < self.vectors.config.dims || matches!(self.query, Query::Table(..)) {
            return rows.for_each(|row| visit(row, self.one(row)));
        }
        let (mut floats, mut integers) = ([0.0; BLOCK], [0; BLOCK]);
        for start in rows.clone().step_by(BLOCK) {
            let block = start..rows.end.min(start + BLOCK);
            let span = block.start * self.shape.dims..block.end * self.shape.dims;
            let floats = &mut floats[..block.len()];
            match (&self.query, &self.vectors.rows) {
                (Query::Float(query), Rows::F32(rows)) => dot_f32_rows(query, &rows[span], floats),
                (Query::Float(query), Rows::F16(rows)) => dot_f16_rows(query, &rows[span], floats),
                (Query::Int8(query), Rows::Int8(rows)) => {
                    let integers = &mut integers[..block.len()];
                    dot_i8_rows(query, &rows[span], integers);
                    floats.iter_mut().zip(integers).for_each(|(float, &mut integer)| *float = integer as f32);
                }
                _ => floats.fill(0.0),
            }
            self.report(block, floats, &mut visit);
        }
    }
}
