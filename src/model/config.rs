//! What a model's own files say about it. `config.json` gives the architecture and its sizes; how it is used
//! (pooling, normalisation, prefixes, length) stands in our own object `"nearfield"` in it, or else in the files
//! that sentence-transformers writes beside it. All of it is untrusted: sizes are checked here, once, so that the
//! encoder and the loader can multiply them freely.

use serde::{Deserialize, Serialize};

/// Sizes of a BERT encoder with exact GELU and absolute positions. Checked: all within the caps of `limits.rs`,
/// `heads` divides `hidden`.
#[derive(Clone, Debug, PartialEq)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Text to vector.
    BiEncoder {
        pooling: Pooling,
        /// Vectors are divided by their L2 norm.
        normalize: bool,
    },
    /// Query and passage together to one logit, through the pooler (dense and tanh) and the classifier.
    CrossEncoder,
}

/// Everything that using a model needs besides its weights and its vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCard {
    pub name: String,
    /// Digest of the quantised weights (see `stream::Finished::digest`), hex. As read from the files it is what they
    /// promise, or empty; the loader fills in what it computed.
    pub digest: String,
    pub bert: BertConfig,
    pub kind: ModelKind,
    /// Longest input in tokens, special tokens included. At most `bert.max_positions`.
    pub max_tokens: usize,
    /// Put before every query, and before every passage.
    pub query_prefix: String,
    pub passage_prefix: String,
}
