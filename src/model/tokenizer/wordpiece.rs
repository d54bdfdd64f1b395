//! WordPiece tokenisers of BERT models (Wu et al. 2016, section 4.1; Devlin et al. 2019): the text is normalised and cut
//! at white space and punctuation, and of each word the longest beginning that is in the vocabulary is taken, again and
//! again. Text flows through: a word is cut when it is complete, and reading ends when nobody wants more tokens.

use super::added::{AddedTokens, Segment};
use super::normalizer::Normalizer;
use super::sorted::Sorted;
use super::Each;
use crate::text::{BertCharacters, BertKind};
use std::ops::{ControlFlow, Range};

pub(super) struct WordPiece {
    pub normalizer: Normalizer,
    /// Added tokens that are looked for in the normalised text.
    pub normalized: AddedTokens,
    /// Tokens that may begin a word.
    pub beginnings: Sorted,
    /// Those that may continue it, without the prefix that says so.
    pub continuations: Sorted,
    pub unknown: u32,
    /// A word of more characters is unknown.
    pub longest_word: usize,
}

impl WordPiece {
    /// Shows `each` the tokens of a text without added tokens that begins at byte `start` of the whole.
    pub fn read(&self, text: &str, start: usize, each: Each) -> ControlFlow<()> {
        let mut words =
            Words { model: self, word: String::new(), sources: Vec::new(), length: 0, found: Vec::new(), each };
        let mut normal = String::new();
        let spans = text.char_indices().map(|(at, c)| (c, start + at..start + at + c.len_utf8()));
        if self.normalized.is_empty() {
            for (c, span) in spans {
                normal.clear();
                self.normalizer.push(c, &mut normal);
                normal.chars().try_for_each(|c| words.character(c, &span))?;
            }
            return words.flush();
        }
        // For each byte of the normalised text the span that it came from.
        let mut sources = Vec::new();
        for (c, span) in spans {
            self.normalizer.push(c, &mut normal);
            sources.resize(normal.len(), span);
        }
        self.normalized.segments(&normal, &mut |segment| match segment {
            Segment::Text(part, at) => {
                part.char_indices().try_for_each(|(byte, c)| words.character(c, &sources[at + byte]))?;
                words.flush()
            }
            Segment::Token(id, span) => (words.each)(id, sources[span.start].start..sources[span.end - 1].end),
        })
    }

    /// Appends the pieces of a word, each with its length in bytes; false if it is unknown.
    fn cut(&self, word: &str, found: &mut Vec<(u32, usize)>) -> bool {
        let mut rest = word.as_bytes();
        let mut vocabulary = &self.beginnings;
        while !rest.is_empty() {
            let mut longest = None;
            vocabulary.prefixes(rest, |length, place| longest = Some((vocabulary.ids()[place], length)));
            let Some(piece) = longest else { return false };
            found.push(piece);
            rest = &rest[piece.1..];
            vocabulary = &self.continuations;
        }
        true
    }
}

/// Collects characters to words and cuts these into tokens.
struct Words<'a, 'b> {
    model: &'a WordPiece,
    /// The word so far, as much of it as may be known.
    word: String,
    /// For each of its bytes the span in the text that it came from; then that of what is left out.
    sources: Vec<Range<usize>>,
    /// In characters.
    length: usize,
    found: Vec<(u32, usize)>,
    each: Each<'b>,
}

impl Words<'_, '_> {
    fn character(&mut self, c: char, span: &Range<usize>) -> ControlFlow<()> {
        if c.is_whitespace() {
            return self.flush();
        }
        if BertCharacters::get().kind(c) == BertKind::Punctuation {
            self.flush()?;
            self.push(c, span);
            return self.flush();
        }
        self.push(c, span);
        ControlFlow::Continue(())
    }

    fn push(&mut self, c: char, span: &Range<usize>) {
        self.length += 1;
        if self.length <= self.model.longest_word {
            self.word.push(c);
            self.sources.resize(self.word.len(), span.clone());
        } else {
            self.sources.truncate(self.word.len());
            self.sources.push(span.clone());
        }
    }

    /// Gives out the tokens of the word.
    fn flush(&mut self) -> ControlFlow<()> {
        let [Some(first), Some(last)] = [self.sources.first(), self.sources.last()] else {
            return ControlFlow::Continue(());
        };
        let whole = first.start..last.end;
        self.found.clear();
        let known = self.length <= self.model.longest_word && self.model.cut(&self.word, &mut self.found);
        let flow = match known {
            true => {
                let mut at = 0;
                self.found.iter().try_for_each(|&(id, length)| {
                    let span = self.sources[at].start..self.sources[at + length - 1].end;
                    at += length;
                    (self.each)(id, span)
                })
            }
            false => (self.each)(self.model.unknown, whole),
        };
        self.word.clear();
        self.sources.clear();
        self.length = 0;
        flow
    }
}
