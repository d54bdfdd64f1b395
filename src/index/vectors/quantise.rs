//! Vectors on their way in: checked, normalised where the metric asks for it, brought to their storage.

use super::bits::Bits;
use super::{Metric, Rows, Storage, VectorConfig, Vectors};
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::limits;
use half::f16;

/// Greatest magnitude of a quantised component. -128 is not used: the range is symmetric.
const STEPS: f64 = 127.0;

/// # Errors
/// `InvalidInput` for NaN, infinity, and magnitudes whose products would overflow.
pub(super) fn check(values: &[f32], limit: f32) -> Result<()> {
    match values.iter().position(|value| value.is_nan() || value.abs() > limit) {
        None => Ok(()),
        Some(at) => {
            let message =
                format!("component {at} of a vector is {}: it must be a number of at most {limit:e}", values[at]);
            Err(Error::invalid(message))
        }
    }
}

/// Length 1, computed in f64; zero stays zero.
pub(crate) fn normalised(values: &[f32]) -> Vec<f32> {
    let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
    values.iter().map(|&value| (f64::from(value) * scale) as f32).collect()
}

/// Integers in -127..=127 and what they are multiplied by: `value = integer * scale`, symmetric, with the greatest
/// magnitude at 127.
pub(crate) fn to_int8(values: &[f32]) -> (Vec<i8>, f32) {
    let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let scale = (f64::from(most) / STEPS) as f32;
    if scale == 0.0 {
        return (vec![0; values.len()], 0.0);
    }
    let steps = STEPS / f64::from(most);
    (values.iter().map(|&value| (f64::from(value) * steps).round() as i8).collect(), scale)
}

/// Rows of a segment that is being built. Bits depend on all of them: until then those are f32.
pub(crate) struct VectorsBuilder {
    config: VectorConfig,
    rows: Rows,
    scales: Vec<f32>,
}

impl VectorsBuilder {
    pub fn new(config: &VectorConfig) -> Result<VectorsBuilder> {
        config.check()?;
        let rows = match config.storage {
            Storage::F32 | Storage::Binary => Rows::F32(Vec::new()),
            Storage::F16 => Rows::F16(Vec::new()),
            Storage::Int8 => Rows::Int8(Vec::new()),
        };
        Ok(VectorsBuilder { config: config.clone(), rows, scales: Vec::new() })
    }

    pub fn config(&self) -> &VectorConfig {
        &self.config
    }

    /// Whether these are `count` rows that [`VectorsBuilder::push`] takes.
    pub fn check(&self, rows: &[f32], count: usize) -> Result<()> {
        if Some(rows.len()) != count.checked_mul(self.config.dims) {
            let VectorConfig { dims, .. } = self.config;
            return Err(Error::invalid(format!("{count} chunks of {dims} dimensions with {} numbers", rows.len())));
        }
        let limit = match (self.config.storage, self.config.metric) {
            (Storage::F16, Metric::Dot | Metric::Euclidean) => f16::MAX.to_f32(),
            _ => limits::VECTOR_VALUE,
        };
        check(rows, limit)
    }

    /// Appends rows that were checked.
    pub fn push(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.config.dims) {
            let row = match self.config.metric {
                Metric::Cosine => &normalised(row),
                Metric::Dot | Metric::Euclidean => row,
            };
            match &mut self.rows {
                Rows::F32(rows) => rows.extend_from_slice(row),
                Rows::F16(rows) => rows.extend(row.iter().map(|&value| f16::from_f32(value).to_bits())),
                Rows::Int8(rows) => {
                    let (integers, scale) = to_int8(row);
                    rows.extend(integers);
                    self.scales.extend(self.config.scaled().then_some(scale));
                }
                // `new` begins none.
                Rows::Binary(_) => {}
            }
        }
    }

    /// Makes room for so many rows at once.
    pub fn expect(&mut self, rows: usize) {
        let numbers = rows.saturating_mul(self.config.dims);
        match &mut self.rows {
            Rows::F32(rows) => rows.reserve_exact(numbers),
            Rows::F16(rows) => rows.reserve_exact(numbers),
            Rows::Int8(rows) => rows.reserve_exact(numbers),
            Rows::Binary(_) => {}
        }
    }

    /// Appends stored rows as they are, or what their bits stand for. Both must have the same configuration.
    pub fn copy(&mut self, from: &Vectors, rows: std::ops::Range<usize>) {
        let span = rows.start * self.config.dims..rows.end * self.config.dims;
        match (&mut self.rows, &from.rows) {
            (Rows::F32(to), Rows::F32(from)) => to.extend_from_slice(&from[span]),
            (Rows::F16(to), Rows::F16(from)) => to.extend_from_slice(&from[span]),
            (Rows::Int8(to), Rows::Int8(from)) => to.extend_from_slice(&from[span]),
            (Rows::F32(to), Rows::Binary(_)) => rows.clone().for_each(|row| to.extend(from.vector(row))),
            _ => debug_assert!(false, "configurations differ"),
        }
        self.scales.extend_from_slice(from.scales.get(rows).unwrap_or_default());
    }

    /// The section; see the head of this room.
    pub fn seal(self) -> Vec<u8> {
        let rows = match self.rows {
            Rows::F32(rows) if self.config.storage == Storage::Binary => {
                let dims = self.config.dims;
                let read = |at: usize, out: &mut [f32]| out.copy_from_slice(&rows[at * dims..(at + 1) * dims]);
                Rows::Binary(Bits::of(rows.len() / dims, dims, read))
            }
            rows => rows,
        };
        encode(&rows, &self.scales)
    }
}

impl Vectors {
    /// The section it came from.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.rows, &self.scales)
    }
}

fn encode(rows: &Rows, scales: &[f32]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(size_of_val(scales) + rows.bytes());
    writer.f32s(scales);
    match rows {
        Rows::F32(rows) => writer.f32s(rows),
        Rows::F16(rows) => rows.iter().for_each(|&bits| writer.u16(bits)),
        Rows::Int8(rows) => rows.iter().for_each(|&value| writer.u8(value as u8)),
        Rows::Binary(bits) => bits.encode(&mut writer),
    }
    writer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantising_errs_by_half_a_step(values in proptest::collection::vec(-1e3f32..1e3, 1..40)) {
            let (integers, scale) = to_int8(&values);
            for (&integer, &value) in integers.iter().zip(&values) {
                prop_assert!(integer != i8::MIN);
                prop_assert!((f32::from(integer) * scale - value).abs() <= scale * 0.5001);
            }
        }

        #[test]
        fn normalising_gives_length_one(values in proptest::collection::vec(-1e15f32..1e15, 1..40)) {
            let length = normalised(&values).iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            prop_assert!((length - 1.0).abs() < 1e-6 || values.iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn extremes() {
        assert_eq!(to_int8(&[0.0, -0.0]), (vec![0, 0], 0.0));
        assert_eq!(to_int8(&[f32::from_bits(1), 0.0]), (vec![0, 0], 0.0));
        assert_eq!(to_int8(&[2.54, -2.54, 0.02]).0, [127, -127, 1]);
        assert_eq!(normalised(&[0.0, 0.0]), [0.0, 0.0]);
        assert!((normalised(&[f32::from_bits(1)])[0] - 1.0).abs() < 1e-6);
        for bad in [f32::NAN, f32::INFINITY, -1e30] {
            assert!(check(&[0.0, bad], limits::VECTOR_VALUE).is_err());
        }
    }
}
