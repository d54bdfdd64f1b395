//! What blobs are called. One place, so that who writes a blob and who looks for it cannot disagree.
//!
//! Names end in the blob's fingerprint: two collections that were published at one address, one after the other, share
//! no name, so that no cache between server and reader can mix them. Version 1 had names without it.

use super::BlobKind;
use crate::error::{Error, Result};
use crate::limits;

fn named(name: String, sum: Option<u32>) -> String {
    match sum {
        Some(sum) => format!("{name}-{sum:08x}"),
        None => name,
    }
}

/// The segment proper: documents, columns, postings.
pub fn segment(id: u64, sum: Option<u32>) -> String {
    named(format!("seg-{id}"), sum)
}

/// Page `page` of the segment's text, counted from 0: read when a hit needs it.
pub fn page(id: u64, page: usize, sum: Option<u32>) -> String {
    named(format!("seg-{id}-t{page}"), sum)
}

/// The segment's vectors; `number` is the generation that first named them.
pub fn vectors(id: u64, number: u64, sum: Option<u32>) -> String {
    named(format!("seg-{id}-v{number}"), sum)
}

/// The graph over the segment's vectors; `number` is the generation that first named it.
pub fn graph(id: u64, number: u64, sum: Option<u32>) -> String {
    named(format!("seg-{id}-g{number}"), sum)
}

/// A further representation of the segment's chunks; `number` is the generation that first named it.
pub fn extra(id: u64, kind: BlobKind, number: u64, sum: Option<u32>) -> String {
    named(format!("seg-{id}-{}-{number}", kind.name()), sum)
}

/// A blob that belongs to all segments; `number` is the generation that first named it.
pub fn shared(kind: BlobKind, number: u64, sum: Option<u32>) -> String {
    named(format!("all-{}-{number}", kind.name()), sum)
}

/// Vectors of another model from chunk `first` on, made by the run of embedding anew that began in generation `run`.
pub fn part(id: u64, run: u64, first: u32, sum: Option<u32>) -> String {
    named(format!("seg-{id}-p{run}-{first}"), sum)
}

/// Any text is a name, if it is neither empty nor too long.
pub fn check(name: &str) -> Result<()> {
    match name.len() {
        0 => Err(Error::invalid("a blob without a name")),
        len if len > limits::BLOB_NAME_BYTES => {
            Err(Error::limit(format!("a blob name of {len} bytes; at most {}", limits::BLOB_NAME_BYTES)))
        }
        _ => Ok(()),
    }
}
