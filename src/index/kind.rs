//! What blobs beside the usual ones are for.

use serde::{Deserialize, Serialize};

/// What a blob is for. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum BlobKind {
    /// Of a segment: the weights of a learned sparse model, as postings.
    Splade = 1,
    /// Of a segment: vectors of each token, for late interaction.
    Colbert = 2,
    /// Of the collection: the rotation by which its vectors were turned.
    Rotation = 3,
    /// Of the collection: centroids to which vectors are told apart.
    Centroids = 4,
}

impl BlobKind {
    pub const ALL: [BlobKind; 4] = [BlobKind::Splade, BlobKind::Colbert, BlobKind::Rotation, BlobKind::Centroids];

    /// As it stands in names of blobs, in JSON and in messages.
    pub fn name(self) -> &'static str {
        match self {
            BlobKind::Splade => "splade",
            BlobKind::Colbert => "colbert",
            BlobKind::Rotation => "rotation",
            BlobKind::Centroids => "centroids",
        }
    }

    /// Whether there is one for each segment; if not, there is one for the collection.
    pub fn of_segments(self) -> bool {
        matches!(self, BlobKind::Splade | BlobKind::Colbert)
    }
}
