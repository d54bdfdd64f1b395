//! Eigenvectors of a real symmetric matrix, in f64 and without anything that differs between targets: Householder
//! reflections bring it to three diagonals, implicit QR steps with Wilkinson's shift make those one (Golub and Van
//! Loan, Matrix Computations, chapter 8.3). Some 9 n³ multiplications, in which it pauses every few milliseconds.
//!
//! Vectors are rows throughout, so that every inner loop runs along memory.

use crate::error::{Error, Result};
use crate::pace::Pacer;

/// Multiplications between two pauses: a few milliseconds.
const PAUSE_EVERY: usize = 2_000_000;

/// Steps for each eigenvalue; two are usual.
const STEPS: usize = 60;

/// Eigenvalues and, as rows of `n` numbers in the same order, orthonormal eigenvectors. In no particular order.
pub(super) struct Eigen {
    pub values: Vec<f64>,
    pub vectors: Vec<f64>,
}

/// Of the symmetric matrix `[n, n]`, whose lower and upper half must agree.
///
/// # Errors
/// `Internal` for a matrix with numbers that are not finite; what `pacer` says.
pub(super) async fn eigen(mut matrix: Vec<f64>, n: usize, pacer: &dyn Pacer) -> Result<Eigen> {
    let mut work = Work { pacer, done: 0 };
    let mut tridiagonal = reduce(&mut matrix, n, &mut work).await?;
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    diagonalise(&mut tridiagonal, &mut vectors, n, &mut work).await?;
    // Those of the three diagonals, reflected back, are those of the matrix.
    for k in (0..n.saturating_sub(2)).rev() {
        let mirror = &matrix[k * n + k + 1..(k + 1) * n];
        for row in vectors.chunks_exact_mut(n) {
            let part = &mut row[k + 1..];
            add(part, mirror, -2.0 * dot(part, mirror));
        }
        work.pause(2 * n * (n - k)).await?;
    }
    Ok(Eigen { values: tridiagonal.diagonal, vectors })
}

struct Work<'a> {
    pacer: &'a dyn Pacer,
    done: usize,
}

impl Work<'_> {
    async fn pause(&mut self, multiplications: usize) -> Result<()> {
        self.done += multiplications;
        if self.done < PAUSE_EVERY {
            return Ok(());
        }
        self.done = 0;
        self.pacer.pause().await
    }
}

struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside the diagonal; one fewer.
    beside: Vec<f64>,
}

/// Leaves the unit normal of reflection `k` in `matrix[k, k + 1..]`; zeros where none was needed.
async fn reduce(matrix: &mut [f64], n: usize, work: &mut Work<'_>) -> Result<Tridiagonal> {
    let mut beside = Vec::with_capacity(n.saturating_sub(1));
    let (mut mirror, mut image) = (vec![0.0; n], vec![0.0; n]);
    for k in 0..n.saturating_sub(1) {
        let m = n - k - 1;
        let (mirror, image) = (&mut mirror[..m], &mut image[..m]);
        mirror.copy_from_slice(&matrix[k * n + k + 1..(k + 1) * n]);
        let head = mirror[0];
        let length = dot(mirror, mirror).sqrt();
        if length == 0.0 || dot(&mirror[1..], &mirror[1..]) == 0.0 {
            beside.push(head);
            matrix[k * n + k + 1..(k + 1) * n].fill(0.0);
            continue;
        }
        // Of the two reflections, that which does not cancel digits.
        let target = if head > 0.0 { -length } else { length };
        mirror[0] -= target;
        let scale = dot(mirror, mirror).sqrt().recip();
        mirror.iter_mut().for_each(|x| *x *= scale);
        beside.push(target);
        // A - v wᵀ - w vᵀ with w = 2 (A v - (vᵀ A v) v).
        for (i, y) in image.iter_mut().enumerate() {
            let start = (k + 1 + i) * n + k + 1;
            *y = dot(&matrix[start..start + m], mirror);
        }
        let share = dot(image, mirror);
        image.iter_mut().zip(&*mirror).for_each(|(y, v)| *y = 2.0 * (*y - share * v));
        for i in 0..m {
            let start = (k + 1 + i) * n + k + 1;
            let row = &mut matrix[start..start + m];
            add(row, image, -mirror[i]);
            add(row, mirror, -image[i]);
        }
        matrix[k * n + k + 1..(k + 1) * n].copy_from_slice(mirror);
        work.pause(3 * m * m).await?;
    }
    Ok(Tridiagonal { diagonal: (0..n).map(|i| matrix[i * n + i]).collect(), beside })
}

/// Turns `vectors` as it turns the matrix, until nothing is left beside its diagonal.
async fn diagonalise(matrix: &mut Tridiagonal, vectors: &mut [f64], n: usize, work: &mut Work<'_>) -> Result<()> {
    let Tridiagonal { diagonal, beside } = matrix;
    let norm = diagonal.iter().chain(beside.iter()).fold(0.0f64, |most, x| most.max(x.abs()));
    let negligible = |diagonal: &[f64], beside: &[f64], i: usize| {
        let near = diagonal[i].abs() + diagonal[i + 1].abs();
        beside[i].abs() <= f64::EPSILON * (near + norm * f64::EPSILON)
    };
    let (mut high, mut steps) = (n.saturating_sub(1), 0);
    while high > 0 {
        if negligible(diagonal, beside, high - 1) {
            high -= 1;
            continue;
        }
        let low = (0..high).rev().find(|&i| negligible(diagonal, beside, i)).map_or(0, |i| i + 1);
        steps += 1;
        if steps > STEPS * n {
            return Err(Error::internal(format!("eigenvectors of {n} dimensions were not found in {steps} steps")));
        }
        step(&mut diagonal[low..=high], &mut beside[low..high], &mut vectors[low * n..(high + 1) * n], n);
        work.pause(4 * n * (high - low)).await?;
    }
    Ok(())
}

/// One implicit QR step on a block that does not fall apart.
fn step(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64], n: usize) {
    let last = beside.len();
    // Wilkinson's shift: the eigenvalue of the last two by two that is nearer to the last number.
    let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
    let corner = beside[last - 1];
    let root = (half * half + corner * corner).sqrt();
    let shift = diagonal[last] - corner * corner / (half + if half < 0.0 { -root } else { root });
    let (mut x, mut bulge) = (diagonal[0] - shift, beside[0]);
    for k in 0..last {
        let length = (x * x + bulge * bulge).sqrt();
        let (c, s) = if length > 0.0 { (x / length, bulge / length) } else { (1.0, 0.0) };
        if k > 0 {
            beside[k - 1] = length;
        }
        let (a, b, t) = (diagonal[k], diagonal[k + 1], beside[k]);
        diagonal[k] = c * c * a + 2.0 * c * s * t + s * s * b;
        diagonal[k + 1] = s * s * a - 2.0 * c * s * t + c * c * b;
        beside[k] = c * s * (b - a) + (c * c - s * s) * t;
        x = beside[k];
        if k + 1 < last {
            bulge = s * beside[k + 1];
            beside[k + 1] *= c;
        }
        let (upper, lower) = vectors[k * n..(k + 2) * n].split_at_mut(n);
        for (u, l) in upper.iter_mut().zip(lower) {
            (*u, *l) = (c * *u + s * *l, c * *l - s * *u);
        }
    }
}

/// In four sums, which vector units can run side by side: the order is the same on every target.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut fours_a, mut fours_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let mut sums = [0.0; 4];
    for (a, b) in (&mut fours_a).zip(&mut fours_b) {
        (0..4).for_each(|i| sums[i] += a[i] * b[i]);
    }
    let rest: f64 = fours_a.remainder().iter().zip(fours_b.remainder()).map(|(a, b)| a * b).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

fn add(to: &mut [f64], from: &[f64], factor: f64) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Unpaced;
    use proptest::prelude::*;

    fn solve(matrix: &[f64], n: usize) -> Eigen {
        pollster::block_on(eigen(matrix.to_vec(), n, &Unpaced)).unwrap()
    }

    /// `A v = λ v`, and the vectors are orthonormal, to within rounding.
    #[track_caller]
    fn check(matrix: &[f64], n: usize) {
        let Eigen { values, vectors } = solve(matrix, n);
        let size = matrix.iter().fold(f64::MIN_POSITIVE, |most, x| most.max(x.abs())) * n as f64;
        for (value, vector) in values.iter().zip(vectors.chunks_exact(n)) {
            for (row, x) in matrix.chunks_exact(n).zip(vector) {
                let image: f64 = row.iter().zip(vector).map(|(a, v)| a * v).sum();
                assert!((image - value * x).abs() <= 1e-13 * size, "{image} {value} {x}");
            }
        }
        for (i, a) in vectors.chunks_exact(n).enumerate() {
            for (j, b) in vectors.chunks_exact(n).enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(i == j)).abs() < 1e-12 * n as f64, "{i} {j} {product}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn every_symmetric_matrix_has_its_eigenvectors(
            n in 1usize..24, numbers in proptest::collection::vec(-1e3f64..1e3, 24 * 24), rank in 1usize..24
        ) {
            // Sums of few products have many eigenvalues of 0, which is what small collections give.
            let mut matrix = vec![0.0; n * n];
            for row in numbers.chunks_exact(24).take(rank) {
                (0..n * n).for_each(|at| matrix[at] += row[at / n] * row[at % n]);
            }
            check(&matrix, n);
            let symmetric: Vec<f64> =
                (0..n * n).map(|at| numbers[(at / n).max(at % n) * 24 + (at / n).min(at % n)]).collect();
            check(&symmetric, n);
        }
    }

    #[test]
    fn matrices_that_are_easily_got_wrong() {
        check(&[0.0; 25], 5);
        check(&[3.0], 1);
        check(&[0.0, 1.0, 1.0, 0.0], 2);
        let n = 6;
        check(&(0..36).map(|at| f64::from(u8::from(at / n == at % n))).collect::<Vec<_>>(), n);
        check(&(0..36).map(|at| 10f64.powi(-3 * (at / n + at % n) as i32)).collect::<Vec<_>>(), n);
        // Already three diagonals: of the path graph, whose eigenvalues are known.
        let path: Vec<f64> = (0..36usize).map(|at| f64::from(u8::from((at / n).abs_diff(at % n) == 1))).collect();
        check(&path, n);
        let mut values = solve(&path, n).values;
        values.sort_by(|a, b| b.total_cmp(a));
        for (k, value) in (1..).zip(values) {
            assert!((value - 2.0 * (std::f64::consts::PI * f64::from(k) / 7.0).cos()).abs() < 1e-14);
        }
        assert!(pollster::block_on(eigen(vec![f64::NAN; 9], 3, &Unpaced)).is_err());
    }
}
