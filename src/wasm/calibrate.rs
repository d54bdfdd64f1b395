//! Work by which computers are compared: the bare int8 matrix product. The clock is the caller's.

use crate::kernel::{multiply, quantise_rows, Activations, Combine, Linear, Packed};
use wasm_bindgen::prelude::*;

/// A feed-forward layer of MiniLM over 128 tokens.
const TOKENS: usize = 128;
const INPUTS: usize = 384;
const OUTPUTS: usize = 1536;

/// Does the product `rounds` times and says how many multiplications and additions that were.
#[wasm_bindgen]
pub fn calibrate(rounds: u32) -> f64 {
    let data: Vec<i8> = (0..INPUTS * OUTPUTS).map(|i| (i * 37 % 255) as u8 as i8).collect();
    let (scales, bias) = (vec![0.01; OUTPUTS], vec![0.0; OUTPUTS]);
    let weights = Packed::new(&[Linear { rows: OUTPUTS, cols: INPUTS, data: &data, scales: &scales, bias: &bias }]);
    let values: Vec<f32> = (0..TOKENS * INPUTS).map(|i| (i * 29 % 97) as f32).collect();
    let mut activations = Activations::default();
    activations.reshape(TOKENS, INPUTS);
    quantise_rows(&values, &mut activations);
    let mut out = vec![0.0; TOKENS * weights.outputs()];
    for _ in 0..rounds {
        multiply(&activations, 0..TOKENS, &weights, Combine::Replace, &mut out);
    }
    std::hint::black_box(&out);
    f64::from(rounds) * (TOKENS * weights.operations()) as f64
}
