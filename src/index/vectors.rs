//! How the vectors of a segment are kept.

use serde::{Deserialize, Serialize};

/// Number format of stored vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    F32,
    F16,
    /// One byte a dimension and one scale a vector, symmetric. The query is quantised the same way.
    Int8,
}

/// Which nearness is meant. A score is higher when nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Score: the cosine, -1..=1. Vectors are brought to length 1 (L2) once, when they are inserted; a zero vector
    /// stays zero and scores 0.
    Cosine,
    /// Score: the inner product.
    Dot,
    /// Score: minus the squared distance, so 0 at best.
    Euclidean,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VectorConfig {
    pub dims: usize,
    pub storage: Storage,
    pub metric: Metric,
}
