//! The f32 reference as a module of its own: small next to the engine, but nobody should download it who does not ask
//! for the check. It gets the weights from the model that it judges, tensor by tensor.

use super::error::{from_js, parse, JsResult};
use crate::error::{Error, Result};
use crate::model::bert::BertConfig;
use crate::model::float_weights::FloatWeights;
use crate::model::reference;
use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A `Model` of the full module.
    pub type Weights;

    #[wasm_bindgen(method, catch)]
    fn tensor(this: &Weights, name: &str, shape: Vec<u32>) -> std::result::Result<Float32Array, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn row(this: &Weights, name: &str, row: u32, width: u32) -> std::result::Result<Float32Array, JsValue>;
}

impl FloatWeights for Weights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let shape = shape.iter().map(|&size| size as u32).collect();
        self.tensor(name, shape).map(|array| array.to_vec()).map_err(from_js)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        self.row(name, row as u32, width as u32).map(|array| array.to_vec()).map_err(from_js)
    }
}

/// Hidden states of one sequence of token ids, `[tokens, hidden]`. `config` is what `Model.config()` says.
#[wasm_bindgen(js_name = referenceStates)]
pub fn reference_states(config: JsValue, weights: &Weights, ids: Vec<u32>) -> JsResult<Float32Array> {
    let config: BertConfig = parse(config, "config")?;
    let states = reference::hidden_states(&config, weights, &ids, &[])?;
    let numbers = states.flatten_all().and_then(|states| states.to_vec1::<f32>());
    let numbers = numbers.map_err(|e| Error::internal("the states of the reference").with_source(e))?;
    Ok(Float32Array::from(&numbers[..]))
}
