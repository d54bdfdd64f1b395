//! What the length of chunks is measured in: tokens of a model, or words.

use crate::error::Result;
use crate::text::{TokenCounter, WordCounter};

/// `tokenizer` is the text of a tokenizer.json; without it, words are counted.
pub fn counter(tokenizer: Option<&str>) -> Result<Box<dyn TokenCounter>> {
    match tokenizer {
        Some(json) => tokens(json),
        None => Ok(Box::new(WordCounter)),
    }
}

#[cfg(feature = "neural")]
fn tokens(json: &str) -> Result<Box<dyn TokenCounter>> {
    Ok(Box::new(crate::model::tokenizer::Tokenizer::from_json(json.as_bytes())?))
}

#[cfg(not(feature = "neural"))]
fn tokens(_: &str) -> Result<Box<dyn TokenCounter>> {
    Err(crate::error::Error::unsupported("the lite build has no tokenisers"))
}
