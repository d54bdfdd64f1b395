//! WordPiece vocabularies of BERT models, by the `tokenizers` library.
//!
//! The library's fast path gives ids without offsets. Spans of tokens in the source text, which chunkers need, are
//! recovered here: the text is taken apart at white space, where no token can cross, and within a word the lengths
//! of the tokens are counted off against its normalised form.

use super::punctuation::as_in_python;
use crate::error::{Error, Result};
use crate::limits;
use crate::text::TokenCounter;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokenizers::pipeline::{
    normalize_all, EncodeOptions, Input, Inputs, Model, Override, PipelineModelScratch, PipelineToken,
    PipelineTokenizer, PreTokenizer, PreTokenizerScratch, Segment, Span, SpecialSegmentIterator,
};
use tokenizers::{TruncationDirection, TruncationParams, TruncationStrategy};

/// First guess of how many bytes of text one token covers, when only the first tokens of a long text are wanted.
const BYTES_PER_TOKEN: usize = 16;

pub(super) struct WordPiece {
    pipeline: PipelineTokenizer,
    /// Length in bytes of each token's text within its word, by id; 0 for the unknown token, which has none.
    lengths: Vec<usize>,
    /// The same of the added tokens, which are recognised in the text as they are written: `[SEP]`.
    added: BTreeMap<u32, usize>,
    unknown: Option<u32>,
    mask: Option<u32>,
    /// Tokens around a single text: `[CLS]` and `[SEP]`.
    special: usize,
    /// No token has white space in it, so text may be taken apart there.
    splits_at_space: bool,
    scratch: Mutex<Scratch>,
}

/// Buffers of the span search, kept because the library's word cache is worth keeping.
struct Scratch {
    model: PipelineModelScratch,
    split: PreTokenizerScratch,
    words: Vec<Span>,
    ids: Vec<PipelineToken>,
}

impl WordPiece {
    /// Reads a file of which nothing is known but that it is not too large.
    pub fn from_json(bytes: &[u8]) -> Result<WordPiece> {
        let mut json: Value =
            serde_json::from_slice(bytes).map_err(|e| Error::corrupt("tokenizer.json is not JSON").with_source(e))?;
        check_model(&json)?;
        for unused in ["padding", "truncation", "decoder"] {
            json[unused] = Value::Null;
        }
        let refused = || Error::corrupt("tokenizer.json");
        tokenizers::canonicalize_value(&mut json).map_err(|e| refused().with_source(e))?;
        let pipeline = tokenizers::from_json(&json.to_string()).map_err(|e| refused().with_source(e.to_string()))?;
        check_added(&json, &pipeline)?;
        Ok(WordPiece::new(pipeline, &json))
    }

    fn new(pipeline: PipelineTokenizer, json: &Value) -> WordPiece {
        let prefix = json["model"]["continuing_subword_prefix"].as_str().unwrap_or_default();
        let unknown = json["model"]["unk_token"].as_str().unwrap_or_default();
        let unknown_id = json["model"]["vocab"][unknown].as_u64().map(|id| id as u32);
        let words = json["model"]["vocab"].as_object().into_iter().flatten();
        let words = words.filter_map(|(token, id)| Some((id.as_u64()? as usize, token.clone())));
        let added = pipeline.get_added_vocabulary().get_vocab();
        let mask =
            added.get("[MASK]").copied().or_else(|| json["model"]["vocab"]["[MASK]"].as_u64().map(|id| id as u32));
        let added_lengths = added.iter().map(|(token, id)| (*id, token.len())).collect();
        let splits_at_space = !added.keys().any(|token| token.contains(char::is_whitespace));
        let mut lengths = Vec::new();
        for (id, token) in words.chain(added.into_iter().map(|(token, id)| (id as usize, token))) {
            if lengths.len() <= id {
                lengths.resize(id + 1, 0);
            }
            lengths[id] = if token == unknown { 0 } else { token.strip_prefix(prefix).unwrap_or(&token).len() };
        }
        let scratch = Scratch {
            model: pipeline.get_model().init_scratch(),
            split: PreTokenizerScratch::default(),
            words: Vec::new(),
            ids: Vec::new(),
        };
        let special = pipeline.get_post_processor().single.n_special();
        let unknown = unknown_id;
        WordPiece {
            pipeline,
            lengths,
            added: added_lengths,
            unknown,
            mask,
            special,
            splits_at_space,
            scratch: Mutex::new(scratch),
        }
    }

    /// One more than the largest id: at most the rows of the model's word embeddings.
    pub fn vocabulary(&self) -> usize {
        self.lengths.len()
    }

    pub fn mask(&self) -> Option<u32> {
        self.mask
    }

    /// Ids of one text between its special tokens, at most `max_tokens` in all.
    pub fn encode(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        let (ids, _) = self.run(Input::Single(as_in_python(self.head(text, max_tokens)?).into_owned()), max_tokens)?;
        Ok(ids)
    }

    /// Ids without special tokens around them and without the unknown token.
    pub fn encode_bare(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        // Some of the head's tokens may be unknown.
        let ids = self.plain_ids(self.head(text, max_tokens.saturating_mul(2))?)?;
        let known = ids.iter().map(|token| token.id()).filter(|id| Some(*id) != self.unknown);
        Ok(known.take(max_tokens).collect())
    }

    /// Ids and token types of two texts with their special tokens, at most `max_tokens` in all: the longer of the
    /// two is cut first (the rule `longest_first` of the Python package).
    pub fn encode_pair(&self, first: &str, second: &str, max_tokens: usize) -> Result<(Vec<u32>, Vec<u32>)> {
        // Which of two texts is cut depends on which is longer; a head may stand for its text only where that is
        // clear: a text of fewer bytes than `max_tokens` is shorter than any head (a token has at least a byte).
        let head = |text, other: &str| match other.len() < max_tokens {
            true => self.head(text, max_tokens),
            false => Ok(text),
        };
        let [first, second] = [head(first, second)?, head(second, first)?].map(|text| as_in_python(text).into_owned());
        self.run(Input::Pair(first, second), max_tokens)
    }

    fn run(&self, input: Input, max_tokens: usize) -> Result<(Vec<u32>, Vec<u32>)> {
        let truncation = TruncationParams {
            max_length: max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        let options = EncodeOptions {
            truncation: Override::With(truncation),
            padding: Override::Off,
            ..EncodeOptions::default()
        };
        let encodings = self.pipeline.encode(Inputs::Single(input), &options).wait().map_err(failed)?;
        let encoding = encodings.first().ok_or_else(|| Error::internal("an input without an encoding"))?;
        let ids: Vec<u32> = PipelineToken::cast_slice(encoding.ids()).to_vec();
        let types = match encoding.type_ids() {
            Some(types) => types.iter().map(|kind| u32::from(*kind)).collect(),
            None => vec![0; ids.len()],
        };
        Ok((ids, types))
    }

    /// The beginning of `text`, cut at a space, that has at least `max_tokens` tokens, or all of it. Of a book, only
    /// the first page is tokenised when the model reads one page.
    fn head<'a>(&self, text: &'a str, max_tokens: usize) -> Result<&'a str> {
        if !self.splits_at_space {
            return Ok(text);
        }
        let mut length = max_tokens.saturating_mul(BYTES_PER_TOKEN);
        while let Some(space) = text.as_bytes().iter().skip(length).position(|byte| *byte == b' ') {
            let head = &text[..length + space];
            if self.plain_ids(head)?.len() >= max_tokens {
                return Ok(head);
            }
            length = head.len().saturating_mul(2);
        }
        Ok(text)
    }

    /// Ids without special tokens around them, of the whole text.
    fn plain_ids(&self, text: &str) -> Result<Vec<PipelineToken>> {
        let options = EncodeOptions {
            truncation: Override::Off,
            padding: Override::Off,
            add_special_tokens: false,
            encode_special_tokens: false,
        };
        let mut ids = Vec::new();
        self.pipeline.encode_into(&as_in_python(text), &options, &mut ids).map_err(failed)?;
        Ok(ids)
    }
}

fn failed(source: tokenizers::Error) -> Error {
    Error::internal("tokenising a text").with_source(source.to_string())
}

impl TokenCounter for WordPiece {
    /// Where a character becomes several tokens (a Korean syllable may), they share its span.
    fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spans = Vec::new();
        let text = &*as_in_python(text);
        let is_gap = |c: char| self.splits_at_space && is_gap(c);
        for word in text.split(is_gap).filter(|word| !word.is_empty()) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            self.segments(word, false, &mut |piece, at| match piece {
                Piece::Token(length) => spans.push((start + at, start + at + length)),
                Piece::Text(text) => self.word_spans(text, start + at, &mut scratch, &mut spans),
            });
        }
        spans
    }

    fn count(&self, text: &str) -> usize {
        self.plain_ids(text).map_or(0, |ids| ids.len())
    }

    fn special_tokens(&self) -> usize {
        self.special
    }
}

/// White space that ends a word. Controls that count as space in Unicode, such as U+0085, are deleted by BERT's
/// normaliser instead, so that the word goes on.
fn is_gap(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || c.is_whitespace() && !c.is_control()
}

enum Piece<'a> {
    /// An added token, such as a literal `[SEP]`, this many bytes long.
    Token(usize),
    Text(&'a str),
}

impl WordPiece {
    /// Added tokens in `text` and what is between them, each with its offset.
    fn segments(&self, text: &str, normalized: bool, each: &mut dyn FnMut(Piece, usize)) {
        let mut at = 0;
        for segment in SpecialSegmentIterator::new(text, self.pipeline.get_added_vocabulary(), normalized, false) {
            let (piece, length) = match segment {
                Segment::Text { text, .. } => (Piece::Text(text), text.len()),
                Segment::SpecialToken(id) => {
                    let length = self.added.get(&id).copied().unwrap_or(0).min(text.len() - at);
                    (Piece::Token(length), length)
                }
            };
            each(piece, at);
            at += length;
        }
    }

    /// Spans of the tokens of a text without white space or added tokens, which begins at byte `start`.
    fn word_spans(&self, text: &str, start: usize, scratch: &mut Scratch, spans: &mut Vec<(usize, usize)>) {
        let normalised = normalize_all(self.pipeline.get_normalizers(), text, start).unwrap_or(Cow::Borrowed(text));
        let source = self.sources(text, &normalised);
        let mut push = |from: usize, to: usize| {
            let (first, last) = (source.char_at(from), source.char_at(to.saturating_sub(1).max(from)));
            spans.push((start + first.0, start + last.1));
        };
        self.segments(&normalised, true, &mut |piece, at| {
            let text = match piece {
                Piece::Token(length) => return push(at, at + length),
                Piece::Text(text) => text,
            };
            scratch.words.clear();
            // The library's own errors here are a missing unknown token, which was checked when loading.
            let split = self.pipeline.get_pre_tokenizer().pre_tokenize(text, &mut scratch.split, &mut scratch.words);
            debug_assert!(split.is_ok());
            for word in &scratch.words {
                let word = word.range();
                scratch.ids.clear();
                let model = self.pipeline.get_model();
                let done = model.tokenize_pipeline(&text[word.clone()], &mut scratch.model, &mut scratch.ids);
                debug_assert!(done.is_ok());
                let length = |id: &PipelineToken| self.lengths.get(id.id() as usize).copied().unwrap_or(0);
                if scratch.ids.iter().map(length).sum::<usize>() != word.len() {
                    // An unknown word is one token.
                    push(at + word.start, at + word.end);
                    continue;
                }
                let mut from = at + word.start;
                for id in &scratch.ids {
                    push(from, from + length(id));
                    from += length(id);
                }
            }
        });
    }

    /// From bytes of the normalised word back to characters of the word. The normalisers of BERT work character by
    /// character (marks that change their order are all deleted), so normalising each alone gives its share.
    fn sources(&self, text: &str, normalised: &str) -> Sources {
        if text.is_ascii() && text.len() == normalised.len() {
            return Sources::Same;
        }
        let mut chars = Vec::with_capacity(normalised.len());
        for (at, c) in text.char_indices() {
            let span = (at, at + c.len_utf8());
            let alone = &text[at..span.1];
            let share = normalize_all(self.pipeline.get_normalizers(), alone, at).map_or(alone.len(), |n| n.len());
            chars.resize(chars.len() + share, span);
        }
        Sources::Chars { chars, whole: (0, text.len()) }
    }
}

enum Sources {
    /// Byte for byte the same positions.
    Same,
    /// For each normalised byte the span of its character; `whole` beyond them.
    Chars { chars: Vec<(usize, usize)>, whole: (usize, usize) },
}

impl Sources {
    fn char_at(&self, byte: usize) -> (usize, usize) {
        match self {
            Sources::Same => (byte, byte + 1),
            Sources::Chars { chars, whole } => chars.get(byte).copied().unwrap_or(*whole),
        }
    }
}

/// What the library would take on trust: a WordPiece model whose ids make a table of sensible size and which has
/// its unknown token.
fn check_model(json: &Value) -> Result<()> {
    let model = json.get("model").ok_or_else(|| Error::corrupt("tokenizer.json has no \"model\""))?;
    match model.get("type").and_then(Value::as_str) {
        Some("WordPiece") => {}
        // Older files leave the type out, and only WordPiece has a prefix for the inside of a word.
        None if model.get("continuing_subword_prefix").is_some() && model.get("merges").is_none() => {}
        other => {
            let other = other.unwrap_or("none stated");
            return Err(Error::unsupported(format!(
                "tokenizer.json: model type {other:?}; supported are \"WordPiece\" and \"Unigram\""
            )));
        }
    }
    let vocab = model.get("vocab").and_then(Value::as_object);
    let vocab = vocab.ok_or_else(|| Error::corrupt("tokenizer.json: \"vocab\" is no object"))?;
    let ids = vocab.values().map(|id| id.as_u64().unwrap_or(u64::MAX));
    if let Some(id) = ids.max().filter(|id| *id >= limits::MODEL_VOCAB as u64) {
        let cap = limits::MODEL_VOCAB;
        return Err(Error::limit(format!("tokenizer.json: token id {id}; the limit is {cap}")));
    }
    let unknown = model.get("unk_token").and_then(Value::as_str).unwrap_or("[UNK]");
    match vocab.contains_key(unknown) {
        true => Ok(()),
        false => Err(Error::corrupt(format!("tokenizer.json: the unknown token {unknown:?} is not in the vocabulary"))),
    }
}

/// The library numbers added tokens itself; the file must agree.
fn check_added(json: &Value, pipeline: &PipelineTokenizer) -> Result<()> {
    for token in json["added_tokens"].as_array().into_iter().flatten() {
        let (content, id) = (token["content"].as_str().unwrap_or_default(), token["id"].as_u64());
        let found = pipeline.get_added_vocabulary().token_to_id(content).map(u64::from);
        if found.is_some() && found != id {
            return Err(Error::corrupt(format!("tokenizer.json: added token {content:?} is {id:?} and {found:?}")));
        }
    }
    Ok(())
}
