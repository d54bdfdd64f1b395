//! A rotation of a collection's vectors into the axes along which they spread most (principal components, not
//! centred). It changes no inner product and no distance, but the first dimensions then hold most of both, so that a
//! prefix of a vector stands for the whole also where the model was not trained for that (Matryoshka).
//!
//! Rounding to int8 has one step for all of a vector, by its greatest number, and along the first axes numbers are many
//! times as great as along the others: texts of many a model all point in nearly one direction. So the axes of each of the
//! [`bands`] are mixed with equal weights, which changes nothing for prefixes that end where a band does. (OPQ, Ge
//! et al. 2013, balances its subspaces to the same end.)
//!
//! [`Moments`] gathers what the fit needs of a sample of the vectors; [`Rotation::fit`] solves for the axes. All
//! vectors of a collection, and each query, are turned by the one rotation that its manifest names:
//!
//! ```text
//! frame of kind "ROTA" and id 0
//! section HEAD  dimensions u32 | vectors it was fitted on u64
//! section ROWS  the axes, by falling share, mixed or (as first written) not: f32, dimensions each
//! ```

mod eigen;

use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::kernel::dot_f32_rows;
use crate::limits;
use crate::pace::Pacer;
use crate::sorting::sort_by;
use std::ops::Range;

const KIND: [u8; 4] = *b"ROTA";

/// Sums of the products of each two dimensions over a sample of vectors.
pub struct Moments {
    dims: usize,
    count: u64,
    /// `[dims, dims]`; only what is on the diagonal and right of it.
    sums: Vec<f64>,
    wide: Vec<f64>,
}

impl Moments {
    /// # Errors
    /// `LimitExceeded` for more dimensions than a rotation may have.
    pub fn new(dims: usize) -> Result<Moments> {
        check_dims(dims).map_err(Error::limit)?;
        Ok(Moments { dims, count: 0, sums: vec![0.0; dims * dims], wide: vec![0.0; dims] })
    }

    /// Takes a vector of `dims` finite numbers in.
    pub fn add(&mut self, vector: &[f32]) {
        self.count += 1;
        self.wide.iter_mut().zip(vector).for_each(|(wide, &x)| *wide = f64::from(x));
        for (i, row) in self.sums.chunks_exact_mut(self.dims).enumerate() {
            let factor = self.wide[i];
            if factor != 0.0 {
                row[i..].iter_mut().zip(&self.wide[i..]).for_each(|(sum, x)| *sum += factor * x);
            }
        }
    }

    /// Vectors so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Orthonormal axes: those of each of the [`bands`] hold together at least as much of the squared length of the vectors
/// they were fitted on as any others behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    dims: usize,
    fitted_on: u64,
    /// `[dims, dims]`, an axis a row.
    rows: Vec<f32>,
}

impl Rotation {
    /// The axes for these vectors. Pauses every few milliseconds.
    ///
    /// # Errors
    /// `InvalidInput` without vectors; what `pacer` says.
    pub async fn fit(moments: Moments, pacer: &dyn Pacer) -> Result<Rotation> {
        let Moments { dims, count, mut sums, .. } = moments;
        if count == 0 {
            return Err(Error::invalid("a rotation cannot be fitted on no vectors"));
        }
        let scale = (count as f64).recip();
        for i in 0..dims {
            for j in i..dims {
                let mean = sums[i * dims + j] * scale;
                (sums[i * dims + j], sums[j * dims + i]) = (mean, mean);
            }
        }
        let found = eigen::eigen(sums, dims, pacer).await?;
        let mut order: Vec<usize> = (0..dims).collect();
        sort_by(&mut order, |&a, &b| found.values[b].total_cmp(&found.values[a]));
        let mut rows = Vec::with_capacity(dims * dims);
        for at in order {
            let axis = &found.vectors[at * dims..(at + 1) * dims];
            // Of an axis and its opposite, that whose largest number is positive.
            let largest = axis.iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
            rows.extend(axis.iter().map(|&x| if largest < 0.0 { -x as f32 } else { x as f32 }));
        }
        for band in bands(dims) {
            mix(&mut rows[band.start * dims..band.end * dims], dims);
        }
        Ok(Rotation { dims, fitted_on: count, rows })
    }

    /// This rotation as one with that which came before it.
    ///
    /// # Errors
    /// `InvalidInput` for another width.
    pub fn after(&self, before: &Rotation) -> Result<Rotation> {
        Ok(Rotation { rows: before.turn_back(&self.rows)?, ..self.clone() })
    }

    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Number of vectors it was fitted on.
    pub fn fitted_on(&self) -> u64 {
        self.fitted_on
    }

    /// Vectors of `dims` numbers, joined, turned.
    ///
    /// # Errors
    /// `InvalidInput` for another width.
    pub fn turn(&self, vectors: &[f32]) -> Result<Vec<f32>> {
        self.check(vectors)?;
        let mut turned = vec![0.0; vectors.len()];
        for (from, to) in vectors.chunks_exact(self.dims).zip(turned.chunks_exact_mut(self.dims)) {
            dot_f32_rows(from, &self.rows, to);
        }
        Ok(turned)
    }

    /// The way back: what [`Rotation::turn`] was given, to within rounding.
    ///
    /// # Errors
    /// `InvalidInput` for another width.
    pub fn turn_back(&self, vectors: &[f32]) -> Result<Vec<f32>> {
        self.check(vectors)?;
        let mut turned = vec![0.0f32; vectors.len()];
        for (from, to) in vectors.chunks_exact(self.dims).zip(turned.chunks_exact_mut(self.dims)) {
            for (axis, &share) in self.rows.chunks_exact(self.dims).zip(from) {
                to.iter_mut().zip(axis).for_each(|(to, x)| *to += share * x);
            }
        }
        Ok(turned)
    }

    fn check(&self, vectors: &[f32]) -> Result<()> {
        match vectors.len().is_multiple_of(self.dims) {
            true => Ok(()),
            false => Err(Error::invalid(format!("{} numbers for a rotation of {}", vectors.len(), self.dims))),
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        let (mut head, mut rows) = (Writer::new(), Writer::new());
        head.u32(self.dims as u32);
        head.u64(self.fitted_on);
        rows.f32s(&self.rows);
        let mut frame = FrameWriter::new(KIND, 0);
        frame.section(*b"HEAD", head.into_bytes()).section(*b"ROWS", rows.into_bytes());
        frame.finish()
    }

    /// # Errors
    /// `Corrupt` for damaged bytes and for axes that do not have length 1.
    pub fn decode(bytes: &[u8]) -> Result<Rotation> {
        let read = || {
            let frame = Frame::open(bytes, KIND, 0)?;
            let mut head = Reader::new(frame.section(*b"HEAD")?);
            let (dims, fitted_on) = (head.u32()? as usize, head.u64()?);
            head.end()?;
            check_dims(dims).map_err(Error::corrupt)?;
            let mut reader = Reader::new(frame.section(*b"ROWS")?);
            let rows = reader.f32s(dims * dims)?;
            reader.end()?;
            let length = |axis: &[f32]| axis.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            match rows.chunks_exact(dims).all(|axis| (length(axis) - 1.0).abs() < 1e-4) {
                true => Ok(Rotation { dims, fitted_on, rows }),
                false => Err(Error::corrupt("an axis that is not of length 1")),
            }
        };
        read().map_err(|error: Error| error.within("rotation"))
    }
}

/// Ranges of dimensions whose lengths are powers of two: they end at 64, 128, 256, 512 and so on, as the levels do that
/// models are trained for, and what is left over at the end is taken apart.
fn bands(dims: usize) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let (start, room) = (end, dims - end);
        let most = 1 << room.checked_ilog2()?;
        end += most.min(start.max(FIRST_BAND));
        Some(start..end)
    })
}

const FIRST_BAND: usize = 64;

/// Makes of rows, a power of two of them, their sums with all the signs of a Hadamard matrix, of the same lengths.
fn mix(rows: &mut [f32], width: usize) {
    let count = rows.len() / width;
    let mut half = width;
    while half < rows.len() {
        for pair in rows.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = (count as f32).sqrt().recip();
    rows.iter_mut().for_each(|x| *x *= scale);
}

fn check_dims(dims: usize) -> std::result::Result<(), String> {
    match dims {
        1..=limits::ROTATION_DIMS => Ok(()),
        _ => Err(format!("a rotation of {dims} dimensions, must be 1 to {}", limits::ROTATION_DIMS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::Random;
    use crate::pace::Unpaced;
    use proptest::prelude::*;

    fn fit(rows: &[Vec<f32>]) -> Rotation {
        let mut moments = Moments::new(rows[0].len()).unwrap();
        rows.iter().for_each(|row| moments.add(row));
        pollster::block_on(Rotation::fit(moments, &Unpaced)).unwrap()
    }

    fn product(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    fn vectors() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1usize..20)
            .prop_flat_map(|dims| proptest::collection::vec(proptest::collection::vec(-1.0f32..1.0, dims), 1..40))
    }

    proptest! {
        #[test]
        fn products_stay_and_the_way_back_leads_home(rows in vectors()) {
            let rotation = fit(&rows);
            for pair in rows.windows(2) {
                let turned = [rotation.turn(&pair[0]).unwrap(), rotation.turn(&pair[1]).unwrap()];
                prop_assert!((product(&turned[0], &turned[1]) - product(&pair[0], &pair[1])).abs() < 1e-4);
                let back = rotation.turn_back(&turned[0]).unwrap();
                prop_assert!(back.iter().zip(&pair[0]).all(|(a, b)| (a - b).abs() < 1e-5));
            }
            let twice = rotation.after(&rotation).unwrap().turn(&rows[0]).unwrap();
            let expected = rotation.turn(&rotation.turn(&rows[0]).unwrap()).unwrap();
            prop_assert!(twice.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
            let all = rows.concat();
            let one_by_one: Vec<f32> = rows.iter().flat_map(|row| rotation.turn(row).unwrap()).collect();
            prop_assert_eq!(rotation.turn(&all).unwrap(), one_by_one);
        }

        /// The first bands hold more of the vectors than any others could: more than those of the model, in particular.
        #[test]
        fn no_prefix_holds_more(rows in vectors()) {
            let rotation = fit(&rows);
            let held = |rows: &[Vec<f32>], dims: usize| -> f64 {
                rows.iter().map(|row| product(&row[..dims], &row[..dims])).sum()
            };
            let turned: Vec<Vec<f32>> = rows.iter().map(|row| rotation.turn(row).unwrap()).collect();
            for Range { end: dims, .. } in bands(rows[0].len()) {
                prop_assert!(held(&turned, dims) >= held(&rows, dims) * (1.0 - 1e-5) - 1e-6);
            }
        }

        #[test]
        fn what_is_stored_is_read(rows in vectors(), at in any::<prop::sample::Index>()) {
            let rotation = fit(&rows);
            let mut bytes = rotation.encode().unwrap();
            prop_assert_eq!(&Rotation::decode(&bytes).unwrap(), &rotation);
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            prop_assert!(Rotation::decode(&bytes).is_err());
        }
    }

    #[track_caller]
    fn check_bands(dims: usize, ends: &[usize]) {
        assert_eq!(bands(dims).map(|band| band.end).collect::<Vec<_>>(), ends);
        let mut next = 0;
        for Range { start, end } in bands(dims) {
            assert!(start == next && (end - start).is_power_of_two());
            next = end;
        }
    }

    #[test]
    fn bands_end_where_levels_do() {
        check_bands(1, &[1]);
        check_bands(20, &[16, 20]);
        check_bands(100, &[64, 96, 100]);
        check_bands(384, &[64, 128, 256, 384]);
        check_bands(1024, &[64, 128, 256, 512, 1024]);
    }

    /// The step of a rounding to int8 is the greatest number of a vector in 127 parts. It is five times as great along
    /// axes that are not mixed.
    #[test]
    fn rounding_a_turned_vector_costs_little_more() {
        let mut random = Random(7);
        let mut number = || random.normal();
        let common: Vec<f32> = (0..256).map(|_| number()).collect();
        let rows: Vec<Vec<f32>> = (0..300).map(|_| common.iter().map(|x| 2.0 * x + number()).collect()).collect();
        let rotation = fit(&rows);
        let steps = |rows: &[Vec<f32>]| -> f32 {
            rows.iter().map(|row| row.iter().fold(0.0f32, |most, x| most.max(x.abs()))).sum()
        };
        let turned: Vec<Vec<f32>> = rows.iter().map(|row| rotation.turn(row).unwrap()).collect();
        assert!(steps(&turned) <= 1.2 * steps(&rows), "{} where it was {}", steps(&turned), steps(&rows));
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        assert!(Moments::new(0).is_err() && Moments::new(limits::ROTATION_DIMS + 1).is_err());
        assert!(pollster::block_on(Rotation::fit(Moments::new(3).unwrap(), &Unpaced)).is_err());
        let rotation = fit(&[vec![0.0; 3]]);
        assert!(rotation.turn(&[1.0, 2.0]).is_err() && rotation.turn_back(&[1.0]).is_err());
        let stretched = Rotation { rows: rotation.rows.iter().map(|x| x * 2.0).collect(), ..rotation };
        assert!(Rotation::decode(&stretched.encode().unwrap()).is_err());
    }
}
