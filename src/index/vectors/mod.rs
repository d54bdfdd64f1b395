//! The vectors of a segment: one row a chunk, normalised and quantised once when they are inserted ([`quantise`]),
//! compared with a query by kernels over the stored numbers ([`probe`]).
//!
//! ```text
//! frame of kind "VECT" and the segment's id
//! section HEAD  first chunk u32 | rows u32 | dimensions varint | storage u8 | metric u8
//! section ROWS  int8, unless cosine: scale f32 per row; then the rows: f32, f16 bits or i8
//!               binary: mean and spread, f32 per dimension each, factor f32 per row; then the rows, a bit a dimension
//! ```
//! In version 1 of the format the rows are section VECS of the segment itself.

mod bits;
mod blob;
#[cfg(feature = "neural")]
mod distance;
mod means;
mod probe;
mod quantise;
mod signs;

pub use blob::{check_vectors, join_vectors, seal_vectors};
#[cfg(feature = "neural")]
pub(crate) use distance::Distance;
pub(crate) use probe::{Probe, Scan};
pub(crate) use quantise::{normalised, to_int8, VectorsBuilder};
pub(crate) use signs::SignProbe;

use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::kernel::{dot_f32, dot_i8};
use crate::limits;
use crate::pace::Pacer;
use half::f16;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Number format of stored vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    F32,
    F16,
    /// One byte a dimension and one scale a vector, symmetric. The query is quantised the same way.
    Int8,
    /// One bit a dimension and one factor a vector: see [`bits`]. The query stays in f32.
    Binary,
}

/// Which nearness is meant. A score is higher when nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Score: the cosine, -1..=1. Vectors are brought to length 1 (L2) once, when they are inserted; a zero vector
    /// stays zero and scores 0. A prefix of a vector is brought to length 1 again.
    Cosine,
    /// Score: the inner product.
    Dot,
    /// Score: minus the squared distance, so 0 at best.
    Euclidean,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VectorConfig {
    pub dims: usize,
    pub storage: Storage,
    pub metric: Metric,
}

impl VectorConfig {
    pub(crate) fn check(&self) -> Result<()> {
        match self.dims {
            0 => Err(Error::invalid("vectors of 0 dimensions")),
            dims if dims > limits::VECTOR_DIMS => {
                Err(Error::limit(format!("vectors of {dims} dimensions, at most {}", limits::VECTOR_DIMS)))
            }
            _ => Ok(()),
        }
    }

    /// As in head sections: dimensions varint, storage u8, metric u8.
    pub(crate) fn encode(&self, writer: &mut crate::codec::Writer) {
        writer.varint(self.dims as u64);
        writer.u8(self.storage as u8);
        writer.u8(self.metric as u8);
    }

    pub(crate) fn decode(reader: &mut Reader) -> Result<VectorConfig> {
        let (dims, storage, metric) = (reader.varint()?, reader.u8()?, reader.u8()?);
        let storage =
            [Storage::F32, Storage::F16, Storage::Int8, Storage::Binary].into_iter().find(|it| *it as u8 == storage);
        let metric = [Metric::Cosine, Metric::Dot, Metric::Euclidean].into_iter().find(|it| *it as u8 == metric);
        match (usize::try_from(dims), storage, metric) {
            (Ok(dims @ 1..=limits::VECTOR_DIMS), Some(storage), Some(metric)) => {
                Ok(VectorConfig { dims, storage, metric })
            }
            _ => Err(Error::corrupt("a configuration of vectors that cannot be")),
        }
    }

    /// int8 rows under the cosine need no scale: they have length 1, whatever their integers are.
    fn scaled(&self) -> bool {
        self.storage == Storage::Int8 && self.metric != Metric::Cosine
    }
}

/// The stored numbers, row-major.
enum Rows {
    F32(Vec<f32>),
    /// The bits of half-precision floats.
    F16(Vec<u16>),
    Int8(Vec<i8>),
    Binary(bits::Bits),
}

/// Numbers that are looked at between two pauses: some milliseconds of work.
const SLICE: usize = 1 << 21;

impl Rows {
    fn bytes(&self) -> usize {
        match self {
            Rows::F32(rows) => size_of_val(&rows[..]),
            Rows::F16(rows) => size_of_val(&rows[..]),
            Rows::Int8(rows) => rows.len(),
            Rows::Binary(bits) => bits.bytes(),
        }
    }

    /// Whether these numbers are such as insertion lets through.
    fn are_sound(&self, part: Range<usize>) -> bool {
        match self {
            Rows::F32(rows) => rows[part].iter().all(|value| value.abs() <= limits::VECTOR_VALUE),
            Rows::F16(rows) => rows[part].iter().all(|&bits| f16::from_bits(bits).is_finite()),
            Rows::Int8(rows) => rows[part].iter().all(|&value| value != i8::MIN),
            // Checked when they were read.
            Rows::Binary(_) => true,
        }
    }
}

/// What turns a product of stored numbers into a score, for one number of dimensions.
struct Shape {
    dims: usize,
    /// Row times factor is the vector that is meant: of length 1 for the cosine.
    factors: Vec<f32>,
    /// Squared lengths of those vectors, for Euclidean distances only.
    squares: Vec<f32>,
}

pub(crate) struct Vectors {
    /// A checksum of the blob that they came in: graphs are made for one.
    fingerprint: u32,
    config: VectorConfig,
    rows: Rows,
    scales: Vec<f32>,
    len: usize,
    whole: Arc<Shape>,
    /// The shape of the prefix that was asked for last.
    prefix: Mutex<Option<Arc<Shape>>>,
    /// The bits of the number of dimensions that was asked for last.
    signs: Mutex<Option<Arc<signs::Signs>>>,
    /// What means of groups of rows have in store for scores, for the number of dimensions that was asked for last.
    means: Mutex<Option<(usize, Arc<Vec<means::Share>>)>>,
}

/// The next `count` values of so many bytes each, politely: memory that is used for the first time takes its time.
async fn values<T, const BYTES: usize>(
    reader: &mut Reader<'_>,
    count: usize,
    value: impl Fn([u8; BYTES]) -> T,
    pacer: &dyn Pacer,
) -> Result<Vec<T>> {
    let (all, _) = reader.array(count, BYTES)?.as_chunks();
    let mut values = Vec::with_capacity(count);
    for some in all.chunks(SLICE) {
        values.extend(some.iter().map(|&bytes| value(bytes)));
        pacer.pause().await?;
    }
    Ok(values)
}

impl Vectors {
    /// Politely: tens of thousands of rows take tens of milliseconds.
    ///
    /// # Errors
    /// `Corrupt` for another length and for numbers that insertion refuses.
    pub async fn decode(
        config: &VectorConfig,
        bytes: &[u8],
        len: u32,
        fingerprint: u32,
        pacer: &dyn Pacer,
    ) -> Result<Vectors> {
        let len = len as usize;
        let mut reader = Reader::new(bytes);
        let scales = if config.scaled() { reader.f32s(len)? } else { Vec::new() };
        let count = len.checked_mul(config.dims).ok_or_else(|| Error::corrupt(format!("{len} vectors")))?;
        let rows = match config.storage {
            Storage::F32 => Rows::F32(values(&mut reader, count, f32::from_le_bytes, pacer).await?),
            Storage::F16 => Rows::F16(values(&mut reader, count, u16::from_le_bytes, pacer).await?),
            Storage::Int8 => Rows::Int8(values(&mut reader, count, i8::from_le_bytes, pacer).await?),
            Storage::Binary => Rows::Binary(bits::Bits::decode(&mut reader, len, config.dims)?),
        };
        reader.end()?;
        let mut sound = scales.iter().all(|&scale| (0.0..=limits::VECTOR_VALUE / 100.0).contains(&scale));
        for start in (0..count).step_by(SLICE) {
            sound &= rows.are_sound(start..count.min(start + SLICE));
            pacer.pause().await?;
        }
        if !sound {
            return Err(Error::corrupt("a vector with a number that no vector has"));
        }
        let mut shape = Shape { dims: config.dims, factors: Vec::with_capacity(len), squares: Vec::new() };
        let whole = Arc::new(Shape { dims: config.dims, factors: Vec::new(), squares: Vec::new() });
        let (config, prefix, signs, means) = (config.clone(), Mutex::default(), Mutex::default(), Mutex::default());
        let mut vectors = Vectors { fingerprint, config, rows, scales, len, whole, prefix, signs, means };
        let rows_at_once = (SLICE / vectors.config.dims).max(1);
        for start in (0..len).step_by(rows_at_once) {
            vectors.measure_rows(&mut shape, start..len.min(start + rows_at_once));
            pacer.pause().await?;
        }
        vectors.whole = Arc::new(shape);
        Ok(vectors)
    }

    pub fn config(&self) -> &VectorConfig {
        &self.config
    }

    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> usize {
        let shape = self.whole.factors.len() + self.whole.squares.len() + self.scales.len();
        let signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |it| it.bytes());
        self.rows.bytes() + shape * size_of::<f32>() + signs
    }

    /// Where the first `dims` numbers of a row are.
    fn span(&self, row: usize, dims: usize) -> Range<usize> {
        row * self.config.dims..row * self.config.dims + dims
    }

    /// Squared length of the first `dims` stored numbers of a row.
    fn stored_square(&self, at: usize, dims: usize) -> f32 {
        let span = self.span(at, dims);
        match &self.rows {
            Rows::F32(rows) => dot_f32(&rows[span.clone()], &rows[span]),
            Rows::F16(rows) => {
                let row = widened(&rows[span]);
                dot_f32(&row, &row)
            }
            Rows::Int8(rows) => dot_i8(&rows[span.clone()], &rows[span]) as f32,
            Rows::Binary(bits) => {
                let mut row = vec![0.0; dims];
                bits.read(at, &mut row);
                dot_f32(&row, &row)
            }
        }
    }

    fn measure(&self, dims: usize) -> Shape {
        let mut shape = Shape { dims, factors: Vec::with_capacity(self.len), squares: Vec::new() };
        self.measure_rows(&mut shape, 0..self.len);
        shape
    }

    /// Adds what belongs to the next rows to a shape.
    fn measure_rows(&self, shape: &mut Shape, rows: Range<usize>) {
        for row in rows {
            let scale = self.scales.get(row).copied().unwrap_or(1.0);
            match self.config.metric {
                Metric::Cosine => {
                    let square = self.stored_square(row, shape.dims);
                    shape.factors.push(if square > 0.0 { square.sqrt().recip() } else { 0.0 });
                }
                Metric::Dot => shape.factors.push(scale),
                Metric::Euclidean => {
                    shape.factors.push(scale);
                    shape.squares.push(self.stored_square(row, shape.dims) * scale * scale);
                }
            }
        }
    }

    fn shape(&self, dims: usize) -> Arc<Shape> {
        if dims == self.config.dims {
            return self.whole.clone();
        }
        let mut kept = self.prefix.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(shape) if shape.dims == dims => shape.clone(),
            _ => kept.insert(Arc::new(self.measure(dims))).clone(),
        }
    }

    /// The bits of the first `dims` dimensions, which are at least 1 and at most all.
    fn signs(&self, dims: usize) -> Arc<signs::Signs> {
        let mut kept = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(signs) if signs.shape.dims == dims => signs.clone(),
            _ => kept.insert(Arc::new(signs::Signs::of(self, self.shape(dims)))).clone(),
        }
    }

    /// The vector that a row stands for.
    pub fn vector(&self, row: usize) -> Vec<f32> {
        let mut vector = vec![0.0; self.config.dims];
        self.meant(row, self.whole.factors[row], &mut vector);
        vector
    }

    /// The first numbers of a row, as many as `out` takes, times `factor`.
    fn meant(&self, row: usize, factor: f32, out: &mut [f32]) {
        let span = self.span(row, out.len());
        match &self.rows {
            Rows::F32(rows) => out.copy_from_slice(&rows[span]),
            Rows::F16(rows) => out.copy_from_slice(&widened(&rows[span])),
            Rows::Int8(rows) => out.iter_mut().zip(&rows[span]).for_each(|(out, &value)| *out = f32::from(value)),
            Rows::Binary(bits) => bits.read(row, out),
        }
        out.iter_mut().for_each(|value| *value *= factor);
    }
}

fn widened(row: &[u16]) -> Vec<f32> {
    row.iter().map(|&bits| f16::from_bits(bits).to_f32()).collect()
}
