//! The encoder on WebGPU as a module of its own, for pages on a device that has it. It gets the weights from the model
//! that runs on the CPU, layer by layer, and batches as rows of that model's embeddings.

use super::error::{from_js, parse, to_js, JsResult};
use crate::error::{Error, Result};
use crate::gpu::choice::{self, Choice, Finding};
use crate::gpu::extras::Extras;
use crate::gpu::layout::Rows;
use crate::gpu::{Description, Device, Encoder, Sources};
use crate::model::bert::{BertConfig, Readout};
use crate::model::float_weights::{Codes, FloatWeights, Int8Weights};
use js_sys::{Float32Array, Int8Array, Promise};
use serde::Serialize;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// A `Model` of the full module.
    pub type GpuWeights;

    #[wasm_bindgen(method, catch)]
    fn tensor(this: &GpuWeights, name: &str, shape: Vec<u32>) -> std::result::Result<Float32Array, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn row(this: &GpuWeights, name: &str, row: u32, width: u32) -> std::result::Result<Float32Array, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn codes(this: &GpuWeights, name: &str, rows: u32, cols: u32) -> std::result::Result<Int8Array, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn scales(this: &GpuWeights, name: &str, rows: u32, cols: u32) -> std::result::Result<Float32Array, JsValue>;
}

impl FloatWeights for GpuWeights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let shape = shape.iter().map(|&size| size as u32).collect();
        self.tensor(name, shape).map(|array| array.to_vec()).map_err(from_js)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        self.row(name, row as u32, width as u32).map(|array| array.to_vec()).map_err(from_js)
    }
}

impl Int8Weights for GpuWeights {
    fn codes(&self, name: &str, rows: usize, cols: usize) -> Result<Codes> {
        let (rows, cols) = (rows as u32, cols as u32);
        let data = self.codes(name, rows, cols).map_err(from_js)?.to_vec();
        Ok(Codes { data, scales: self.scales(name, rows, cols).map_err(from_js)?.to_vec() })
    }
}

#[wasm_bindgen]
extern "C" {
    /// Keeps what was found out about a device from one visit to the next; one finding, or none.
    pub type Memory;

    /// Resolves with what was kept last, or with something else.
    #[wasm_bindgen(method)]
    fn recall(this: &Memory) -> Promise;

    #[wasm_bindgen(method)]
    fn keep(this: &Memory, finding: JsValue) -> Promise;

    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;

    #[wasm_bindgen(thread_local_v2, js_namespace = navigator, js_name = userAgent)]
    static BROWSER: String;
}

impl Memory {
    async fn finding(&self, subject: &str) -> Option<Finding> {
        let kept = JsFuture::from(self.recall()).await.ok()?;
        parse::<Finding>(kept, "finding").ok().filter(|finding| finding.subject == subject)
    }
}

/// A device that has shown that it computes what it should.
#[wasm_bindgen]
pub struct Gpu {
    device: Rc<Device>,
    choice: Choice,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(flatten)]
    adapter: &'a Description,
    /// What the kernels make use of.
    uses: Extras,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
}

#[wasm_bindgen]
impl Gpu {
    /// Opens the device, compiles the kernels and checks each, unless that was done before. Fails where there is no
    /// device, or one that errs, or one that is a processor in disguise unless `software` will do.
    pub async fn open(software: bool, memory: Memory) -> JsResult<Gpu> {
        let device = Rc::new(Device::open(Extras::ALL).await?);
        if device.description().software && !software {
            return Err(Error::unsupported("the adapter is no GPU but software").into());
        }
        let browser = BROWSER.with(String::clone);
        let subject = choice::subject(device.description(), device.extras(), &browser);
        let sources = Sources::default();
        let recalled = match memory.finding(&subject).await {
            Some(finding) => choice::recall(&device, &sources, &finding).await,
            None => None,
        };
        if let Some(chosen) = recalled {
            return Ok(Gpu { device, choice: chosen? });
        }
        // Software does the plain kernels fastest.
        let chosen = match device.description().software {
            true => choice::choose(&device, &sources, Extras::NONE, None).await,
            false => choice::choose(&device, &sources, device.extras(), Some(&now)).await,
        };
        if let Some(finding) = choice::finding(subject, &chosen) {
            // If it fails, the next visit checks again.
            let _ = JsFuture::from(memory.keep(to_js(&finding)?)).await;
        }
        Ok(Gpu { device, choice: chosen? })
    }

    /// What the browser says of it, and what became of that.
    pub fn description(&self) -> JsResult<JsValue> {
        let Choice { kernels, refused } = &self.choice;
        to_js(&Told { adapter: self.device.description(), uses: kernels.extras(), refused: refused.as_deref() })
    }

    /// Uploads a model: `config` and `readout` are what `Model.config()` and `Model.readout()` say.
    pub async fn load(&self, config: JsValue, readout: JsValue, weights: GpuWeights) -> JsResult<GpuModel> {
        let (config, readout): (BertConfig, Readout) = (parse(config, "config")?, parse(readout, "readout")?);
        let (device, kernels) = (Rc::clone(&self.device), Rc::clone(&self.choice.kernels));
        Ok(GpuModel(Encoder::load(device, kernels, config, readout, &weights).await?))
    }

    /// Gives everything on the device back. What is under way fails.
    pub fn close(&self) {
        self.device.destroy();
    }
}

/// A model on the device.
#[wasm_bindgen]
pub struct GpuModel(Encoder);

#[wasm_bindgen]
impl GpuModel {
    /// Tokens of a batch, at most.
    #[wasm_bindgen(js_name = mostTokens)]
    pub fn most_tokens(&self) -> usize {
        self.0.most_tokens()
    }

    /// Vectors, or logits, of sequences of `lengths` tokens; `sums` is what `Model.lookUp` says of their tokens.
    pub async fn run(&self, sums: Vec<f32>, lengths: Vec<u32>) -> JsResult<Float32Array> {
        let rows = Rows { sums: &sums, lengths: &lengths };
        Ok(Float32Array::from(&self.0.run(rows).await?[..]))
    }

    /// Hidden states, for a comparison with the reference.
    pub async fn states(&self, sums: Vec<f32>, lengths: Vec<u32>) -> JsResult<Float32Array> {
        let rows = Rows { sums: &sums, lengths: &lengths };
        Ok(Float32Array::from(&self.0.states(rows).await?[..]))
    }
}
