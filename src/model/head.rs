//! What stands on top of the encoder: pooling and perhaps a dense layer for bi-encoders, pooler and classifier for
//! cross-encoders; those of learned sparse and late-interaction models have files of their own.

use crate::error::{Error, Result};
use crate::kernel::{self, dot_f32, padded, Activations, Combine, Packed};
use crate::model::config::{Activation, DenseHead, ModelCard, ModelKind, Pooling};
use crate::model::encoder::Scratch;
use crate::model::late::LateHead;
use crate::model::layers::Dense;
use crate::model::layout::{DENSE_BIAS, DENSE_WEIGHT};
use crate::model::sparse::SparseHead;
use crate::model::table::Table;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use std::ops::Range;

pub enum Head {
    Pool(Pool),
    Classify(Classifier),
    /// The mean of rows of the word table.
    Rows {
        normalize: bool,
    },
    Sparse(Box<SparseHead>),
    Late(Box<LateHead>),
}

/// From the states of a text to its vector: pooling, the dense layer where there is one, and length 1 if asked for.
pub struct Pool {
    pub pooling: Pooling,
    pub normalize: bool,
    pub dense: Option<Projection>,
}

/// A linear layer in f32: one product a text is little beside the encoder.
pub struct Projection {
    /// `[outputs, inputs]`.
    pub weight: Vec<f32>,
    /// One for each output; zeros where the model has none.
    pub bias: Vec<f32>,
    pub activation: Activation,
}

/// BERT's pooler, `tanh(W x + b)` of the first token's state, and a linear layer to one logit.
pub struct Classifier {
    pub pooler: Packed,
    pub weight: Vec<f32>,
    pub bias: f32,
}

impl Head {
    /// `words`: the word embeddings, which the encoder has taken already.
    pub fn new(card: &ModelCard, weights: &mut Weights, words: &Table, tokenizer: &Tokenizer) -> Result<Head> {
        let hidden = card.bert.hidden;
        match card.kind {
            ModelKind::BiEncoder { pooling, normalize } => {
                let dense = card.dense.map(|dense| Projection::take(dense, hidden, weights)).transpose()?;
                Ok(Head::Pool(Pool { pooling, normalize, dense }))
            }
            ModelKind::Static { normalize } => Ok(Head::Rows { normalize }),
            ModelKind::CrossEncoder => {
                let pooler = Dense::take(weights, "pooler.dense", hidden, hidden)?;
                let weight = weights.take_floats("classifier.weight", &[1, hidden])?;
                let bias = weights.take_vector("classifier.bias", 1)?[0];
                Ok(Head::Classify(Classifier { pooler: Packed::new(&[pooler.linear()]), weight, bias }))
            }
            ModelKind::Sparse { query, max_terms } => {
                Ok(Head::Sparse(Box::new(SparseHead::take((query, max_terms), &card.bert, weights, words)?)))
            }
            ModelKind::Late(late) => Ok(Head::Late(Box::new(LateHead::take(late, &card.bert, weights, tokenizer)?))),
        }
    }

    pub fn memory_bytes(&self) -> usize {
        match self {
            Head::Pool(pool) => pool.dense.as_ref().map_or(0, Projection::memory_bytes),
            Head::Rows { .. } => 0,
            Head::Sparse(head) => head.memory_bytes(),
            Head::Late(head) => head.memory_bytes(),
            Head::Classify(head) => head.pooler.memory_bytes() + head.weight.len() * size_of::<f32>(),
        }
    }
}

impl Pool {
    /// The vector of one sequence, written to `out` (as long as the model's vectors). `pooling` may be another than the
    /// model's, for parts of a text.
    pub fn vector(
        &self,
        pooling: Pooling,
        states: &Scratch,
        tokens: Range<usize>,
        scratch: &mut PoolerScratch,
        out: &mut [f32],
    ) {
        match &self.dense {
            None => pool(pooling, states, tokens, out),
            Some(dense) => {
                scratch.pooled.resize(dense.inputs(), 0.0);
                pool(pooling, states, tokens, &mut scratch.pooled);
                dense.apply(&scratch.pooled, out);
            }
        }
        if self.normalize {
            normalise(out);
        }
    }
}

impl Projection {
    fn take(head: DenseHead, inputs: usize, weights: &mut Weights) -> Result<Projection> {
        let DenseHead { outputs, bias, activation } = head;
        let weight = weights.take_floats(DENSE_WEIGHT, &[outputs, inputs])?;
        let bias = match bias {
            true => weights.take_vector(DENSE_BIAS, outputs)?,
            false => vec![0.0; outputs],
        };
        Ok(Projection { weight, bias, activation })
    }

    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    fn apply(&self, input: &[f32], out: &mut [f32]) {
        for ((row, bias), out) in self.weight.chunks_exact(self.inputs()).zip(&self.bias).zip(out) {
            let sum = dot_f32(row, input) + bias;
            *out = match self.activation {
                Activation::Identity => sum,
                Activation::Tanh => sum.tanh(),
            };
        }
    }

    fn memory_bytes(&self) -> usize {
        (self.weight.len() + self.bias.len()) * size_of::<f32>()
    }
}

fn pool(pooling: Pooling, states: &Scratch, tokens: Range<usize>, out: &mut [f32]) {
    match pooling {
        Pooling::Cls => out.copy_from_slice(&states.hidden(tokens.start)[..out.len()]),
        Pooling::Last => out.copy_from_slice(&states.hidden(tokens.end - 1)[..out.len()]),
        Pooling::Mean => {
            let share = 1.0 / tokens.len() as f32;
            out.fill(0.0);
            for token in tokens {
                for (sum, x) in out.iter_mut().zip(states.hidden(token)) {
                    *sum += x;
                }
            }
            out.iter_mut().for_each(|x| *x *= share);
        }
    }
}

/// Divides a vector by its L2 norm.
pub fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    // A vector of zeros has no direction; it stays what it is.
    if norm > 0.0 {
        vector.iter_mut().for_each(|x| *x /= norm);
    }
}

/// Buffers of the heads.
#[derive(Debug, Default)]
pub struct PoolerScratch {
    first: Activations,
    pooled: Vec<f32>,
}

impl Classifier {
    /// The logit of one sequence.
    pub fn logit(&self, states: &Scratch, tokens: Range<usize>, scratch: &mut PoolerScratch) -> f32 {
        let width = padded(self.weight.len());
        scratch.first.reshape(1, width);
        scratch.pooled.resize(width, 0.0);
        kernel::quantise_rows(states.hidden(tokens.start), &mut scratch.first);
        kernel::multiply(&scratch.first, 0..1, &self.pooler, Combine::Replace, &mut scratch.pooled);
        self.bias + self.weight.iter().zip(&scratch.pooled).map(|(w, x)| w * x.tanh()).sum::<f32>()
    }
}

/// Refuses numbers that cannot be ordered: weights that overflow must not become results.
pub fn check_finite(numbers: &[f32], model: &str) -> Result<()> {
    match numbers.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::corrupt(format!("model {model:?} computed {} as number {at} of a result", numbers[at]))),
    }
}
