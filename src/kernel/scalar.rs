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

/// `sums[r][c]` = sum over `i` of `codes[r][i] * weights[c][i]`: rows of codes with rows of weights.
pub fn matmul_i32(codes: &[Vec<u8>], weights: &[Vec<i8>]) -> Vec<Vec<i32>> {
    let dot = |a: &[u8], w: &[i8]| a.iter().zip(w).map(|(&a, &w)| i32::from(a) * i32::from(w)).sum();
    codes.iter().map(|a| weights.iter().map(|w| dot(a, w)).collect()).collect()
}

/// Of each query vector the greatest inner product with a row, added up (MaxSim); minus infinity without rows.
pub fn max_sim(query: &[Vec<f32>], rows: &[Vec<f32>]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    query.iter().map(|token| rows.iter().map(|row| dot(token, row)).fold(f64::NEG_INFINITY, f64::max)).sum()
}

/// `w x + bias` for each row of `x`, with `w[i][j] = codes[i * cols + j] * scales[i]`, accumulated in f64.
pub fn linear(x: &[Vec<f64>], codes: &[i8], scales: &[f32], bias: &[f32]) -> Vec<Vec<f64>> {
    let output = |x: &Vec<f64>, i: usize| {
        let weights = &codes[i * x.len()..][..x.len()];
        let sum: f64 = weights.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
        sum * f64::from(scales[i]) + f64::from(bias[i])
    };
    x.iter().map(|x| (0..scales.len()).map(|i| output(x, i)).collect()).collect()
}

/// The error function: its Taylor series, and the continued fraction of the complement where that converges fast.
pub fn erf(x: f64) -> f64 {
    if x < 0.0 {
        return -erf(-x);
    }
    if x > 3.0 {
        let fraction = (1..60).rev().fold(0.0, |tail, k| f64::from(k) / 2.0 / (x + tail));
        return 1.0 - (-x * x).exp() / std::f64::consts::PI.sqrt() / (x + fraction);
    }
    let (mut sum, mut power) = (0.0, x);
    for n in 0..100 {
        sum += power / f64::from(2 * n + 1);
        power *= -x * x / f64::from(n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// x * Phi(x), Phi the normal distribution function.
pub fn gelu(x: f64) -> f64 {
    x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// e^x_i / sum of e^x_j.
pub fn softmax(row: &[f64]) -> Vec<f64> {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|x| (x - greatest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// (x - mean) / sqrt(variance + eps) * weight + bias.
pub fn layer_norm(row: &[f64], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f64> {
    let width = row.len() as f64;
    let mean = row.iter().sum::<f64>() / width;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    let affine = weight.iter().zip(bias).map(|(&w, &b)| (f64::from(w), f64::from(b)));
    row.iter().zip(affine).map(|(x, (w, b))| (x - mean) * scale * w + b).collect()
}

/// softmax(Q K^T / sqrt(d)) V of one head; each a list of token rows.
pub fn attention(queries: &[Vec<f64>], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mix = |query: &Vec<f64>| {
        let scores: Vec<f64> = keys.iter().map(|key| dot(query, key) / (query.len() as f64).sqrt()).collect();
        let shares = softmax(&scores);
        (0..query.len()).map(|d| shares.iter().zip(values).map(|(share, value)| share * value[d]).sum()).collect()
    };
    queries.iter().map(mix).collect()
}
