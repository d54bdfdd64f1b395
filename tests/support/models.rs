//! Models for tests that compute: as they are shipped, and at full precision.

use super::model_dir::model_dir;
use nearfield::model::config::ModelCard;
use nearfield::model::float_weights::FloatWeights;
use nearfield::model::neural::NeuralModel;
use nearfield::model::stream::WeightStream;
use nearfield::model::tokenizer::Tokenizer;
use nearfield::Result;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

/// A converted model, loaded.
pub fn load_model(name: &str) -> NeuralModel {
    let dir = model_dir(name);
    let read = |file: &str| std::fs::read(dir.join(file)).unwrap_or_else(|e| panic!("{file} of {name}: {e}"));
    let config = String::from_utf8(read("config.json")).unwrap();
    let mut card = ModelCard::read(name, &config, &Default::default()).unwrap();
    let mut stream = WeightStream::new(&card);
    stream.push(&read("model.safetensors")).unwrap();
    let finished = stream.finish().unwrap();
    card.digest = finished.digest;
    let tokenizer = Tokenizer::from_json(&read("tokenizer.json")).unwrap();
    NeuralModel::new(card, tokenizer, finished.weights).unwrap()
}

/// Weights in f32 that are made once: the reference asks for each anew.
pub struct Cached<'a> {
    weights: &'a dyn FloatWeights,
    tensors: RefCell<HashMap<String, Vec<f32>>>,
}

impl<'a> Cached<'a> {
    pub fn new(weights: &'a dyn FloatWeights) -> Cached<'a> {
        Cached { weights, tensors: RefCell::default() }
    }
}

impl FloatWeights for Cached<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if let Some(tensor) = self.tensors.borrow().get(name) {
            return Ok(tensor.clone());
        }
        let tensor = self.weights.tensor(name, shape)?;
        self.tensors.borrow_mut().insert(name.to_string(), tensor.clone());
        Ok(tensor)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        self.weights.row(name, row, width)
    }
}

/// Full-precision weights as published: f32 tensors by name.
pub struct RawWeights {
    bytes: Vec<u8>,
    ranges: HashMap<String, Range<usize>>,
}

pub fn raw_weights(name: &str) -> RawWeights {
    let path = model_dir(&format!("raw/{name}-fp32")).join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let ranges = file
        .iter()
        .filter(|(_, tensor)| tensor.dtype() == safetensors::Dtype::F32)
        .map(|(name, tensor)| {
            let start = tensor.data().as_ptr() as usize - bytes.as_ptr() as usize;
            (name.trim_start_matches("bert.").to_string(), start..start + tensor.data().len())
        })
        .collect();
    RawWeights { ranges, bytes }
}

impl RawWeights {
    fn bytes(&self, name: &str) -> &[u8] {
        &self.bytes[self.ranges[name].clone()]
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

impl FloatWeights for RawWeights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let numbers = numbers(self.bytes(name));
        assert_eq!(numbers.len(), shape.iter().product::<usize>());
        Ok(numbers)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        Ok(numbers(&self.bytes(name)[row * width * 4..][..width * 4]))
    }
}
