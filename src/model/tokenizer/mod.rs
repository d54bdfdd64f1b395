//! Text to token ids, as `tokenizer.json` says. Two kinds of vocabulary: WordPiece of BERT models, by the
//! `tokenizers` library ([`wordpiece`]), and Unigram of multilingual ones, by our own code ([`unigram`]), since the
//! library's tables of 250,000 pieces would take hundreds of megabytes and its code more than ours. Ids are those of
//! the Python package `tokenizers`. What the file says about padding and truncation is ignored: inputs are never
//! padded here, and the model's length decides where they are cut.

mod charsmap;
mod pieces;
mod punctuation;
mod unigram;
mod unigram_file;
#[cfg(feature = "native")]
mod unigram_write;
mod wordpiece;

use crate::error::{Error, Result};
use crate::limits;
use crate::text::TokenCounter;
use serde::Deserialize;
use unigram::Unigram;
#[cfg(feature = "native")]
pub use unigram_write::{UnigramSource, XLM_R_MASK};
use wordpiece::WordPiece;

/// A loaded `tokenizer.json`.
pub struct Tokenizer(Kind);

enum Kind {
    WordPiece(Box<WordPiece>),
    Unigram(Box<Unigram>),
}

/// As little of the file as tells its kind.
#[derive(Deserialize)]
struct Peek {
    model: PeekModel,
}

#[derive(Deserialize)]
struct PeekModel {
    #[serde(rename = "type")]
    kind: String,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, of this or the older format.
    ///
    /// Errors: `Corrupt` for what is not one or contradicts itself, `Unsupported` for models other than WordPiece
    /// and Unigram and for steps that those do not know, `LimitExceeded` above the caps.
    pub fn from_json(bytes: &[u8]) -> Result<Tokenizer> {
        if bytes.len() > limits::TOKENIZER_BYTES {
            let (found, cap) = (bytes.len(), limits::TOKENIZER_BYTES);
            return Err(Error::limit(format!("tokenizer.json has {found} bytes; the limit is {cap}")));
        }
        // What cannot be read even so far is for the strict reader to name.
        let kind = match serde_json::from_slice::<Peek>(bytes) {
            Ok(peek) if peek.model.kind == "Unigram" => Kind::Unigram(Box::new(unigram_file::read(bytes)?)),
            _ => Kind::WordPiece(Box::new(WordPiece::from_json(bytes)?)),
        };
        Ok(Tokenizer(kind))
    }

    /// One more than the largest id: at most the rows of the model's word embeddings.
    pub fn vocabulary(&self) -> usize {
        match &self.0 {
            Kind::WordPiece(words) => words.vocabulary(),
            Kind::Unigram(unigram) => unigram.vocabulary(),
        }
    }

    /// The token that stands for one that is not shown, if there is one.
    pub fn mask(&self) -> Option<u32> {
        match &self.0 {
            Kind::WordPiece(words) => words.mask(),
            Kind::Unigram(_) => None,
        }
    }

    /// Ids of one text between its special tokens, at most `max_tokens` in all.
    pub fn encode(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        match &self.0 {
            Kind::WordPiece(words) => words.encode(text, max_tokens),
            Kind::Unigram(unigram) => Ok(unigram.encode(text, max_tokens)),
        }
    }

    /// The first ids of one text, at most `max_tokens`, without special tokens around them and without the unknown
    /// token: what models that are no more than a table look up.
    pub fn encode_bare(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        match &self.0 {
            Kind::WordPiece(words) => words.encode_bare(text, max_tokens),
            Kind::Unigram(unigram) => Ok(unigram.encode_bare(text, max_tokens)),
        }
    }

    /// Ids and token types of two texts with their special tokens, at most `max_tokens` in all: the longer of the
    /// two is cut first (the rule `longest_first` of the Python package).
    pub fn encode_pair(&self, first: &str, second: &str, max_tokens: usize) -> Result<(Vec<u32>, Vec<u32>)> {
        match &self.0 {
            Kind::WordPiece(words) => words.encode_pair(first, second, max_tokens),
            Kind::Unigram(unigram) => Ok(unigram.encode_pair(first, second, max_tokens)),
        }
    }
}

impl TokenCounter for Tokenizer {
    /// Where a character becomes several tokens (a Korean syllable may), they share its span.
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        match &self.0 {
            Kind::WordPiece(words) => words.token_spans(text),
            Kind::Unigram(unigram) => unigram.token_spans(text),
        }
    }

    fn count(&self, text: &str) -> usize {
        match &self.0 {
            Kind::WordPiece(words) => words.count(text),
            Kind::Unigram(unigram) => unigram.count(text),
        }
    }

    fn special_tokens(&self) -> usize {
        match &self.0 {
            Kind::WordPiece(words) => words.special_tokens(),
            Kind::Unigram(unigram) => unigram.special_tokens(),
        }
    }
}
