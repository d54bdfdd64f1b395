//! Tokens that are recognised in a text as they are written, such as `[SEP]`, before it is cut into words.

use super::check_id;
use super::sorted::Sorted;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

/// As `tokenizer.json` describes one.
#[derive(Deserialize)]
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
    tokens: Vec<Added>,
    /// What they are, with their places in `tokens`.
    contents: Sorted,
}

/// A part of a text.
pub(super) enum Segment<'a> {
    /// What is between added tokens, and at which byte it begins.
    Text(&'a str, usize),
    /// An added token and its span.
    Token(u32, Range<usize>),
}

impl AddedTokens {
    /// Empty ones are left out, and so are those whose content another one before them has.
    ///
    /// Errors: `LimitExceeded` for an id above the cap, `Unsupported` for tokens that want no letter beside them.
    pub fn new(mut tokens: Vec<Added>) -> Result<AddedTokens> {
        let mut known = BTreeSet::new();
        tokens.retain(|added| !added.content.is_empty() && known.insert(added.content.clone()));
        tokens.iter().try_for_each(|added| check_id(added.id.into()).map(drop))?;
        if let Some(added) = tokens.iter().find(|added| added.single_word) {
            let content = &added.content;
            return Err(Error::unsupported(format!("tokenizer.json: added token {content:?} with \"single_word\"")));
        }
        let contents = tokens.iter().map(|added| added.content.as_bytes()).zip(0..);
        let contents = Sorted::new(contents.collect()).map_err(|_| Error::internal("an added token twice"))?;
        Ok(AddedTokens { tokens, contents })
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
        (at..text.len()).find_map(|start| {
            let mut longest = None;
            self.contents.prefixes(&text.as_bytes()[start..], |_, place| longest = Some(place));
            let place = self.contents.ids()[longest?];
            Some((start, &self.tokens[place as usize]))
        })
    }
}
