//! Words in lower case: until the analysers are there.

use crate::error::Result;
use std::ops::Range;

pub(crate) struct Analyzer;

impl Analyzer {
    pub fn new(_language: &str) -> Result<Analyzer> {
        Ok(Analyzer)
    }

    pub fn analyze(&self, text: &str, emit: &mut dyn FnMut(&str, Range<usize>)) {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.for_each(|word| emit(&word.to_lowercase(), 0..0));
    }
}
