//! What only the full build has besides models: building graphs, and measuring the kernel.

use super::error::JsResult;
use crate::kernel::{self, Activations, Combine, Linear, Packed};
use wasm_bindgen::prelude::*;

/// Levels of the graph come from here, so that equal input gives equal bytes.
const SEED: u64 = 0x6e65_6172;

#[wasm_bindgen(js_name = buildGraph)]
pub fn build_graph(job: &[u8]) -> JsResult<Vec<u8>> {
    Ok(crate::index::build_graph(job, SEED)?)
}

/// Multiplies 48 rows of activations with a layer of 384 x 1,536 so many times and returns the operations that took
/// (a multiplication and an addition each count): with a clock around it, the speed of the bare int8 kernel.
#[wasm_bindgen]
pub fn calibrate(rounds: u32) -> f64 {
    const ROWS: usize = 48;
    const INPUTS: usize = 384;
    const OUTPUTS: usize = 1536;
    thread_local! {
        static WEIGHTS: Packed = Packed::new(&[Linear {
            rows: OUTPUTS,
            cols: INPUTS,
            data: &(0..OUTPUTS * INPUTS).map(|i| (i * 31 % 255) as i8).collect::<Vec<_>>(),
            scales: &vec![0.01; OUTPUTS],
            bias: &vec![0.0; OUTPUTS],
        }]);
    }
    WEIGHTS.with(|weights| {
        let mut activations = Activations::default();
        activations.reshape(ROWS, weights.inputs());
        let mut out = vec![0.0; ROWS * weights.outputs()];
        for _ in 0..rounds {
            kernel::multiply(&activations, 0..ROWS, weights, Combine::Replace, &mut out);
        }
        2.0 * f64::from(rounds) * (ROWS * INPUTS * OUTPUTS) as f64
    })
}
