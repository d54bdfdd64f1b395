//! The head of learned sparse models (SPLADE): hidden states become weights of the terms of the vocabulary.
//!
//! `w[t] = max over tokens of ln(1 + relu(decoder(norm(gelu(transform(state))))[t]))` (Formal et al. 2021, "SPLADE v2",
//! equation 6; the head is that of BERT's masked language model, its decoder tied to the word embeddings). The maximum
//! is taken of the logits, since the rest grows with them.

use crate::error::{Error, Result};
use crate::kernel::{self, Activations, Combine, Linear, Norm, Packed};
use crate::model::config::{BertConfig, QuerySide};
use crate::model::encoder::Scratch;
use crate::model::layers::{take_norm, Dense};
use crate::model::table::Table;
use crate::model::weights::Weights;
use std::ops::Range;

/// Outputs of one piece of the decoder: its weights stay in the cache while a block of tokens meets them.
const PIECE: usize = 1536;
/// Tokens that meet a piece together.
const BLOCK: usize = 48;
/// Weights below it are left out: half of the step in which postings keep them.
const LEAST: f32 = 1.0 / 128.0;

/// Weights of terms, by the ids of their tokens.
pub type TermWeights = Vec<(u32, f32)>;

pub struct SparseHead {
    transform: Packed,
    norm: Norm,
    /// The decoder, in pieces of [`PIECE`] outputs.
    decoder: Vec<Packed>,
    vocab: usize,
    /// Terms that are kept, the heaviest.
    max_terms: usize,
    query: QuerySide,
    /// Of [`QuerySide::Table`].
    query_weights: Vec<f32>,
}

/// Buffers of the head.
#[derive(Debug, Default)]
pub struct SparseScratch {
    inputs: Activations,
    states: Vec<f32>,
    codes: Activations,
    logits: Vec<f32>,
    /// The greatest logit of each term.
    most: Vec<f32>,
}

impl SparseHead {
    pub fn take(
        (query, max_terms): (QuerySide, usize),
        config: &BertConfig,
        weights: &mut Weights,
        words: &Table,
    ) -> Result<SparseHead> {
        let Table::Int8(words) = words else {
            return Err(Error::unsupported("a learned sparse model whose word embeddings are held at 4 bits"));
        };
        let BertConfig { hidden, vocab, .. } = *config;
        let transform = Dense::take(weights, "cls.predictions.transform.dense", hidden, hidden)?;
        let norm = take_norm(config, weights, "cls.predictions.transform.LayerNorm")?;
        let bias = weights.take_vector("cls.predictions.bias", vocab)?;
        let piece = |first: usize| {
            let rows = PIECE.min(vocab - first);
            Packed::new(&[Linear {
                rows,
                cols: hidden,
                data: &words.data[first * hidden..(first + rows) * hidden],
                scales: &words.scales[first..first + rows],
                bias: &bias[first..first + rows],
            }])
        };
        let decoder = (0..vocab).step_by(PIECE).map(piece).collect();
        let query_weights = match query {
            QuerySide::Table => weights.take_vector("query_weights", vocab)?,
            QuerySide::Model | QuerySide::Tokens => Vec::new(),
        };
        let transform = Packed::new(&[transform.linear()]);
        Ok(SparseHead { transform, norm, decoder, vocab, max_terms, query, query_weights })
    }

    pub fn query_side(&self) -> QuerySide {
        self.query
    }

    /// Most terms that a text gets.
    pub fn max_terms(&self) -> usize {
        self.max_terms
    }

    pub fn memory_bytes(&self) -> usize {
        let decoder: usize = self.decoder.iter().map(Packed::memory_bytes).sum();
        decoder + self.transform.memory_bytes() + self.query_weights.len() * size_of::<f32>()
    }

    /// The heaviest terms of one sequence, by descending weight, then by id.
    ///
    /// Errors: `Corrupt` for weights that overflow.
    pub fn weights(&self, states: &Scratch, tokens: Range<usize>, scratch: &mut SparseScratch) -> Result<TermWeights> {
        scratch.most.clear();
        scratch.most.resize(self.vocab, 0.0);
        for first in tokens.clone().step_by(BLOCK) {
            self.add_block(states, first..tokens.end.min(first + BLOCK), scratch);
        }
        let weighed = (0u32..).zip(&scratch.most).map(|(id, most)| (id, most.ln_1p()));
        let mut terms: TermWeights = weighed.filter(|(_, weight)| *weight >= LEAST || weight.is_nan()).collect();
        if let Some((id, weight)) = terms.iter().find(|(_, weight)| !weight.is_finite()) {
            return Err(Error::corrupt(format!("a weight of {weight} for token {id}")));
        }
        keep_heaviest(&mut terms, self.max_terms);
        Ok(terms)
    }

    fn add_block(&self, states: &Scratch, tokens: Range<usize>, scratch: &mut SparseScratch) {
        let (count, width) = (tokens.len(), self.transform.outputs());
        let SparseScratch { inputs, states: rows, codes, logits, most } = scratch;
        inputs.reshape(count, self.transform.inputs());
        codes.reshape(count, width);
        rows.clear();
        tokens.for_each(|token| rows.extend_from_slice(states.hidden(token)));
        kernel::quantise_rows(rows, inputs);
        rows.resize(count * width, 0.0);
        kernel::multiply(inputs, 0..count, &self.transform, Combine::Replace, rows);
        kernel::gelu_rows(rows, codes);
        kernel::norm_rows(rows, &self.norm, codes, 0);
        for (piece, most) in self.decoder.iter().zip(most.chunks_mut(PIECE)) {
            let outputs = piece.outputs();
            logits.resize(count * outputs, 0.0);
            kernel::multiply(codes, 0..count, piece, Combine::Replace, logits);
            for row in logits.chunks_exact(outputs) {
                // A NaN must not vanish in the maximum.
                most.iter_mut().zip(row).for_each(|(most, &logit)| *most = if logit <= *most { *most } else { logit });
            }
        }
    }

    /// The terms of a query that is not expanded: of each of its tokens, the special ones left out, the weight that it
    /// has by itself, added up.
    pub fn token_weights(&self, ids: &[u32], table: bool) -> TermWeights {
        let mut terms = TermWeights::new();
        for &id in ids {
            let weight = if table { self.query_weights.get(id as usize).copied().unwrap_or(0.0) } else { 1.0 };
            match terms.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum += weight,
                None => terms.push((id, weight)),
            }
        }
        terms.retain(|(_, weight)| weight.is_finite() && *weight > 0.0);
        keep_heaviest(&mut terms, self.max_terms);
        terms
    }
}

fn keep_heaviest(terms: &mut TermWeights, most: usize) {
    terms.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    terms.truncate(most);
}
