//! From the files of a package to the files of a model directory. Everything passes through the same
//! [`WeightStream`] that loads models, so what is written is what a loader accepts, and has the same digest.

use super::config::ModelCard;
use super::e5s1::E5s1;
use super::header::{scale_name, write_header};
use super::late::PROJECTION;
use super::layout::{expected_tensors, Expected};
use super::onnx::OnnxWeights;
use super::stream::{Promised, WeightStream};
use super::weights::{Tensor, Weights};
use crate::error::{Error, Result};
use safetensors::tensor::Dtype;

/// Bytes that are handed to the stream at a time.
const BLOCK: usize = 1 << 20;

/// A converted model's weights.
pub struct Converted {
    /// The quantised `model.safetensors`.
    pub file: Vec<u8>,
    /// As in `stream::Finished`.
    pub digest: String,
}

/// Quantises a safetensors file. The digest in the card, where there is one, is demanded.
pub fn from_safetensors(card: &ModelCard, file: &[u8]) -> Result<Converted> {
    let mut stream = WeightStream::new(card);
    let mut out = Vec::new();
    for block in file.chunks(BLOCK) {
        out.extend_from_slice(&stream.push(block)?);
    }
    Ok(Converted { file: out, digest: stream.finish()?.digest })
}

/// Reads an E5S1 container: word embeddings stay at 4 bits, all other matrices become int8. With the converted
/// weights comes the `tokenizer.json`, for which another one lends its charsmap.
pub fn from_e5s1(card: &ModelCard, file: &[u8], with_charsmap: &[u8]) -> Result<(Converted, Vec<u8>)> {
    let container = E5s1::read(file)?;
    let weights = container.weights(&expected_tensors(card))?;
    let converted = from_safetensors(card, &to_safetensors(&weights)?)?;
    Ok((converted, container.tokenizer.file(with_charsmap)?))
}

/// Reads a dynamically quantised ONNX file. The digest in the card, where there is one, is demanded. `projection`: a
/// safetensors file with the projection of a late-interaction model that has one, which ONNX files lack.
pub fn from_onnx(card: &ModelCard, file: &[u8], projection: Option<&[u8]>) -> Result<Converted> {
    let weights = with_projection(card, projection, |expected| OnnxWeights::read(file)?.quantised(expected))?;
    from_safetensors(card, &to_safetensors(&weights)?)
}

/// The full-precision numbers of such an ONNX file, as a safetensors file.
pub fn onnx_in_full(card: &ModelCard, file: &[u8], projection: Option<&[u8]>) -> Result<Vec<u8>> {
    let weights = with_projection(card, projection, |expected| OnnxWeights::read(file)?.full_precision(expected))?;
    to_safetensors(&weights)
}

/// All tensors of a model: those that `read` finds, and its projection, if it has one, out of another file.
fn with_projection(
    card: &ModelCard,
    projection: Option<&[u8]>,
    read: impl FnOnce(&[Expected]) -> Result<Weights>,
) -> Result<Weights> {
    let (apart, here): (Vec<Expected>, Vec<Expected>) =
        expected_tensors(card).into_iter().partition(|tensor| tensor.name == PROJECTION);
    let mut weights = read(&here)?;
    if let Some(tensor) = apart.first() {
        let file =
            projection.ok_or_else(|| Error::invalid(format!("{} needs the file of its projection", card.name)))?;
        let mut stream = WeightStream::with(apart.clone(), Promised::default());
        stream.push(file).map_err(|error| error.within("the projection"))?;
        let data = stream.finish()?.weights.take_floats(PROJECTION, &tensor.shape)?;
        weights.insert(PROJECTION, Tensor::Float { shape: tensor.shape.clone(), data })?;
    }
    Ok(weights)
}

/// Weights as a safetensors file: int8 matrices with their scales, tables in blocks of 4 bits, and f32 tensors.
pub fn to_safetensors(weights: &Weights) -> Result<Vec<u8>> {
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (name, tensor) in weights.iter() {
        match tensor {
            Tensor::Float { shape, data: numbers } => {
                header.push((name.to_string(), Dtype::F32, shape.clone()));
                data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            Tensor::Blocks(table) => {
                let shape = vec![table.rows, table.data.len() / table.rows.max(1)];
                header.push((name.to_string(), Dtype::U8, shape));
                data.extend_from_slice(&table.data);
            }
            Tensor::Quant(matrix) => {
                header.push((name.to_string(), Dtype::I8, tensor.shape()));
                data.extend(matrix.data.iter().map(|code| *code as u8));
                header.push((scale_name(name), Dtype::F32, vec![matrix.rows]));
                data.extend(matrix.scales.iter().flat_map(|scale| scale.to_le_bytes()));
            }
        }
    }
    let mut out = write_header(header.iter().map(|(name, dtype, shape)| (name.clone(), *dtype, shape.as_slice())))?;
    out.append(&mut data);
    Ok(out)
}
