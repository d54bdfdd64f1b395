//! BERT's normaliser: one character at a time becomes none, itself, or others.
//!
//! The libraries normalise whole texts, in which decomposition also sorts neighbouring marks by their class. Nearly all
//! that are sorted are deleted, and the few that stay (musical ones, for instance) are in no vocabulary.

use crate::error::{Error, Result};
use crate::text::{BertCharacters, BertKind};
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) struct Normalizer {
    /// Control characters are deleted, and all white space becomes a space.
    clean_text: bool,
    /// Chinese characters, which are written without spaces, become words.
    handle_chinese_chars: bool,
    /// As `lowercase` if it is not said.
    strip_accents: Option<bool>,
    lowercase: bool,
}

impl Normalizer {
    /// The `normalizer` of a `tokenizer.json`; null changes nothing.
    pub fn read(json: &Value) -> Result<Normalizer> {
        match json.get("type").and_then(Value::as_str) {
            None if json.is_null() => Ok(Normalizer::default()),
            Some("BertNormalizer") => Normalizer::deserialize(json)
                .map_err(|e| Error::corrupt("the normalizer of tokenizer.json").with_source(e)),
            other => {
                let other = other.unwrap_or("none stated");
                Err(Error::unsupported(format!("tokenizer.json: normalizer {other} in a WordPiece tokeniser")))
            }
        }
    }

    /// Appends what `c` becomes.
    pub fn push(&self, c: char, out: &mut String) {
        let table = BertCharacters::get();
        let c = match self.clean_text {
            true if table.kind(c) == BertKind::Control => return,
            true if c.is_whitespace() => ' ',
            _ => c,
        };
        let is_word = self.handle_chinese_chars && is_chinese(c);
        if is_word {
            out.push(' ');
        }
        let start = out.len();
        match self.strip_accents.unwrap_or(self.lowercase) {
            true => table.push_unmarked(c, out),
            false => out.push(c),
        }
        if self.lowercase {
            lower(out, start);
        }
        if is_word {
            out.push(' ');
        }
    }
}

/// Each character by itself: no sigma is a final one.
fn lower(text: &mut String, start: usize) {
    if text[start..].is_ascii() {
        return text[start..].make_ascii_lowercase();
    }
    let lower: String = text[start..].chars().flat_map(char::to_lowercase).collect();
    text.truncate(start);
    text.push_str(&lower);
}

/// The blocks of CJK ideographs that BERT's code names.
fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}
