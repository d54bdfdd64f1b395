//! What blobs are called. One place, so that who writes a blob and who looks for it cannot disagree.

use crate::error::{Error, Result};
use crate::limits;

/// The segment proper: columns, postings, vectors.
pub fn segment(id: u64) -> String {
    format!("seg-{id}")
}

/// Page `page` of the segment's text, counted from 0: read when a hit needs it.
pub fn page(id: u64, page: usize) -> String {
    format!("seg-{id}-t{page}")
}

/// Graph `number` over the segment's vectors. A graph that is built anew gets the next number.
pub fn graph(id: u64, number: u32) -> String {
    format!("seg-{id}-g{number}")
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
