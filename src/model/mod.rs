//! Models: weights become an encoder, text becomes vectors and scores. The two traits at the top are all that the
//! rest of the engine knows; the neural code behind the feature `neural` is one implementation of them, a pool of
//! workers or a function of the caller's are others.

#[cfg(feature = "neural")]
pub mod batch;
#[cfg(any(feature = "neural", feature = "reference", feature = "gpu"))]
pub mod bert;
#[cfg(feature = "neural")]
pub mod catalogue;
#[cfg(feature = "neural")]
pub mod config;
#[cfg(feature = "native")]
pub mod convert;
#[cfg(feature = "native")]
mod e5s1;
#[cfg(feature = "neural")]
pub mod encoder;
#[cfg(any(feature = "neural", feature = "reference", feature = "gpu"))]
pub mod float_weights;
#[cfg(feature = "generator")]
pub mod generator;
#[cfg(feature = "generator")]
pub mod gguf;
#[cfg(feature = "neural")]
pub mod head;
#[cfg(feature = "neural")]
mod header;
#[cfg(feature = "neural")]
pub mod hub;
#[cfg(feature = "neural")]
pub mod late;
#[cfg(feature = "neural")]
pub mod late_model;
#[cfg(feature = "neural")]
mod layers;
#[cfg(feature = "neural")]
pub mod layout;
#[cfg(feature = "neural")]
pub mod neural;
#[cfg(feature = "native")]
pub mod onnx;
#[cfg(any(feature = "neural", feature = "generator"))]
pub mod package;
#[cfg(feature = "native")]
mod protobuf;
#[cfg(feature = "neural")]
pub mod reading;
#[cfg(feature = "reference")]
pub mod reference;
#[cfg(feature = "neural")]
mod sniff;
#[cfg(feature = "neural")]
pub mod sparse;
#[cfg(feature = "neural")]
pub mod sparse_model;
#[cfg(feature = "neural")]
pub mod stream;
#[cfg(feature = "neural")]
pub mod table;
#[cfg(feature = "neural")]
pub mod tokenizer;
#[cfg(feature = "neural")]
pub mod vocabulary;
#[cfg(feature = "neural")]
pub mod weights;

use crate::error::{Error, Result};
use crate::pace::{LocalFuture, Pacer};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which side of retrieval a text is on: asymmetric models have a prefix for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Query,
    Passage,
}

/// What an index must know of the model that made its vectors. Equal `digest` means comparable vectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmbedderInfo {
    pub name: String,
    /// SHA-256 of the weights in hex, or what the caller's own embedder calls itself.
    pub digest: String,
    pub dims: usize,
    /// Longest input in tokens, special tokens included; longer ones are truncated.
    pub max_tokens: usize,
    /// Whether it was trained so that the first dimensions of its vectors stand for the whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub matryoshka: bool,
}

/// What an index must know of the model that made a further representation. Equal `digest` means comparable ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderInfo {
    pub name: String,
    /// SHA-256 of the weights in hex, or what the caller's own encoder calls itself.
    pub digest: String,
}

/// A text, and the parts of it that get a vector each: ranges of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned {
    pub text: String,
    pub spans: Vec<Range<usize>>,
}

/// Text to vectors.
pub trait Embedder {
    fn info(&self) -> &EmbedderInfo;

    /// One row of `info().dims` finite numbers for each text, in order, row-major. Length 1 (L2) where the model's
    /// files ask for it.
    fn embed<'a>(&'a self, texts: &'a [String], role: Role, pacer: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>>;

    /// One row for each span of each passage, in order: the passage is read whole, and the row is the mean of the
    /// states of the tokens that touch the span, brought to length 1 where the model's vectors are. A span without
    /// tokens, as behind the model's maximum, gets the mean of all.
    fn embed_spans<'a>(&'a self, _: &'a [Spanned], _: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        let message = format!("late chunking: {} shows no states of tokens", self.info().name);
        Box::pin(std::future::ready(Err(Error::unsupported(message))))
    }
}

/// Terms with their weights, all finite and above 0, by descending weight.
pub type SparseVector = Vec<(String, f32)>;

/// Text to weighted terms (SPLADE).
pub trait SparseEncoder {
    fn info(&self) -> &EncoderInfo;

    /// The terms of each text, in order. What a query and a passage share, multiplied and added up, is their score.
    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        role: Role,
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<SparseVector>>>;
}

/// Vectors of the tokens of some texts, each of length 1: `counts` for each text, all rows joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenRows {
    pub counts: Vec<u32>,
    pub rows: Vec<f32>,
}

/// Text to a vector for each of its tokens (ColBERT).
pub trait LateEncoder {
    fn info(&self) -> &EncoderInfo;

    /// Numbers of a vector.
    fn dims(&self) -> usize;

    /// The vectors of each text, in order. Query and passage score the sum, over the query's tokens, of the greatest
    /// inner product with a token of the passage.
    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        role: Role,
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<TokenRows>>;
}

/// Query and passages to relevance scores (logits: higher is better, no fixed range).
pub trait Reranker {
    fn score<'a>(
        &'a self,
        query: &'a str,
        passages: &'a [String],
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<f32>>>;
}
