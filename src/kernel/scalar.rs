//! The oracle: every kernel once more as the plainest loop that can be read against its formula. Tests compare the
//! vectorised kernels with these; integers must agree exactly, floats within the tolerance the kernel states.

use half::f16;

/// Sum of `a[i] * b[i]`.
pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

/// Sum of `a[i] * b[i]`, accumulated in f64.
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>() as f32
}

/// Sum of `(a[i] - b[i])^2`, accumulated in f64.
pub fn l2_squared_f32(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum::<f64>() as f32
}

/// Sum of `query[i] * row[i]`, the row being bits of IEEE half precision.
pub fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    query.iter().zip(row).map(|(&x, &bits)| f64::from(x) * f16::from_bits(bits).to_f64()).sum::<f64>() as f32
}

/// Number of bits in which `a` and `b` differ.
pub fn hamming(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(&x, &y)| (x ^ y).count_ones()).sum()
}
