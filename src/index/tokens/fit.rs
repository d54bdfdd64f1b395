//! Centroids by spherical k-means (Dhillon and Modha 2001). Which one is nearest is found with the int8 kernel of the
//! encoder: of two that are equally near, to within its rounding, either will do. The first centroids are rows of the
//! sample, evenly spaced, so that the same vectors have the same centroids.

use crate::error::Result;
use crate::index::vectors::to_int8;
use crate::kernel::{self, padded, Activations, Combine, Linear, Packed};
use crate::pace::Pacer;

const ITERATIONS: usize = 6;
/// Centroids that meet a block of vectors together: 512 of width 96 stay in the first cache but one.
const PIECE: usize = 512;
/// Vectors that meet them.
const BLOCK: usize = 64;
/// Vectors between two pauses.
const SLICE: usize = 1024;
/// Vectors for each centroid at least: fewer would tell of themselves and of nothing else.
const LEAST: usize = 16;

/// How many centroids tell so many vectors apart: a power of two near eight times the root.
fn count(vectors: usize) -> usize {
    let wanted = (8.0 * (vectors as f64).sqrt()) as usize;
    let most = wanted.min(vectors / LEAST).max(1);
    1 << most.ilog2()
}

/// `[count, dims]`.
pub(super) async fn fit_centroids(vectors: &[f32], dims: usize, pacer: &dyn Pacer) -> Result<Vec<f32>> {
    let total = vectors.len() / dims;
    let count = count(total);
    let row = |at: usize| vectors.get(at * dims..(at + 1) * dims);
    let mut rows: Vec<f32> =
        (0..count).flat_map(|at| direction(row(at * total / count).unwrap_or(&[]), dims)).collect();
    for _ in 0..ITERATIONS {
        let nearest = Nearest::new(&rows, dims);
        let mut sums = vec![0.0f32; rows.len()];
        for slice in vectors.chunks(SLICE * dims) {
            for (vector, id) in slice.chunks_exact(dims).zip(nearest.of(slice)) {
                let sum = &mut sums[usize::from(id) * dims..][..dims];
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
            }
            pacer.pause().await?;
        }
        for (row, sum) in rows.chunks_exact_mut(dims).zip(sums.chunks_exact(dims)) {
            // One that is nearest to nothing stays where it is.
            if sum.iter().any(|&x| x != 0.0) {
                row.copy_from_slice(&direction(sum, dims));
            }
        }
    }
    Ok(rows)
}

/// A vector of length 1; of one without a direction, the first axis.
fn direction(vector: &[f32], dims: usize) -> Vec<f32> {
    let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    match length > 1e-12 {
        true => vector.iter().map(|&x| (f64::from(x) / length) as f32).collect(),
        false => (0..dims).map(|at| if at == 0 { 1.0 } else { 0.0 }).collect(),
    }
}

/// Centroids packed for the kernel.
#[derive(Debug)]
pub(super) struct Nearest {
    dims: usize,
    count: usize,
    pieces: Vec<Packed>,
}

impl Nearest {
    pub fn new(rows: &[f32], dims: usize) -> Nearest {
        let piece = |rows: &[f32]| {
            let (mut data, mut scales) = (Vec::with_capacity(rows.len()), Vec::new());
            for row in rows.chunks_exact(dims) {
                let (codes, scale) = to_int8(row);
                data.extend(codes);
                scales.push(scale);
            }
            let bias = vec![0.0; scales.len()];
            Packed::new(&[Linear { rows: scales.len(), cols: dims, data: &data, scales: &scales, bias: &bias }])
        };
        let pieces = rows.chunks(PIECE * dims).map(piece).collect();
        Nearest { dims, count: rows.len() / dims, pieces }
    }

    /// The nearest centroid of each vector.
    pub fn of(&self, vectors: &[f32]) -> Vec<u16> {
        let width = padded(self.dims);
        let (mut padded_rows, mut codes, mut products) = (Vec::new(), Activations::default(), Vec::new());
        let mut found = Vec::with_capacity(vectors.len() / self.dims);
        for block in vectors.chunks(BLOCK * self.dims) {
            let rows = block.len() / self.dims;
            padded_rows.clear();
            padded_rows.resize(rows * width, 0.0);
            for (to, from) in padded_rows.chunks_exact_mut(width).zip(block.chunks_exact(self.dims)) {
                to[..self.dims].copy_from_slice(from);
            }
            codes.reshape(rows, width);
            kernel::quantise_rows(&padded_rows, &mut codes);
            let mut best = vec![(f32::MIN, 0); rows];
            for (at, piece) in self.pieces.iter().enumerate() {
                let (first, outputs) = (at * PIECE, piece.outputs());
                products.resize(rows * outputs, 0.0);
                kernel::multiply(&codes, 0..rows, piece, Combine::Replace, &mut products);
                let used = PIECE.min(self.count - first);
                for (best, row) in best.iter_mut().zip(products.chunks_exact(outputs)) {
                    let (most, at) = greatest(&row[..used]);
                    if most > best.0 {
                        *best = (most, first + at);
                    }
                }
            }
            found.extend(best.into_iter().map(|(_, id)| id as u16));
        }
        found
    }
}

/// The greatest number and its place: sixteen side by side, which compilers make registers of.
fn greatest(row: &[f32]) -> (f32, usize) {
    let mut most = [f32::MIN; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        most.iter_mut().zip(block).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
    }
    let most = most.into_iter().chain(rest.iter().copied()).fold(f32::MIN, f32::max);
    (most, row.iter().position(|&x| x == most).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::Random;
    use crate::pace::{at_once, Unpaced};

    #[test]
    fn as_many_centroids_as_the_vectors_can_tell_of() {
        assert_eq!([0, 1, 40, 100, 5_000, 65_536].map(count), [1, 1, 2, 4, 256, 2048]);
    }

    #[test]
    fn the_greatest_and_its_first_place() {
        let mut random = Random(5);
        for length in 1..70 {
            let row: Vec<f32> = (0..length).map(|_| (random.unit() * 9.0).round()).collect();
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            assert_eq!(greatest(&row), (most, row.iter().position(|&x| x == most).unwrap()));
        }
    }

    #[test]
    fn vectors_of_few_directions_find_them() {
        let mut random = Random(3);
        let axes: Vec<Vec<f32>> =
            (0..4).map(|_| direction(&(0..20).map(|_| random.normal()).collect::<Vec<_>>(), 20)).collect();
        let mut vectors = Vec::new();
        for at in 0..400 {
            let near: Vec<f32> = axes[at * 7 % 4].iter().map(|x| x + 0.02 * random.normal()).collect();
            vectors.extend(direction(&near, 20));
        }
        let rows = at_once(fit_centroids(&vectors, 20, &Unpaced)).unwrap();
        assert_eq!(rows, at_once(fit_centroids(&vectors, 20, &Unpaced)).unwrap());
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        for axis in &axes {
            assert!(rows.chunks_exact(20).any(|row| product(row, axis) > 0.99));
        }
        // What is found nearest is, to within the rounding of the kernel.
        let nearest = Nearest::new(&rows, 20);
        for (vector, id) in vectors.chunks_exact(20).zip(nearest.of(&vectors)) {
            let most = rows.chunks_exact(20).map(|row| product(row, vector)).fold(f32::MIN, f32::max);
            assert!(most - product(&rows[usize::from(id) * 20..][..20], vector) < 0.02);
        }
    }

    #[test]
    fn no_vectors_have_a_centroid_too() {
        assert_eq!(at_once(fit_centroids(&[], 3, &Unpaced)).unwrap(), [1.0, 0.0, 0.0]);
        assert_eq!(at_once(fit_centroids(&[0.0; 6], 3, &Unpaced)).unwrap(), [1.0, 0.0, 0.0]);
    }
}
