//! Weights for encoders elsewhere: as numbers in f32 for the reference, from a file in full precision or from the int8
//! weights of an encoder turned back; and as the codes themselves for the GPU.

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

/// Linear layers as their codes, everything else in f32.
pub trait Int8Weights: FloatWeights {
    /// The matrix of a linear layer.
    fn codes(&self, name: &str, rows: usize, cols: usize) -> Result<Codes>;
}

/// `w[i][j] = data[i * cols + j] * scales[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// Row-major.
    pub data: Vec<i8>,
    /// One for each row.
    pub scales: Vec<f32>,
}

#[cfg(feature = "neural")]
mod quantised {
    use super::{Codes, FloatWeights, Int8Weights};
    use crate::error::{Error, Result};
    use crate::kernel::{padded, Norm, Packed};
    use crate::model::encoder::Encoder;
    use crate::model::head::{Classifier, Head, Pool};
    use crate::model::layout::{DENSE_BIAS, DENSE_WEIGHT};
    use std::ops::Range;

    /// Where the encoder has a tensor.
    enum Place<'a> {
        Norm(&'a Norm),
        Linear(Linear<'a>),
    }

    /// Some outputs of a packed layer, as many as the model has.
    struct Linear<'a> {
        packed: &'a Packed,
        outputs: Range<usize>,
        inputs: usize,
    }

    impl Linear<'_> {
        /// `part`: "weight" or "bias".
        fn numbers(&self, part: &str) -> Vec<f32> {
            match part {
                "weight" => self.packed.dequantised(self.outputs.clone(), self.inputs),
                _ => self.packed.biases(self.outputs.clone()),
            }
        }

        fn codes(&self) -> Codes {
            let outputs = || self.outputs.clone();
            Codes { data: self.packed.codes(outputs(), self.inputs), scales: self.packed.scales(outputs()) }
        }
    }

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

    impl Int8Weights for Encoder {
        fn codes(&self, name: &str, rows: usize, cols: usize) -> Result<Codes> {
            let place = name.strip_suffix(".weight").and_then(|path| self.place(path));
            coded(place, name, rows, cols)
        }
    }

    fn coded(place: Option<Place<'_>>, name: &str, rows: usize, cols: usize) -> Result<Codes> {
        match place {
            Some(Place::Linear(linear)) if (linear.outputs.len(), linear.inputs) == (rows, cols) => Ok(linear.codes()),
            _ => Err(Error::not_found(format!("linear layer {name:?} of {rows} x {cols} in the model"))),
        }
    }

    /// An encoder's weights with those of its dense head or classifier.
    pub struct WithHead<'a> {
        pub encoder: &'a Encoder,
        pub head: &'a Head,
    }

    impl WithHead<'_> {
        /// The dense layer between the encoder and the classifier.
        fn pooler(&self) -> Option<Linear<'_>> {
            match self.head {
                Head::Classify(Classifier { pooler, weight, .. }) => {
                    Some(Linear { packed: pooler, outputs: 0..weight.len(), inputs: weight.len() })
                }
                _ => None,
            }
        }
    }

    impl FloatWeights for WithHead<'_> {
        fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            match (self.head, self.pooler(), name) {
                (Head::Pool(Pool { dense: Some(dense), .. }), _, DENSE_WEIGHT) => Ok(dense.weight.clone()),
                (Head::Pool(Pool { dense: Some(dense), .. }), _, DENSE_BIAS) => Ok(dense.bias.clone()),
                (_, Some(pooler), "pooler.dense.weight") => Ok(pooler.numbers("weight")),
                (_, Some(pooler), "pooler.dense.bias") => Ok(pooler.numbers("bias")),
                (Head::Classify(head), _, "classifier.weight") => Ok(head.weight.clone()),
                (Head::Classify(head), _, "classifier.bias") => Ok(vec![head.bias]),
                _ => self.encoder.tensor(name, shape),
            }
        }

        fn row(&self, name: &str, row: usize, width: usize) -> Result<Vec<f32>> {
            self.encoder.row(name, row, width)
        }
    }

    impl Int8Weights for WithHead<'_> {
        fn codes(&self, name: &str, rows: usize, cols: usize) -> Result<Codes> {
            match name {
                "pooler.dense.weight" => coded(self.pooler().map(Place::Linear), name, rows, cols),
                _ => self.encoder.codes(name, rows, cols),
            }
        }
    }

    impl Encoder {
        /// A tensor of the layers, or of the embeddings' normalisation, by its normalised name.
        fn dequantised(&self, name: &str) -> Option<Vec<f32>> {
            let (path, part) = name.rsplit_once('.')?;
            Some(match (self.place(path)?, part) {
                (Place::Norm(norm), "weight") => norm.weight[..norm.width].to_vec(),
                (Place::Norm(norm), _) => norm.bias[..norm.width].to_vec(),
                (Place::Linear(linear), part) => linear.numbers(part),
            })
        }

        /// Where the tensors of a path are, such as "encoder.layer.0.output.dense".
        fn place(&self, path: &str) -> Option<Place<'_>> {
            if path == "embeddings.LayerNorm" {
                return Some(Place::Norm(&self.embeddings.norm));
            }
            let (hidden, intermediate) = (self.config.hidden, self.config.intermediate);
            let (index, path) = path.strip_prefix("encoder.layer.")?.split_once('.')?;
            let layer = self.layers.get(index.parse::<usize>().ok()?)?;
            let third = padded(hidden);
            let (packed, first, outputs, inputs) = match path {
                "attention.self.query" => (&layer.qkv, 0, hidden, hidden),
                "attention.self.key" => (&layer.qkv, third, hidden, hidden),
                "attention.self.value" => (&layer.qkv, 2 * third, hidden, hidden),
                "attention.output.dense" => (&layer.mix, 0, hidden, hidden),
                "intermediate.dense" => (&layer.expand, 0, intermediate, hidden),
                "output.dense" => (&layer.contract, 0, hidden, intermediate),
                "attention.output.LayerNorm" => return Some(Place::Norm(&layer.mix_norm)),
                "output.LayerNorm" => return Some(Place::Norm(&layer.contract_norm)),
                _ => return None,
            };
            Some(Place::Linear(Linear { packed, outputs: first..first + outputs, inputs }))
        }
    }
}
