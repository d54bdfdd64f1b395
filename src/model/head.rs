//! What stands on top of the encoder: pooling for bi-encoders, pooler and classifier for cross-encoders; those of
//! learned sparse and late-interaction models have files of their own.

use crate::error::{Error, Result};
use crate::kernel::{self, padded, Activations, Combine, Packed};
use crate::model::config::{BertConfig, ModelKind, Pooling};
use crate::model::encoder::Scratch;
use crate::model::late::LateHead;
use crate::model::layers::Dense;
use crate::model::sparse::SparseHead;
use crate::model::table::Table;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use std::ops::Range;

pub enum Head {
    Pool {
        pooling: Pooling,
        normalize: bool,
    },
    Classify(Classifier),
    /// The mean of rows of the word table.
    Rows {
        normalize: bool,
    },
    Sparse(Box<SparseHead>),
    Late(Box<LateHead>),
}

/// BERT's pooler, `tanh(W x + b)` of the first token's state, and a linear layer to one logit.
pub struct Classifier {
    pub pooler: Packed,
    pub weight: Vec<f32>,
    pub bias: f32,
}

impl Head {
    /// `words`: the word embeddings, which the encoder has taken already.
    pub fn new(
        kind: ModelKind,
        config: &BertConfig,
        weights: &mut Weights,
        words: &Table,
        tokenizer: &Tokenizer,
    ) -> Result<Head> {
        let hidden = config.hidden;
        match kind {
            ModelKind::BiEncoder { pooling, normalize } => Ok(Head::Pool { pooling, normalize }),
            ModelKind::Static { normalize } => Ok(Head::Rows { normalize }),
            ModelKind::CrossEncoder => {
                let pooler = Dense::take(weights, "pooler.dense", hidden, hidden)?;
                let weight = weights.take_floats("classifier.weight", &[1, hidden])?;
                let bias = weights.take_vector("classifier.bias", 1)?[0];
                Ok(Head::Classify(Classifier { pooler: Packed::new(&[pooler.linear()]), weight, bias }))
            }
            ModelKind::Sparse { query, max_terms } => {
                Ok(Head::Sparse(Box::new(SparseHead::take((query, max_terms), config, weights, words)?)))
            }
            ModelKind::Late(late) => Ok(Head::Late(Box::new(LateHead::take(late, config, weights, tokenizer)?))),
        }
    }

    pub fn memory_bytes(&self) -> usize {
        match self {
            Head::Pool { .. } | Head::Rows { .. } => 0,
            Head::Sparse(head) => head.memory_bytes(),
            Head::Late(head) => head.memory_bytes(),
            Head::Classify(head) => head.pooler.memory_bytes() + head.weight.len() * size_of::<f32>(),
        }
    }
}

/// The vector of one sequence, written to `out` (hidden size long).
pub fn pool(pooling: Pooling, normalize: bool, states: &Scratch, tokens: Range<usize>, out: &mut [f32]) {
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
    if normalize {
        normalise(out);
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

/// Buffers of the classifier.
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
