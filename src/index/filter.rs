//! Conditions on metadata.

use super::bitset::Bitset;
use super::segment::Segment;
use crate::error::{Error, Result};
use serde_json::Value;

/// A parsed filter expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    fields: Vec<String>,
}

impl Filter {
    /// # Errors
    /// `InvalidInput` for anything that is not in the grammar, `LimitExceeded` for one too deep or too long.
    pub fn parse(value: &Value) -> Result<Filter> {
        match value.is_object() {
            true => Ok(Filter { fields: Vec::new() }),
            false => Err(Error::invalid("a filter must be an object")),
        }
    }

    /// The metadata fields it asks about, built-in ones left out: a field that no segment knows is a mistake.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str)
    }

    /// The documents that match; see [`Segment::expand`] for their chunks.
    pub fn evaluate(&self, segment: &Segment) -> Bitset {
        Bitset::full(segment.docs())
    }
}
