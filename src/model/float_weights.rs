//! Weights as numbers in f32, for the reference: those of a file in full precision, or the int8 weights of an encoder
//! turned back.

use crate::error::Result;
#[cfg(feature = "neural")]
pub use quantised::WithHead;

/// Weights in f32 by their normalised names, made when asked for: a whole model at full precision is too much memory
/// for a browser tab.
pub trait FloatWeights {
    /// A whole tensor, row-major.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    /// One row of a matrix of `width` columns.
    fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>>;
}

#[cfg(feature = "neural")]
mod quantised {
    use super::FloatWeights;
    use crate::error::{Error, Result};
    use crate::model::encoder::Encoder;
    use crate::model::head::{Classifier, Head, Pool};
    use crate::model::layout::{DENSE_BIAS, DENSE_WEIGHT};

    /// The encoder's own int8 weights as numbers.
    impl FloatWeights for Encoder {
        fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            self.dequantised(name)
                .filter(|numbers| numbers.len() == shape.iter().product::<usize>())
                .ok_or_else(|| Error::not_found(format!("tensor {name:?} of shape {shape:?} in the encoder")))
        }

        fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
            let embeddings = &self.embeddings;
            let mut out = vec![0.0; width];
            match name {
                "embeddings.word_embeddings.weight" => embeddings.words.dequantise_row(row, &mut out),
                "embeddings.position_embeddings.weight" => embeddings.positions.dequantise_row(row, &mut out),
                "embeddings.token_type_embeddings.weight" => {
                    out.copy_from_slice(&embeddings.types[row * width..][..width])
                }
                _ => return Err(Error::not_found(format!("embedding table {name:?} in the encoder"))),
            }
            Ok(out)
        }
    }

    /// An encoder's weights with those of its dense head or classifier.
    pub struct WithHead<'a> {
        pub encoder: &'a Encoder,
        pub head: &'a Head,
    }

    impl FloatWeights for WithHead<'_> {
        fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            if let Head::Pool(Pool { dense: Some(dense), .. }) = self.head {
                match name {
                    DENSE_WEIGHT => return Ok(dense.weight.clone()),
                    DENSE_BIAS => return Ok(dense.bias.clone()),
                    _ => {}
                }
            }
            let Head::Classify(Classifier { pooler, weight, bias }) = self.head else {
                return self.encoder.tensor(name, shape);
            };
            let width = weight.len();
            match name {
                "pooler.dense.weight" => Ok(pooler.dequantised(0..width, width)),
                "pooler.dense.bias" => Ok(pooler.biases(0..width)),
                "classifier.weight" => Ok(weight.clone()),
                "classifier.bias" => Ok(vec![*bias]),
                _ => self.encoder.tensor(name, shape),
            }
        }

        fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
            self.encoder.row(name, row, width)
        }
    }

    impl Encoder {
        /// A tensor of the layers, or of the embeddings' normalisation, by its normalised name.
        fn dequantised(&self, name: &str) -> Option<Vec<f32>> {
            let (hidden, intermediate) = (self.config.hidden, self.config.intermediate);
            let (path, part) = name.rsplit_once('.')?;
            let norm = |norm: &crate::kernel::Norm| match part {
                "weight" => norm.weight[..hidden].to_vec(),
                _ => norm.bias[..hidden].to_vec(),
            };
            if path == "embeddings.LayerNorm" {
                return Some(norm(&self.embeddings.norm));
            }
            let (index, path) = path.strip_prefix("encoder.layer.")?.split_once('.')?;
            let layer = self.layers.get(index.parse::<usize>().ok()?)?;
            let third = crate::kernel::padded(hidden);
            let (packed, first, outputs, inputs) = match path {
                "attention.self.query" => (&layer.qkv, 0, hidden, hidden),
                "attention.self.key" => (&layer.qkv, third, hidden, hidden),
                "attention.self.value" => (&layer.qkv, 2 * third, hidden, hidden),
                "attention.output.dense" => (&layer.mix, 0, hidden, hidden),
                "intermediate.dense" => (&layer.expand, 0, intermediate, hidden),
                "output.dense" => (&layer.contract, 0, hidden, intermediate),
                "attention.output.LayerNorm" => return Some(norm(&layer.mix_norm)),
                "output.LayerNorm" => return Some(norm(&layer.contract_norm)),
                _ => return None,
            };
            Some(match part {
                "weight" => packed.dequantised(first..first + outputs, inputs),
                _ => packed.biases(first..first + outputs),
            })
        }
    }
}
