//! Text to token ids, as `tokenizer.json` says. Two kinds of vocabulary: WordPiece of BERT models ([`wordpiece`]), and
//! Unigram of multilingual ones ([`unigram`]). Ids are those of the Python package `tokenizers`; its Rust library
//! would add 255 KB (gzip) to the module and hold a large vocabulary in hundreds of megabytes. What the file says about padding and
//! truncation is ignored: inputs are never padded here, and the model's length decides where they are cut.

mod added;
mod charsmap;
mod normalizer;
mod pieces;
mod sorted;
mod templates;
mod unigram;
mod unigram_file;
#[cfg(feature = "native")]
mod unigram_write;
mod wordpiece;
mod wordpiece_file;

use crate::error::{Error, Result};
use crate::limits;
use crate::text::TokenCounter;
use added::{AddedTokens, Segment};
use serde::Deserialize;
use std::ops::{ControlFlow, Range};
use templates::Templates;
use unigram::Unigram;
#[cfg(feature = "native")]
pub use unigram_write::{UnigramSource, XLM_R_MASK};
use wordpiece::WordPiece;

/// A loaded `tokenizer.json`.
pub struct Tokenizer {
    model: Model,
    /// Those that are looked for in the text as it is.
    added: AddedTokens,
    templates: Templates,
    mask: Option<u32>,
    vocabulary: usize,
}

enum Model {
    WordPiece(Box<WordPiece>),
    Unigram(Box<Unigram>),
}

/// Is shown a token and its span in the text, and says whether it wants more.
type Each<'a> = &'a mut dyn FnMut(u32, Range<usize>) -> ControlFlow<()>;

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

/// Errors: `LimitExceeded` for an id that would make a table larger than any model has.
fn check_id(id: u64) -> Result<u32> {
    match u32::try_from(id) {
        Ok(small) if (small as usize) < limits::MODEL_VOCAB => Ok(small),
        _ => Err(Error::limit(format!("tokenizer.json: token id {id}; the limit is {}", limits::MODEL_VOCAB))),
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// Errors: `Corrupt` for what is not one or contradicts itself, `Unsupported` for models other than WordPiece
    /// and Unigram and for steps that those do not know, `LimitExceeded` above the caps.
    pub fn from_json(bytes: &[u8]) -> Result<Tokenizer> {
        if bytes.len() > limits::TOKENIZER_BYTES {
            let (found, cap) = (bytes.len(), limits::TOKENIZER_BYTES);
            return Err(Error::limit(format!("tokenizer.json has {found} bytes; the limit is {cap}")));
        }
        // What cannot be read even so far is for the strict reader to name.
        match serde_json::from_slice::<Peek>(bytes) {
            Ok(peek) if peek.model.kind == "Unigram" => unigram_file::read(bytes),
            _ => wordpiece_file::read(bytes),
        }
    }

    /// One more than the largest id: at most the rows of the model's word embeddings.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The token that stands for one that is not shown, if there is one.
    pub fn mask(&self) -> Option<u32> {
        self.mask
    }

    /// Ids of one text between its special tokens, at most `max_tokens` in all.
    pub fn encode(&self, text: &str, max_tokens: usize) -> Vec<u32> {
        let room = max_tokens.saturating_sub(self.templates.around_one());
        self.templates.one(&self.ids(text, room, None))
    }

    /// The first ids of one text, at most `max_tokens`, without special tokens around them and without the unknown
    /// token: what models that are no more than a table look up.
    pub fn encode_bare(&self, text: &str, max_tokens: usize) -> Vec<u32> {
        let unknown = match &self.model {
            Model::WordPiece(words) => words.unknown,
            Model::Unigram(unigram) => unigram.pieces.unknown(),
        };
        self.ids(text, max_tokens, Some(unknown))
    }

    /// Ids and token types of two texts with their special tokens, at most `max_tokens` in all: the longer of the
    /// two is cut first (the rule `longest_first` of the Python package).
    pub fn encode_pair(&self, first: &str, second: &str, max_tokens: usize) -> (Vec<u32>, Vec<u32>) {
        let room = max_tokens.saturating_sub(self.templates.around_two());
        let enough = room.saturating_add(1);
        let (mut one, mut two) = (self.ids(first, enough, None), self.ids(second, enough, None));
        let (short, long) = (one.len().min(two.len()), one.len().max(two.len()));
        if short + long > room {
            // The longer one is cut to what the shorter one leaves; if that is less than the shorter one, both are.
            let (small, large) = match short <= room / 2 {
                true => (short, room - short),
                false => (room / 2, room - room / 2),
            };
            let first_is_longer = match short == enough {
                true => self.count(first) > self.count(second),
                false => one.len() > two.len(),
            };
            one.truncate(if first_is_longer { large } else { small });
            two.truncate(if first_is_longer { small } else { large });
        }
        self.templates.two(&one, &two)
    }

    /// The first ids of a text, at most `most`, without special tokens around them and without the one to `skip`.
    fn ids(&self, text: &str, most: usize, skip: Option<u32>) -> Vec<u32> {
        let mut ids = Vec::new();
        if most > 0 {
            self.read(text, false, &mut |id, _| {
                if Some(id) != skip {
                    ids.push(id);
                }
                match ids.len() < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
        }
        ids
    }

    /// Shows `each` the tokens of a text in order. Without `spans`, those need not be right.
    fn read(&self, text: &str, spans: bool, each: Each) {
        // Whoever breaks off has what was wanted.
        let _ = self.added.segments(text, &mut |segment| match (segment, &self.model) {
            (Segment::Text(text, start), Model::WordPiece(words)) => words.read(text, start, each),
            (Segment::Text(text, start), Model::Unigram(unigram)) => unigram.read(text, start, spans, each),
            (Segment::Token(id, span), _) => each(id, span),
        });
    }
}

impl TokenCounter for Tokenizer {
    /// Where a character becomes several tokens (a Korean syllable may), they share its span.
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        self.read(text, true, &mut |_, span| {
            spans.push((span.start, span.end));
            ControlFlow::Continue(())
        });
        spans
    }

    fn count(&self, text: &str) -> usize {
        let mut count = 0;
        self.read(text, false, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        count
    }

    fn special_tokens(&self) -> usize {
        self.templates.around_one()
    }
}
