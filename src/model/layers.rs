//! The weights of a BERT encoder, layer by layer, as the kernels read them.

use crate::error::Result;
use crate::kernel::{padded, Linear, Norm, Packed};
use crate::model::batch::Batch;
use crate::model::config::BertConfig;
use crate::model::table::Table;
use crate::model::weights::{QuantMatrix, Weights};

/// Word, position and type embeddings, and the normalisation of their sum.
pub struct Embeddings {
    pub words: Table,
    pub positions: QuantMatrix,
    /// `[types, hidden]`.
    pub types: Vec<f32>,
    pub norm: Norm,
}

impl Embeddings {
    pub fn take(config: &BertConfig, weights: &mut Weights) -> Result<Embeddings> {
        let width = config.hidden;
        Ok(Embeddings {
            words: weights.take_table("embeddings.word_embeddings.weight", config.vocab, width)?,
            positions: weights.take_matrix("embeddings.position_embeddings.weight", config.max_positions, width)?,
            types: weights.take_floats("embeddings.token_type_embeddings.weight", &[config.type_vocab, width])?,
            norm: take_norm(config, weights, "embeddings.LayerNorm")?,
        })
    }

    /// Nothing but words.
    pub fn of_table(words: Table) -> Embeddings {
        let positions = QuantMatrix { rows: 0, cols: words.cols(), data: Vec::new(), scales: Vec::new() };
        let norm = Norm { width: words.cols(), weight: Vec::new(), bias: Vec::new(), eps: 1e-12 };
        Embeddings { words, positions, types: Vec::new(), norm }
    }

    /// Writes the sum of each token's embeddings, not yet normalised, to `out` `[tokens, width]`.
    pub fn look_up(&self, batch: &Batch, width: usize, out: &mut [f32]) {
        let hidden = self.words.cols();
        for ((id, kind, position), row) in batch.inputs().zip(out.chunks_exact_mut(width)) {
            let (row, padding) = row.split_at_mut(hidden);
            padding.fill(0.0);
            self.words.dequantise_row(id, row);
            let scale = self.positions.scales[position];
            let types = &self.types[kind * hidden..][..hidden];
            for ((out, &position), kind) in row.iter_mut().zip(self.positions.row(position)).zip(types) {
                *out = *out + f32::from(position) * scale + kind;
            }
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let floats = self.positions.scales.len() + self.types.len();
        self.words.memory_bytes() + self.positions.data.len() + floats * size_of::<f32>()
    }
}

/// One transformer layer. A row of `qkv`'s output is queries, keys and values, each as wide as a hidden state.
pub struct Layer {
    pub qkv: Packed,
    /// Attention's output projection.
    pub mix: Packed,
    pub mix_norm: Norm,
    /// Feed-forward layer, in and out.
    pub expand: Packed,
    pub contract: Packed,
    pub contract_norm: Norm,
}

impl Layer {
    pub fn take(config: &BertConfig, weights: &mut Weights, index: usize) -> Result<Layer> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let mut dense = |part: &str, rows, cols| Dense::take(weights, &name(part), rows, cols);
        let query = dense("attention.self.query", hidden, hidden)?;
        let key = dense("attention.self.key", hidden, hidden)?;
        let value = dense("attention.self.value", hidden, hidden)?;
        let mix = dense("attention.output.dense", hidden, hidden)?;
        let expand = dense("intermediate.dense", intermediate, hidden)?;
        let contract = dense("output.dense", hidden, intermediate)?;
        Ok(Layer {
            qkv: Packed::new(&[query.linear(), key.linear(), value.linear()]),
            mix: Packed::new(&[mix.linear()]),
            mix_norm: take_norm(config, weights, &name("attention.output.LayerNorm"))?,
            expand: Packed::new(&[expand.linear()]),
            contract: Packed::new(&[contract.linear()]),
            contract_norm: take_norm(config, weights, &name("output.LayerNorm"))?,
        })
    }

    /// Multiplications and additions a token, in what follows attention.
    pub fn operations_after_attention(&self) -> usize {
        self.mix.operations() + self.expand.operations() + self.contract.operations()
    }

    pub fn memory_bytes(&self) -> usize {
        [&self.qkv, &self.mix, &self.expand, &self.contract].into_iter().map(Packed::memory_bytes).sum()
    }
}

/// A linear layer as the file has it, on its way into a [`Packed`].
pub struct Dense {
    weight: QuantMatrix,
    bias: Vec<f32>,
}

impl Dense {
    pub fn take(weights: &mut Weights, name: &str, rows: usize, cols: usize) -> Result<Dense> {
        Ok(Dense {
            weight: weights.take_matrix(&format!("{name}.weight"), rows, cols)?,
            bias: weights.take_vector(&format!("{name}.bias"), rows)?,
        })
    }

    pub fn linear(&self) -> Linear<'_> {
        let QuantMatrix { rows, cols, data, scales } = &self.weight;
        Linear { rows: *rows, cols: *cols, data, scales, bias: &self.bias }
    }
}

pub(super) fn take_norm(config: &BertConfig, weights: &mut Weights, name: &str) -> Result<Norm> {
    let width = config.hidden;
    let mut take = |part: &str| {
        let mut vector = weights.take_vector(&format!("{name}.{part}"), width)?;
        vector.resize(padded(width), 0.0);
        Ok(vector)
    };
    Ok(Norm { width, weight: take("weight")?, bias: take("bias")?, eps: config.layer_norm_eps })
}
