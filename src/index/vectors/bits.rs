//! One bit a dimension: on which side of the mean of its segment a vector lies. With the mean, the usual distance from
//! it in each dimension and one factor a row, the bits stand for the vector,
//!
//! ```text
//! x[i] ≈ mean[i] ± factor * spread[i]
//! ```
//!
//! the factor being that of least squares. A query stays what it is: its product with such a row is a sum of numbers
//! from a table, one number for eight dimensions (asymmetric distance, as in product quantisation: Jégou et al. 2011).
//!
//! Where bits are all that is stored, segments are merged by what the bits stand for. Means of segments with dozens of
//! vectors differ by far less than a spread, so merged vectors keep their bits; one or two vectors are stored exactly. What
//! lies between loses a little: of normal vectors that come by eights, the mean cosine with the original goes from .80 to
//! .76.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;

/// Dimensions whose bits are looked up together.
const GROUP: usize = 8;

/// The factor of a vector of zeros, which stays one: it stands for no direction, least of all that of the mean.
const ZERO: f32 = -1.0;

/// Bits of some rows, and what they stand for.
pub(super) struct Bits {
    mean: Vec<f32>,
    spread: Vec<f32>,
    /// By row.
    factors: Vec<f32>,
    /// Row-major, a byte for eight dimensions; the first of them is the lowest bit, and set above the mean.
    bits: Vec<u8>,
}

impl Bits {
    /// Of `len` rows of `dims` numbers; `read` writes one of them to where it is told.
    pub fn of(len: usize, dims: usize, read: impl Fn(usize, &mut [f32])) -> Bits {
        let mut row = vec![0.0; dims];
        let mut each = |work: &mut dyn FnMut(&[f32])| {
            for at in 0..len {
                read(at, &mut row);
                work(&row);
            }
        };
        let (mut count, mut mean, mut spread) = (0.0f64, vec![0.0f64; dims], vec![0.0f64; dims]);
        each(&mut |row| {
            count += f64::from(u8::from(!is_zero(row)));
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        });
        let count = count.max(1.0);
        let mean: Vec<f32> = mean.into_iter().map(|sum| (sum / count) as f32).collect();
        each(&mut |row| {
            let off = row.iter().zip(&mean).map(|(x, mean)| f64::from((x - mean).abs()));
            if !is_zero(row) {
                spread.iter_mut().zip(off).for_each(|(sum, off)| *sum += off / count);
            }
        });
        let spread: Vec<f32> = spread.into_iter().map(|x| x as f32).collect();
        let length: f32 = spread.iter().map(|x| x * x).sum();
        let (mut factors, mut bits) = (Vec::with_capacity(len), Vec::with_capacity(len * dims.div_ceil(GROUP)));
        each(&mut |row| {
            let off = || row.iter().zip(&mean).map(|(x, mean)| x - mean);
            let product: f32 = off().zip(&spread).map(|(off, spread)| off.abs() * spread).sum();
            factors.push(match is_zero(row) {
                true => ZERO,
                false if length > 0.0 => product / length,
                false => 0.0,
            });
            let above: Vec<bool> = off().map(|off| off > 0.0).collect();
            let byte = |group: &[bool]| (0..).zip(group).fold(0, |byte, (at, &above)| byte | u8::from(above) << at);
            bits.extend(above.chunks(GROUP).map(byte));
        });
        Bits { mean, spread, factors, bits }
    }

    pub fn bytes(&self) -> usize {
        self.bits.len() + (self.factors.len() + self.mean.len() + self.spread.len()) * size_of::<f32>()
    }

    fn row(&self, row: usize) -> &[u8] {
        let stride = self.mean.len().div_ceil(GROUP);
        &self.bits[row * stride..(row + 1) * stride]
    }

    /// The first numbers that a row stands for, as many as `out` takes.
    pub fn read(&self, row: usize, out: &mut [f32]) {
        let (bits, factor) = (self.row(row), self.factors[row]);
        if factor == ZERO {
            return out.fill(0.0);
        }
        for (at, out) in out.iter_mut().enumerate() {
            let above = bits[at / GROUP] >> (at % GROUP) & 1 == 1;
            let off = factor * self.spread[at];
            *out = self.mean[at] + if above { off } else { -off };
        }
    }

    /// As section `ROWS` has them.
    pub fn encode(&self, writer: &mut Writer) {
        writer.f32s(&self.mean);
        writer.f32s(&self.spread);
        writer.f32s(&self.factors);
        self.bits.iter().for_each(|&byte| writer.u8(byte));
    }

    /// # Errors
    /// `Corrupt` for another length, and for numbers of which no vector is made.
    pub fn decode(reader: &mut Reader, len: usize, dims: usize) -> Result<Bits> {
        let too_many = || Error::corrupt(format!("{len} vectors of {dims} bits"));
        let count = len.checked_mul(dims.div_ceil(GROUP)).ok_or_else(too_many)?;
        let (mean, spread, factors) = (reader.f32s(dims)?, reader.f32s(dims)?, reader.f32s(len)?);
        let bits = Bits { mean, spread, factors, bits: reader.raw(count)?.to_vec() };
        let mean = bits.mean.iter().all(|x| x.abs() <= limits::VECTOR_VALUE);
        let spread = bits.spread.iter().all(|x| (0.0..=limits::VECTOR_VALUE * 4.0).contains(x));
        // Least squares project what is off the mean, so that gets no longer.
        let length = bits.spread.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let reach = f64::from(limits::VECTOR_VALUE) * 4.0 * (dims as f64).sqrt();
        let sound = |&factor: &f32| factor == ZERO || factor >= 0.0 && f64::from(factor) * length <= reach;
        match mean && spread && bits.factors.iter().all(sound) {
            true => Ok(bits),
            false => Err(Error::corrupt("bits that stand for numbers that no vector has")),
        }
    }
}

fn is_zero(row: &[f32]) -> bool {
    row.iter().all(|&x| x == 0.0)
}

/// A query, prepared for the bits of one segment.
pub(super) struct Table {
    /// For each group of dimensions and each of its bytes: what it adds.
    sums: Vec<[f32; 1 << GROUP]>,
    /// The product with the mean.
    base: f32,
}

impl Table {
    /// `query` may be shorter than the rows are wide: then their first numbers count.
    pub fn new(bits: &Bits, query: &[f32]) -> Table {
        let weights: Vec<f32> = query.iter().zip(&bits.spread).map(|(x, spread)| x * spread).collect();
        let mut sums = Vec::with_capacity(weights.len().div_ceil(GROUP));
        for group in weights.chunks(GROUP) {
            let mut table = [-group.iter().sum::<f32>(); 1 << GROUP];
            for (bit, weight) in group.iter().enumerate() {
                let set = table.iter_mut().enumerate().filter(|(byte, _)| byte >> bit & 1 == 1);
                set.for_each(|(_, sum)| *sum += 2.0 * weight);
            }
            sums.push(table);
        }
        Table { sums, base: query.iter().zip(&bits.mean).map(|(x, mean)| x * mean).sum() }
    }

    /// The query's product with what a row of the same bits stands for.
    #[inline]
    pub fn product(&self, bits: &Bits, row: usize) -> f32 {
        let factor = bits.factors[row];
        if factor == ZERO {
            return 0.0;
        }
        let sum: f32 = self.sums.iter().zip(bits.row(row)).map(|(table, &byte)| table[usize::from(byte)]).sum();
        self.base + factor * sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::{join_vectors, seal_vectors, Metric, Storage, VectorConfig, Vectors};
    use super::super::{Probe, Scan};
    use crate::error::ErrorKind;
    use crate::index::testing::Random;
    use crate::pace::{at_once, Unpaced};
    use proptest::prelude::*;

    fn config(dims: usize, metric: Metric) -> VectorConfig {
        VectorConfig { dims, storage: Storage::Binary, metric }
    }

    fn open(blob: &[u8], rows: usize) -> Vectors {
        at_once(Vectors::open_paced(blob, 1, rows as u32, &Unpaced)).unwrap()
    }

    fn random_rows(seed: u64, rows: usize, dims: usize) -> Vec<f32> {
        let mut random = Random(seed);
        (0..rows * dims).map(|_| random.normal()).collect()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    proptest! {
        /// The score is that of the query with the vector that the bits stand for, whatever the metric and the prefix.
        #[test]
        fn scores_are_those_of_what_the_bits_stand_for(
            seed: u64, dims in 1usize..40, count in 1usize..20, part in 1usize..40, metric in 0u8..3
        ) {
            let metric = [Metric::Cosine, Metric::Dot, Metric::Euclidean][usize::from(metric)];
            let part = part.min(dims);
            let blob = seal_vectors(&config(dims, metric), 1, 0, &random_rows(seed, count, dims)).unwrap();
            let vectors = open(&blob, count);
            let query = random_rows(!seed, 1, dims);
            let probe = Probe::new(&vectors, &query, Some(part)).unwrap();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            probe.each(|row, score| {
                let (stored, query) = (&vectors.vector(row)[..part], &query[..part]);
                let length = (dot(stored, stored) * dot(query, query)).sqrt();
                let expected = match metric {
                    Metric::Cosine if length > 0.0 => dot(stored, query) / length,
                    Metric::Cosine => 0.0,
                    Metric::Dot => dot(stored, query),
                    Metric::Euclidean => -stored.iter().zip(query).map(|(x, y)| (x - y).powi(2)).sum::<f32>(),
                };
                assert!((score - expected).abs() < 1e-3 * (1.0 + length), "row {row}: {score}, not {expected}");
            });
        }
    }

    #[test]
    fn one_vector_and_two_are_exact_and_zeros_stay_zeros() {
        let rows = [3.0, -4.0, 0.0, 0.0, -2.0, 0.5];
        for part in [&rows[..2], &rows[..4], &rows[2..6]] {
            let vectors = open(&seal_vectors(&config(2, Metric::Dot), 1, 0, part).unwrap(), part.len() / 2);
            for (at, row) in part.chunks_exact(2).enumerate() {
                let far = vectors.vector(at).iter().zip(row).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
                assert!(far < 1e-5, "{row:?} became {:?}", vectors.vector(at));
            }
        }
        let vectors = open(&seal_vectors(&config(2, Metric::Cosine), 1, 0, &rows).unwrap(), 3);
        assert_eq!(Probe::new(&vectors, &[1.0, 1.0], None).unwrap().one(1), 0.0);
    }

    #[test]
    fn merging_is_nearly_as_good_as_beginning_with_the_whole() {
        let (dims, count) = (64, 320);
        let rows = random_rows(3, count, dims);
        let config = config(dims, Metric::Cosine);
        let whole = open(&seal_vectors(&config, 1, 0, &rows).unwrap(), count);
        let parts = |size: usize, blobs: &dyn Fn(usize, usize) -> Vec<u8>| -> Vec<Vec<u8>> {
            (0..count).step_by(size).map(|first| blobs(first, size)).collect()
        };
        let sealed = |first: usize, size: usize| {
            seal_vectors(&config, 1, first as u32, &rows[first * dims..(first + size) * dims]).unwrap()
        };
        let merged = |size: usize| open(&join_vectors(&config, 1, &parts(size, &sealed)).unwrap(), count);
        let mean = |vectors: &Vectors| {
            let each = rows.chunks_exact(dims).enumerate().map(|(at, row)| cosine(&vectors.vector(at), row));
            each.sum::<f32>() / count as f32
        };
        // The mean cosine of a normal vector with its signs is the root of 2 / pi: .798.
        let once = mean(&whole);
        assert!((0.77..0.83).contains(&once), "{once}");
        for (size, loss) in [(1, 1e-3), (2, 1e-3), (8, 0.05), (40, 0.015), (64, 0.01)] {
            let merged = mean(&merged(size));
            assert!(merged > once - loss, "{merged} after a merge of parts of {size}, {once} at once");
        }
    }

    #[test]
    fn a_bit_a_dimension_is_what_it_takes() {
        let config = config(384, Metric::Cosine);
        let blob = seal_vectors(&config, 1, 0, &random_rows(5, 200, 384)).unwrap();
        assert!(blob.len() < 200 * (48 + 4) + 2 * 4 * 384 + 200, "{} bytes", blob.len());
    }

    #[test]
    fn bits_that_stand_for_nothing_are_refused() {
        let config = config(2, Metric::Dot);
        let decode = |numbers: [f32; 5]| {
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            bytes.push(0b10);
            at_once(Vectors::decode(&config, &bytes, 1, 0, &Unpaced))
                .map(|vectors| vectors.vector(0))
                .map_err(|error| error.kind)
        };
        assert_eq!(decode([1.0, 2.0, 0.5, 0.5, 2.0]), Ok(vec![0.0, 3.0]));
        assert_eq!(decode([1.0, 2.0, 0.5, 0.5, -1.0]), Ok(vec![0.0, 0.0]));
        for bad in [
            [f32::NAN, 0.0, 0.0, 0.0, 0.0],
            [1e30, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, -0.5, 0.0, 0.0],
            [0.0, 0.0, f32::INFINITY, 0.0, 0.0],
            [0.0, 0.0, 1.0, 1.0, 1e20],
            [0.0, 0.0, 1.0, 1.0, -2.0],
            [0.0, 0.0, 1.0, 1.0, f32::NAN],
        ] {
            assert_eq!(decode(bad), Err(ErrorKind::Corrupt), "{bad:?}");
        }
    }
}
