//! From the GGUF file of a package to the files that the browser loads: matrices in Q8_0, for which candle has a kernel
//! in WebAssembly, and the vocabulary as a `tokenizer.json` beside them.

use super::{candle, BpeVocabulary, Llama};
use crate::error::{Error, Result};
use crate::limits;
use crate::model::gguf::Gguf;
use candle_core::quantized::gguf_file::{self, Content};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::Device;
use serde_json::{json, Map, Value};
use std::io::Cursor;

/// `model.gguf` and `tokenizer.json`.
pub struct Converted {
    pub weights: Vec<u8>,
    pub tokenizer: Vec<u8>,
}

/// Requantises every matrix to Q8_0 (blocks of 32 numbers with a scale of 16 bits).
pub fn from_gguf(file: &[u8]) -> Result<Converted> {
    let header = Gguf::read(&file[..file.len().min(limits::GGUF_HEADER_BYTES)], file.len() as u64)?;
    Llama::check(&header)?;
    let tokenizer = tokenizer_json(&header)?;
    BpeVocabulary::from_json(&tokenizer)?;
    let mut reader = Cursor::new(file);
    let content = Content::read(&mut reader).map_err(candle)?;
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort();
    let mut tensors = Vec::with_capacity(names.len());
    for name in names {
        let tensor = content.tensor(&mut reader, name, &Device::Cpu).map_err(candle)?;
        tensors.push((name.as_str(), requantised(tensor).map_err(candle)?));
    }
    // The vocabulary is in the other file.
    let mut settings: Vec<_> = content.metadata.iter().filter(|(name, _)| !name.starts_with("tokenizer.")).collect();
    settings.sort_by_key(|(name, _)| *name);
    let settings: Vec<_> = settings.into_iter().map(|(name, value)| (name.as_str(), value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut weights = Cursor::new(Vec::new());
    gguf_file::write(&mut weights, &settings, &tensors).map_err(candle)?;
    Ok(Converted { weights: weights.into_inner(), tokenizer })
}

fn requantised(tensor: QTensor) -> candle_core::Result<QTensor> {
    match (tensor.dtype(), tensor.rank()) {
        (GgmlDType::Q8_0, 2) | (GgmlDType::F32, 1) => Ok(tensor),
        (_, 2) => QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q8_0),
        _ => QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::F32),
    }
}

/// How text is cut before pairs are merged: by llama.cpp's names of pre-tokenisers.
fn tokenizer_json(header: &Gguf) -> Result<Vec<u8>> {
    let [model, cut] = [header.text("tokenizer.ggml.model")?, header.text("tokenizer.ggml.pre")?];
    if (model, cut) != ("gpt2", "smollm") {
        let message = format!("a vocabulary {model:?} cut by {cut:?}; supported is \"gpt2\" cut by \"smollm\"");
        return Err(Error::unsupported(message));
    }
    let tokens = header.texts("tokenizer.ggml.tokens")?;
    let vocab: Map<String, Value> =
        tokens.iter().zip(0..).map(|(token, id)| (token.clone(), Value::from(id))).collect();
    if vocab.len() != tokens.len() {
        return Err(Error::corrupt("a vocabulary with a token that is there twice"));
    }
    let pairs = header.texts("tokenizer.ggml.merges")?.iter().map(|merge| {
        let (left, right) = merge.split_once(' ').ok_or_else(|| Error::corrupt(format!("the merge {merge:?}")))?;
        Ok(json!([left, right]))
    });
    let merges = pairs.collect::<Result<Vec<_>>>()?;
    let file = json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                { "type": "Digits", "individual_digits": true },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
            ],
        },
        "model": { "type": "BPE", "vocab": vocab, "merges": merges },
    });
    serde_json::to_vec(&file).map_err(|e| Error::internal("tokenizer.json").with_source(e))
}
