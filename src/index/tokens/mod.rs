//! Vectors of tokens, for late interaction (ColBERT, Khattab and Zaharia 2020). Each token of a text is one of a few
//! centroids and what is left of it in 2 or 8 bits a dimension (as PLAID does, Santhanam et al. 2022); a text scores
//! the sum, over the query's tokens, of the greatest inner product with one of its own.
//!
//! The [`Codebook`] with the centroids belongs to the collection; the codes of a segment's chunks are a blob beside it
//! ([`Tokens`]), which merges copy; a [`TokenQuery`] compares: with the centroids alone first, with all that is stored
//! then ([`token_top_k`]).

mod codebook;
mod codes;
mod fit;
mod query;
mod segment;

pub use codebook::Codebook;
pub use codes::{TokenBits, TokenCodes, TokenForm, TokenView};
pub use query::{token_top_k, TokenQuery, TokenScratch};
pub use segment::{seal_tokens, ChunkTokens};
pub(crate) use segment::{Tokens, TokensBuilder};

#[cfg(test)]
mod tests;
