//! The shape of a BERT encoder (Devlin et al. 2019) and what it is read for: what the int8 encoder, the f32 reference and
//! the encoder on the GPU share.

use serde::{Deserialize, Serialize};

/// Sizes of a BERT encoder with exact GELU and absolute positions. Checked: all within the caps of `limits.rs`,
/// `heads` divides `hidden`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BertConfig {
    pub layers: usize,
    /// Width of a hidden state.
    pub hidden: usize,
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate: usize,
    pub vocab: usize,
    /// Longest input in tokens that has position embeddings.
    pub max_positions: usize,
    /// Token types (segments): 2, or 1 where pairs were never trained.
    pub type_vocab: usize,
    pub layer_norm_eps: f32,
}

/// How the hidden states of a text become its one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Mean over all tokens, special ones included.
    Mean,
    /// The state of the first token, `[CLS]`.
    Cls,
    /// The state of the last token.
    Last,
}

/// What a pass over a sequence ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Readout {
    /// One vector, of length 1 if `normalize`.
    Vector { pooling: Pooling, normalize: bool },
    /// A cross-encoder's one logit.
    Logit,
}
