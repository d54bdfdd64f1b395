//! Tokens that are recognised in a text as they are written, such as `[SEP]`, before it is cut into words.

use super::check_id;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::ops::{ControlFlow, Range};

/// As `tokenizer.json` describes one.
#[derive(Clone, Deserialize)]
pub(super) struct Added {
    pub id: u32,
    pub content: String,
    /// Only where no letter is beside it.
    #[serde(default)]
    single_word: bool,
    /// It takes the white space before it, or after it, with it.
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    /// It is looked for in the normalised text.
    #[serde(default)]
    pub normalized: bool,
}

/// Some of them, to be found in a text.
pub(super) struct AddedTokens {
    /// Longest first.
    tokens: Vec<Added>,
    /// Whether one of them begins with this byte.
    begins: [bool; 256],
}

/// A part of a text.
pub(super) enum Segment<'a> {
    /// What is between added tokens, and at which byte it begins.
    Text(&'a str, usize),
    /// An added token and its span.
    Token(u32, Range<usize>),
}

impl AddedTokens {
    /// Empty ones are left out.
    ///
    /// Errors: `LimitExceeded` for an id above the cap, `Unsupported` for tokens that want no letter beside them.
    pub fn new(mut tokens: Vec<Added>) -> Result<AddedTokens> {
        tokens.retain(|added| !added.content.is_empty());
        tokens.iter().try_for_each(|added| check_id(added.id.into()).map(drop))?;
        if let Some(added) = tokens.iter().find(|added| added.single_word) {
            let content = &added.content;
            return Err(Error::unsupported(format!("tokenizer.json: added token {content:?} with \"single_word\"")));
        }
        tokens.sort_by_key(|added| std::cmp::Reverse(added.content.len()));
        let mut begins = [false; 256];
        for added in &tokens {
            begins[usize::from(added.content.as_bytes()[0])] = true;
        }
        Ok(AddedTokens { tokens, begins })
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub fn largest_id(&self) -> Option<u32> {
        self.tokens.iter().map(|added| added.id).max()
    }

    pub fn id(&self, content: &str) -> Option<u32> {
        self.tokens.iter().find(|added| added.content == content).map(|added| added.id)
    }

    /// Shows `each` the tokens in `text` and what is between them, in order. Of two that begin at the same place the
    /// longer one counts.
    pub fn segments(&self, text: &str, each: &mut dyn FnMut(Segment) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut at = 0;
        while let Some((start, added)) = self.next(text, at) {
            let mut part = &text[at..start];
            if added.lstrip {
                part = part.trim_end();
            }
            if !part.is_empty() {
                each(Segment::Text(part, at))?;
            }
            let start_with_space = at + part.len();
            at = start + added.content.len();
            if added.rstrip {
                at = text.len() - text[at..].trim_start().len();
            }
            each(Segment::Token(added.id, start_with_space..at))?;
        }
        match &text[at..] {
            "" => ControlFlow::Continue(()),
            rest => each(Segment::Text(rest, at)),
        }
    }

    /// The next token in `text` from byte `at` on, and where it begins.
    fn next(&self, text: &str, at: usize) -> Option<(usize, &Added)> {
        let bytes = text.as_bytes();
        let mut candidates = (at..bytes.len()).filter(|&start| self.begins[usize::from(bytes[start])]);
        candidates.find_map(|start| {
            let starts = |added: &&Added| bytes[start..].starts_with(added.content.as_bytes());
            Some((start, self.tokens.iter().find(starts)?))
        })
    }
}
