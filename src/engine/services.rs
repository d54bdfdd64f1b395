//! What one call of the engine is given by its host: time, patience, models, and somebody to tell.

use crate::error::Result;
use crate::model::{Embedder, LateEncoder, Reranker, SparseEncoder};
use crate::pace::{Clock, LocalFuture, Pacer};
use crate::text::TokenCounter;
use serde::Serialize;

/// Where a long call has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Cutting documents into chunks.
    Chunk,
    /// Turning chunks into vectors.
    Embed,
    /// Sealing and writing a segment.
    Commit,
    /// Rewriting small segments as one.
    Merge,
    /// Building the graph of a large segment.
    Graph,
    /// Turning vectors into axes that were fitted on them.
    Rotate,
    /// Exporting: blobs are counted.
    Copy,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    pub phase: Phase,
    /// Documents that are through this phase or were before it began.
    pub done: usize,
    pub total: usize,
    /// Documents of this call that are safe: committed, whatever happens next.
    pub committed: usize,
}

/// Builds the graph of a segment from the job that [`crate::index::graph_job`] wrote: minutes of work for large
/// segments, which a browser does in another worker.
pub trait GraphBuilder {
    fn build<'a>(&'a self, job: Vec<u8>) -> LocalFuture<'a, Result<Vec<u8>>>;
}

/// The right to write to a collection, which hosts share among tabs. A call that only reads for long gives it back
/// meanwhile.
pub trait Turn {
    /// From now on others may write.
    fn release(&self);
    /// Waits until this call may write again. What others have written meanwhile is still to be read.
    fn regain(&self) -> LocalFuture<'_, Result<()>>;
}

pub struct Services<'a> {
    pub pacer: &'a dyn Pacer,
    pub clock: &'a dyn Clock,
    pub embedder: Option<&'a dyn Embedder>,
    /// The learned sparse model.
    pub sparse: Option<&'a dyn SparseEncoder>,
    /// The late-interaction model.
    pub late: Option<&'a dyn LateEncoder>,
    pub reranker: Option<&'a dyn Reranker>,
    pub graphs: Option<&'a dyn GraphBuilder>,
    /// `None` where nobody else writes.
    pub turn: Option<&'a dyn Turn>,
    pub counter: &'a dyn TokenCounter,
    pub progress: &'a dyn Fn(Progress),
}
