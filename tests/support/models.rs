//! Models for tests that compute: as they are shipped, and at full precision.

use crate::model_dir;
use nearfield::model::config::ModelCard;
use nearfield::model::neural::NeuralModel;
use nearfield::model::reference::FloatWeights;
use nearfield::model::stream::WeightStream;
use nearfield::model::tokenizer::Tokenizer;
use nearfield::Result;

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

/// Full-precision weights as published.
pub struct RawWeights {
    bytes: Vec<u8>,
}

pub fn raw_weights(name: &str) -> RawWeights {
    let path = model_dir(&format!("raw/{name}-fp32")).join("model.safetensors");
    RawWeights { bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
}

impl RawWeights {
    fn numbers(&self, name: &str, at: usize, len: Option<usize>) -> Vec<f32> {
        let file = safetensors::SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(name).unwrap_or_else(|_| file.tensor(&format!("bert.{name}")).unwrap());
        let numbers = tensor.data().chunks_exact(4).skip(at).take(len.unwrap_or(usize::MAX));
        numbers.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }
}

impl FloatWeights for RawWeights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let numbers = self.numbers(name, 0, None);
        assert_eq!(numbers.len(), shape.iter().product::<usize>());
        Ok(numbers)
    }

    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
        Ok(self.numbers(name, row * width, Some(width)))
    }
}
