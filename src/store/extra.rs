//! Blobs beside the usual ones: further representations of a segment's chunks, and what all segments share. A manifest
//! lists them by kind; what is inside each is the matter of the code that wrote it.
//!
//! ```text
//! extras  count varint, then by ascending kind, each kind once: kind u8 | number u64 | blob
//! ```

use super::entry::Numbered;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::index::BlobKind;
use std::collections::BTreeMap;

/// At most one blob of each kind.
pub type Extras = BTreeMap<BlobKind, Numbered>;

pub(super) fn write(extras: &Extras, writer: &mut Writer) {
    writer.varint(extras.len() as u64);
    for (&kind, Numbered { number, blob }) in extras {
        writer.u8(kind as u8);
        writer.u64(*number);
        blob.write(writer);
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Extras> {
    /// Kind, number, and the shortest blob.
    const LEAST: usize = 1 + 8 + 2;
    let mut extras = Extras::new();
    for _ in 0..reader.count(LEAST)? {
        let code = reader.u8()?;
        let kind = BlobKind::ALL.into_iter().find(|kind| *kind as u8 == code);
        let kind = kind.ok_or_else(|| Error::corrupt(format!("a blob of kind {code}")))?;
        if extras.last_key_value().is_some_and(|(last, _)| *last >= kind) {
            return Err(Error::corrupt(format!("the {} blob is out of order", kind.name())));
        }
        extras.insert(kind, Numbered::read(reader)?);
    }
    Ok(extras)
}

/// The rules for a list of a segment, or of the collection.
pub(super) fn check(extras: &Extras, of_segment: bool) -> Result<()> {
    for (kind, entry) in extras {
        if kind.of_segments() != of_segment {
            return Err(Error::corrupt(format!("a {} blob in the wrong list", kind.name())));
        }
        entry.blob.check_size()?;
    }
    Ok(())
}
