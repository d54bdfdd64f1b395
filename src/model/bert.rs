//! The shape of a BERT encoder (Devlin et al. 2019), which the int8 encoder and the f32 reference share.

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
