//! What one immutable segment holds: documents, postings, vectors and the graph over them.

pub mod document;

pub use document::{Document, Meta, MetaValue};
