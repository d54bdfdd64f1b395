//! Text: chunkers that give byte spans into their source, analysers that give terms, highlights as ranges.
//!
//! A document's text goes two ways. [`chunk`] cuts it into pieces that fit a model, each with its place in the text
//! and its heading path. [`Analyzer`] turns each piece, and later each query, into the terms of the lexical index.
//! [`highlight`] finds the terms of a query again in the text of a hit.

mod analyze;
mod chunk;
mod highlight;
mod unicode;

pub use analyze::{Analyzer, Analyzers, Detector, Guess, AUTO, LANGUAGES};
pub use chunk::{chunk, passage, sentences, Chunk, ChunkOptions, Chunked, Strategy, MIN_TOKENS};
pub use highlight::highlight;
pub use unicode::graphemes;
#[cfg(feature = "neural")]
pub(crate) use unicode::{BertCharacters, BertKind};

/// Counts tokens as some model would. Declared here and implemented by `model`, so that chunkers can respect the
/// limits of a model they do not know.
pub trait TokenCounter {
    /// Byte spans of the tokens of `text`, in order, special tokens not included.
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)>;

    /// Number of tokens of `text`, special tokens not included.
    fn count(&self, text: &str) -> usize {
        self.token_spans(text).len()
    }

    /// Tokens that the model adds around every text, such as `[CLS]` and `[SEP]`.
    fn special_tokens(&self) -> usize;
}

/// Stands in where there is no tokeniser: Unicode words and punctuation marks, one token each.
pub struct WordCounter;

impl TokenCounter for WordCounter {
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        let pieces = unicode::words(text).filter(|(_, piece)| !piece.trim().is_empty());
        pieces.map(|(start, piece)| (start, start + piece.len())).collect()
    }

    fn special_tokens(&self) -> usize {
        0
    }
}
