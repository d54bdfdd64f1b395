//! The BERT encoder (Devlin et al. 2018) in int8: a batch of token ids becomes one hidden state a token.
//!
//! A layer reads its input twice: as f32 for the residual connection and as seven-bit codes for the products, so
//! each normalisation writes both. Projections and attention run over the whole batch; what follows works on rows
//! alone and is done in blocks whose intermediate results stay in the cache. Buffers live in [`Scratch`]: once they
//! have grown to the largest batch, a forward pass allocates nothing.

use crate::error::{Error, Result};
use crate::kernel::{self, padded, Activations, AttentionScratch, AttentionShape, Combine};
use crate::model::batch::Batch;
use crate::model::config::BertConfig;
use crate::model::layers::{Embeddings, Layer};
use crate::model::table::Table;
use crate::model::weights::Weights;
use crate::pace::Pacer;

/// Rows that go through the second half of a layer together: 48 intermediate rows of 1,536 numbers take 300 kB.
const BLOCK: usize = 48;

/// Integer operations (multiplications and additions) between two pauses: a few milliseconds with SIMD.
const PAUSE_EVERY: usize = 500_000_000;

pub struct Encoder {
    pub(super) config: BertConfig,
    pub(super) embeddings: Embeddings,
    pub(super) layers: Vec<Layer>,
}

/// Buffers of a forward pass and, after it, its result.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Hidden states, `[tokens, width]`, `width` being the hidden size padded with zeros.
    hidden: Vec<f32>,
    /// The same as codes: what the next product reads.
    states: Activations,
    /// Queries, keys and values, `[tokens, 3 * width]`.
    projected: Vec<f32>,
    /// Attention's result, `[tokens, width]`.
    context: Vec<f32>,
    attention: AttentionScratch,
    /// A block of attention's results as codes.
    mixed: Activations,
    /// A block of intermediate rows.
    intermediate: Vec<f32>,
    activated: Activations,
    tokens: usize,
    width: usize,
}

impl Scratch {
    /// The hidden state of a token of the batch last encoded, padded with zeros.
    pub fn hidden(&self, token: usize) -> &[f32] {
        &self.hidden[token * self.width..][..self.width]
    }

    pub fn memory_bytes(&self) -> usize {
        let floats = self.hidden.len() + self.projected.len() + self.context.len() + self.intermediate.len();
        let codes = [&self.states, &self.mixed, &self.activated];
        floats * size_of::<f32>()
            + codes.into_iter().map(Activations::memory_bytes).sum::<usize>()
            + self.attention.memory_bytes()
    }

    fn reshape(&mut self, tokens: usize, config: &BertConfig) {
        let (width, intermediate) = (padded(config.hidden), padded(config.intermediate));
        (self.tokens, self.width) = (tokens, width);
        let grow = |buffer: &mut Vec<f32>, len: usize| buffer.resize(buffer.len().max(len), 0.0);
        grow(&mut self.hidden, tokens * width);
        grow(&mut self.projected, tokens * 3 * width);
        grow(&mut self.context, tokens * width);
        grow(&mut self.intermediate, BLOCK * intermediate);
        self.states.reshape(tokens, width);
        self.mixed.reshape(BLOCK, width);
        self.activated.reshape(BLOCK, intermediate);
    }
}

impl Encoder {
    /// Takes its tensors out of `weights` and packs them for the kernels.
    pub fn new(config: &BertConfig, weights: &mut Weights) -> Result<Encoder> {
        let embeddings = Embeddings::take(config, weights)?;
        let layers = (0..config.layers).map(|index| Layer::take(config, weights, index)).collect::<Result<_>>()?;
        Ok(Encoder { config: config.clone(), embeddings, layers })
    }

    /// An encoder without layers, of which only [`Self::word_row`] is of use.
    pub fn of_table(config: &BertConfig, words: Table) -> Encoder {
        Encoder { config: config.clone(), embeddings: Embeddings::of_table(words), layers: Vec::new() }
    }

    /// The embedding of a token, written to `out` (hidden size long). `id` is one of the vocabulary.
    pub fn word_row(&self, id: u32, out: &mut [f32]) {
        self.embeddings.words.dequantise_row(id as usize, out);
    }

    /// Sums of the embeddings of sequences of `lengths` tokens, end to end, `[tokens, padded(hidden)]`: what an encoder
    /// elsewhere begins with. `types` is empty (all 0) or as long as `ids`.
    ///
    /// Errors: `InvalidInput` for tokens that the model does not have, or lengths that are not those of `ids`.
    pub fn look_up(&self, ids: &[u32], types: &[u32], lengths: &[u32]) -> Result<Vec<f32>> {
        let total = lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length as usize));
        if total != Some(ids.len()) || !(types.is_empty() || types.len() == ids.len()) {
            let (tokens, kinds, count) = (ids.len(), types.len(), lengths.len());
            return Err(Error::invalid(format!("{tokens} tokens and {kinds} types for {count} sequences")));
        }
        let (mut batch, mut first) = (Batch::new(), 0);
        for &length in lengths {
            let range = first..first + length as usize;
            batch.push(&ids[range.clone()], types.get(range.clone()).unwrap_or_default(), &self.config)?;
            first = range.end;
        }
        let width = padded(self.config.hidden);
        let mut sums = vec![0.0; ids.len() * width];
        self.embeddings.look_up(&batch, width, &mut sums);
        Ok(sums)
    }

    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Memory of the weights, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.embeddings.memory_bytes() + self.layers.iter().map(Layer::memory_bytes).sum::<usize>()
    }

    /// Encodes a batch that was built with this encoder's configuration; the result is in `scratch`.
    ///
    /// Errors: what `pacer` says, `Aborted` above all. `scratch` can be used again.
    pub async fn forward(&self, batch: &Batch, scratch: &mut Scratch, pacer: &dyn Pacer) -> Result<()> {
        scratch.reshape(batch.tokens(), &self.config);
        self.embeddings.look_up(batch, scratch.width, &mut scratch.hidden);
        let rows = &mut scratch.hidden[..scratch.tokens * scratch.width];
        kernel::norm_rows(rows, &self.embeddings.norm, &mut scratch.states, 0);
        let mut work = 0;
        for layer in &self.layers {
            self.attend(layer, batch, scratch);
            work += scratch.tokens * layer.qkv.operations();
            for first in (0..scratch.tokens).step_by(BLOCK) {
                let count = BLOCK.min(scratch.tokens - first);
                work += count * layer.operations_after_attention();
                if work >= PAUSE_EVERY {
                    work = 0;
                    pacer.pause().await?;
                }
                finish_block(layer, first, count, scratch);
            }
        }
        pacer.pause().await
    }

    /// Projections and attention: `states` to `context`.
    fn attend(&self, layer: &Layer, batch: &Batch, scratch: &mut Scratch) {
        let width = scratch.width;
        let projected = &mut scratch.projected[..scratch.tokens * 3 * width];
        kernel::multiply(&scratch.states, 0..scratch.tokens, &layer.qkv, Combine::Replace, projected);
        let (heads, depth) = (self.config.heads, self.config.hidden / self.config.heads);
        for tokens in batch.sequences() {
            let shape = AttentionShape { len: tokens.len(), heads, depth, width };
            let qkv = &projected[tokens.start * 3 * width..tokens.end * 3 * width];
            let out = &mut scratch.context[tokens.start * width..tokens.end * width];
            kernel::attend(qkv, shape, &mut scratch.attention, out);
        }
    }
}

/// From attention's result to the layer's output, for `count` rows: output projection, residual and normalisation,
/// feed-forward layer, residual and normalisation.
fn finish_block(layer: &Layer, first: usize, count: usize, scratch: &mut Scratch) {
    let width = scratch.width;
    let hidden = &mut scratch.hidden[first * width..][..count * width];

    kernel::quantise_rows(&scratch.context[first * width..][..count * width], &mut scratch.mixed);
    kernel::multiply(&scratch.mixed, 0..count, &layer.mix, Combine::Add, hidden);
    kernel::norm_rows(hidden, &layer.mix_norm, &mut scratch.states, first);

    let intermediate = &mut scratch.intermediate[..count * layer.expand.outputs()];
    kernel::multiply(&scratch.states, first..first + count, &layer.expand, Combine::Replace, intermediate);
    kernel::gelu_rows(intermediate, &mut scratch.activated);
    kernel::multiply(&scratch.activated, 0..count, &layer.contract, Combine::Add, hidden);
    kernel::norm_rows(hidden, &layer.contract_norm, &mut scratch.states, first);
}
