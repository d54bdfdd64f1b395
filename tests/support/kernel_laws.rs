//! What the vectorised kernels owe to the scalar oracle, as functions of a shape and a seed. `tests/native/kernel.rs` runs
//! them natively, `tests/kernel/in_browsers.rs` in browsers, where each build has its own instructions.

use nearfield_kernel::{self as kernel, padded, scalar, Activations, AttentionScratch, AttentionShape, Code, Combine};
use nearfield_kernel::{Linear, Norm, Packed};

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// In -1..1, with 24 bits.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn units(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.unit()).collect()
    }

    /// Mostly anything, sometimes only the ends of the range: the sums that come closest to overflow.
    fn codes(&mut self, len: usize, low: i64, high: i64) -> Vec<i64> {
        let extreme = self.next() % 4;
        let code = |random: &mut Random| match extreme {
            0 => high,
            1 => [low, high][random.next() as usize % 2],
            _ => random.between(low, high),
        };
        (0..len).map(|_| code(self)).collect()
    }
}

#[track_caller]
fn close(found: f32, expected: f64, tolerance: f64) {
    assert!((f64::from(found) - expected).abs() <= tolerance, "{found}, expected {expected}");
}

/// With scales of 1 the product is the integer sums themselves, which f32 holds up to 2^24: they must be exact.
pub fn integer_products_are_exact(rows: usize, inputs: usize, outputs: usize, seed: u64) {
    assert!(inputs * 127 * 127 <= 1 << 24);
    let mut random = Random(seed);
    let codes: Vec<Vec<u8>> =
        (0..rows).map(|_| random.codes(inputs, 0, 127).into_iter().map(|x| x as u8).collect()).collect();
    let weights: Vec<Vec<i8>> =
        (0..outputs).map(|_| random.codes(inputs, -127, 127).into_iter().map(|x| x as i8).collect()).collect();
    let (data, ones, zeros) = (weights.concat(), vec![1.0; outputs], vec![0.0; outputs]);
    let packed = Packed::new(&[Linear { rows: outputs, cols: inputs, data: &data, scales: &ones, bias: &zeros }]);

    let mut activations = Activations::default();
    activations.reshape(rows, inputs);
    for (r, row) in codes.iter().enumerate() {
        let (slots, affine) = activations.row_mut(r);
        slots.fill(Code::from(99u8)); // what stands in the padding must not matter
        slots.iter_mut().zip(row).for_each(|(slot, &code)| *slot = Code::from(code));
        affine.scale = 1.0;
    }
    let mut out = vec![f32::NAN; rows * packed.outputs()];
    kernel::multiply(&activations, 0..rows, &packed, Combine::Replace, &mut out);

    let expected = scalar::matmul_i32(&codes, &weights);
    for (found, expected) in out.chunks_exact(packed.outputs()).zip(expected) {
        let found: Vec<i32> = found[..outputs].iter().map(|&x| x as i32).collect();
        assert_eq!(found, expected, "{rows} x {inputs} x {outputs}");
    }
}

/// Quantising activations, multiplying and dequantising: the whole epilogue against f64, over a range of rows, with
/// and without the residual. The oracle reads the same codes, so that only rounding of the epilogue remains.
pub fn products_are_dequantised(rows: usize, inputs: usize, outputs: usize, seed: u64) {
    let mut random = Random(seed);
    let width = padded(inputs);
    let mut values = vec![0.0; rows * width];
    for row in values.chunks_exact_mut(width) {
        row[..inputs].copy_from_slice(&random.units(inputs));
    }
    let data: Vec<i8> = random.codes(inputs * outputs, -127, 127).into_iter().map(|x| x as i8).collect();
    let scales: Vec<f32> = random.units(outputs).into_iter().map(|x| x.abs() / 127.0).collect();
    let bias = random.units(outputs);
    let packed = Packed::new(&[Linear { rows: outputs, cols: inputs, data: &data, scales: &scales, bias: &bias }]);
    let mut activations = Activations::default();
    activations.reshape(rows, inputs);
    kernel::quantise_rows(&values, &mut activations);

    let first = rows / 3;
    let before = random.units((rows - first) * packed.outputs());
    for combine in [Combine::Replace, Combine::Add] {
        let mut out = before.clone();
        kernel::multiply(&activations, first..rows, &packed, combine, &mut out);
        for r in first..rows {
            let affine = activations.affine(r);
            let reads: Vec<f64> = activations.row(r)[..inputs]
                .iter()
                .map(|&code| f64::from(code) * f64::from(affine.scale) + f64::from(affine.offset))
                .collect();
            for (read, value) in reads.iter().zip(&values[r * width..]) {
                close(*value, *read, f64::from(affine.scale) * 0.5001 + 1e-6);
            }
            for c in 0..outputs {
                let weights = &data[c * inputs..][..inputs];
                let sum: f64 = weights.iter().zip(&reads).map(|(&w, x)| f64::from(w) * x).sum();
                let at = (r - first) * packed.outputs() + c;
                let residual = if combine == Combine::Add { f64::from(before[at]) } else { 0.0 };
                let expected = sum * f64::from(scales[c]) + f64::from(bias[c]) + residual;
                // Four roundings of terms of at most `inputs` in magnitude.
                close(out[at], expected, 3e-7 * (inputs as f64 + 4.0));
            }
        }
    }
}

/// Layer normalisation within 1e-5 of f64; padding becomes 0; codes are those of the result.
pub fn norms_are_close(rows: usize, width: usize, seed: u64) {
    let mut random = Random(seed);
    let stride = padded(width);
    let pad = |mut row: Vec<f32>| {
        row.resize(stride, 0.0);
        row
    };
    let (scale, shift) = (10f32.powi(random.between(-2, 2) as i32), random.unit() * 3.0);
    let rows: Vec<Vec<f32>> =
        (0..rows).map(|_| random.units(width).iter().map(|x| (x + shift) * scale).collect()).collect();
    let (weight, bias) = (random.units(width), random.units(width));
    let norm = Norm { width, weight: pad(weight.clone()), bias: pad(bias.clone()), eps: 1e-12 };
    let mut values: Vec<f32> = rows.iter().flat_map(|row| pad(row.clone())).collect();
    let mut activations = Activations::default();
    activations.reshape(rows.len() + 1, width);
    kernel::norm_rows(&mut values, &norm, &mut activations, 1);
    for (r, (found, row)) in values.chunks_exact(stride).zip(&rows).enumerate() {
        let affine = activations.affine(r + 1);
        let expected = {
            let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
            scalar::layer_norm(&row, &weight, &bias, 1e-12)
        };
        for (i, expected) in expected.iter().enumerate() {
            close(found[i], *expected, 1e-5 * (1.0 + expected.abs()));
            let read = f32::from(activations.row(r + 1)[i]) * affine.scale + affine.offset;
            close(read, f64::from(found[i]), f64::from(affine.scale) * 0.5001 + 1e-6);
        }
        assert!(found[width..].iter().all(|&x| x == 0.0));
    }
}

/// GELU within 1e-5 of f64, over everything that a layer computes and far beyond.
pub fn gelu_is_close(seed: u64) {
    let mut random = Random(seed);
    let reach = [0.5, 3.0, 6.0, 30.0][random.next() as usize % 4];
    let before: Vec<f32> = random.units(64).iter().map(|x| x * reach).collect();
    let mut values = before.clone();
    let mut activations = Activations::default();
    activations.reshape(2, 32);
    kernel::gelu_rows(&mut values, &mut activations);
    for (found, x) in values.iter().zip(before) {
        close(*found, scalar::gelu(f64::from(x)), 1e-5);
    }
}

/// Attention within 1e-5 of f64 (values lie in -1..1).
pub fn attention_is_close(len: usize, heads: usize, depth: usize, seed: u64) {
    let mut random = Random(seed);
    let width = padded(heads * depth);
    // Wide scores make the softmax sharp, narrow ones flat.
    let sharpness = [0.1, 1.0, 6.0][random.next() as usize % 3];
    let mut qkv = random.units(len * 3 * width);
    for row in qkv.chunks_exact_mut(3 * width) {
        row[..width].iter_mut().for_each(|q| *q *= sharpness);
    }
    let mut scratch = AttentionScratch::default();
    let mut out = vec![0.0; len * width];
    // A longer sequence before: what it leaves in the buffers must not matter.
    let longer = AttentionShape { len: len + 9, heads, depth, width };
    kernel::attend(&random.units((len + 9) * 3 * width), longer, &mut scratch, &mut vec![0.0; (len + 9) * width]);
    kernel::attend(&qkv, AttentionShape { len, heads, depth, width }, &mut scratch, &mut out);
    for head in 0..heads {
        let part = |which: usize| -> Vec<Vec<f64>> {
            let rows = qkv.chunks_exact(3 * width).map(|row| &row[which * width + head * depth..][..depth]);
            rows.map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
        };
        let expected = scalar::attention(&part(0), &part(1), &part(2));
        for (row, expected) in out.chunks_exact(width).zip(expected) {
            for (found, expected) in row[head * depth..].iter().zip(expected) {
                close(*found, expected, 1e-5);
            }
        }
    }
}

/// Distances of search vectors: integers exactly, floats within rounding; many rows as one row at a time.
pub fn distances_agree(rows: usize, width: usize, seed: u64) {
    let mut random = Random(seed);
    let codes = |random: &mut Random, len, low| -> Vec<i8> {
        random.codes(len, low, 127).into_iter().map(|x| x as i8).collect()
    };
    let low = [-127, -128][random.next() as usize % 2];
    let (query, table) = (codes(&mut random, width, low), codes(&mut random, rows * width, -128));
    let expected: Vec<i32> = (0..rows).map(|r| scalar::dot_i8(&query, &table[r * width..][..width])).collect();
    let mut found = vec![-1; rows];
    kernel::dot_i8_rows(&query, &table, &mut found);
    assert_eq!(found, expected);
    let one: Vec<i32> = (0..rows).map(|r| kernel::dot_i8(&query, &table[r * width..][..width])).collect();
    assert_eq!(one, expected);

    let tolerance = 1e-6 * (1.0 + width as f64);
    let (query, table) = (random.units(width), random.units(rows * width));
    let halves: Vec<u16> = table.iter().map(|&x| half::f16::from_f32(x).to_bits()).collect();
    let mut found = [vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]];
    kernel::dot_f32_rows(&query, &table, &mut found[0]);
    kernel::l2_squared_f32_rows(&query, &table, &mut found[1]);
    kernel::dot_f16_rows(&query, &halves, &mut found[2]);
    for r in 0..rows {
        let (row, half) = (&table[r * width..][..width], &halves[r * width..][..width]);
        assert_eq!(found[0][r].to_bits(), kernel::dot_f32(&query, row).to_bits());
        assert_eq!(found[1][r].to_bits(), kernel::l2_squared_f32(&query, row).to_bits());
        assert_eq!(found[2][r].to_bits(), kernel::dot_f16(&query, half).to_bits());
        close(found[0][r], f64::from(scalar::dot_f32(&query, row)), tolerance);
        close(found[1][r], f64::from(scalar::l2_squared_f32(&query, row)), tolerance);
        close(found[2][r], f64::from(scalar::dot_f16(&query, half)), tolerance);
    }

    let words = |random: &mut Random, len| -> Vec<u64> { (0..len).map(|_| random.next()).collect() };
    let (query, table) = (words(&mut random, width), words(&mut random, rows * width));
    let mut found = vec![0; rows];
    kernel::hamming_rows(&query, &table, &mut found);
    for r in 0..rows {
        let row = &table[r * width..][..width];
        assert_eq!((found[r], kernel::hamming(&query, row)), (scalar::hamming(&query, row), found[r]));
    }
}

/// The greatest of rows of a table, and of their sums with other rows, exactly: nothing is rounded but one addition.
pub fn greatest_similarities_are_exact(entries: usize, tokens: usize, columns: usize, seed: u64) {
    let mut random = Random(seed);
    let width = padded(columns);
    let (table, values) = (random.units(entries * width), random.units(tokens * width));
    let ids: Vec<u16> = (0..tokens).map(|_| random.between(0, entries as i64 - 1) as u16).collect();
    let start = random.units(width);
    let expected = |value: &dyn Fn(usize, usize) -> f32, column: usize| {
        (0..tokens).map(|token| value(token, column)).fold(start[column], f32::max)
    };
    let entry = |token: usize, column: usize| table[usize::from(ids[token]) * width + column];
    let mut best = start.clone();
    kernel::max_of_entries(&table, &ids, &mut best);
    for (column, &found) in best.iter().enumerate() {
        assert_eq!(found, expected(&entry, column));
    }
    let sum = |token: usize, column: usize| values[token * width + column] + entry(token, column);
    let mut best = start.clone();
    kernel::max_of_sums(&values, &table, &ids, &mut best);
    for (column, &found) in best.iter().enumerate() {
        assert_eq!(found, expected(&sum, column));
    }
}
