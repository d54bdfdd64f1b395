//! What one immutable segment holds: documents, postings, vectors and the graph over them.
//!
//! Data passes through in this order: a [`SegmentBuilder`] takes documents with their chunks and vectors and seals
//! them into bytes; [`Segment::open`] verifies such bytes once; [`Filter`] narrows a segment to a [`Bitset`];
//! [`sparse_top_k`] and [`dense_top_k`] search several segments as one. Nothing here does I/O.

pub mod document;

mod bitset;
mod builder;
mod catalog;
mod columns;
mod dense;
mod filter;
mod graph;
mod impacts;
mod joint;
mod kind;
mod languages;
mod lazy;
mod page;
mod postings;
mod rotation;
mod segment;
mod sparse;
mod strings;
#[cfg(test)]
mod testing;
mod tokens;
mod top;
mod unit;
mod vectors;

pub use bitset::Bitset;
pub use builder::{Beside, ChunkEntry, Sealed, SegmentBuilder, SegmentConfig};
pub use catalog::{ChunkRef, DocRef};
pub use dense::{dense_rescore, dense_top_k, DenseLeg, DenseMode, DenseParams};
pub use document::{Document, Meta, MetaValue};
pub use filter::Filter;
#[cfg(feature = "neural")]
pub use graph::build_graph;
pub use graph::{graph_job, Graph};
pub use impacts::{seal_impacts, WeightedTerms};
pub use joint::{joint_top_k, Joint, JointQuery};
pub use kind::BlobKind;
pub use lazy::Lazy;
pub use page::Page;
pub use rotation::{Moments, Rotation};
pub use segment::{Segment, SegmentStats};
pub use sparse::{explain_sparse, sparse_top_k, Leg, SparseQuery, SparseScorer, TermContribution};
pub use tokens::{
    seal_tokens, token_top_k, ChunkTokens, Codebook, TokenBits, TokenCodes, TokenForm, TokenQuery, TokenScratch,
    TokenView,
};
pub use top::Scored;
pub use unit::{Level, Unit};
pub(crate) use vectors::normalised;
pub use vectors::{check_vectors, join_vectors, seal_vectors, Metric, Storage, VectorConfig};

#[cfg(test)]
mod tests;
