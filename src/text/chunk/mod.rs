//! Chunkers: a document's text becomes passages that fit a model, each with its place in the text.
//!
//! The text passes through four stations. [`ruler`] measures it once: where tokens and graphemes begin. [`split`]
//! cuts it into atoms, the largest natural pieces that fit. [`pack`] joins neighbouring atoms into chunks and counts
//! each chunk's tokens as the model will. For Markdown and HTML, [`outline`] does so section by section, with the
//! heading path as context; [`html`] first turns the page into plain text.
//!
//! What holds for every strategy but `None`:
//! - A chunk's tokens, with its context and the model's special tokens, never exceed `size`. The one exception is a
//!   single grapheme that alone has more: it is a chunk of its own.
//! - No chunk begins or ends inside a grapheme, with white space, or is blank.
//! - Chunks come in the order of the text, and together hold every character that is not white space; only the
//!   front matter of Markdown belongs to none.
//! - A chunk has at most 64 bytes for each token of `size`, however few tokens a model makes of it.
//! - Time grows with the length of the text and its logarithm, not with its square.

mod html;
mod markdown;
mod outline;
mod pack;
mod ruler;
mod split;

use super::TokenCounter;
use crate::error::{Error, Result};
use crate::limits;
use pack::Packer;
use ruler::Ruler;
use serde::{Deserialize, Serialize};
use split::Plan;
use std::borrow::Cow;
use std::ops::Range;

/// Tokens that a chunk must have room for, besides the model's special tokens.
pub const MIN_TOKENS: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The whole text as one chunk of any length.
    None,
    /// As many whole words as fit.
    Tokens,
    /// As many whole sentences (UAX #29) as fit.
    Sentences,
    /// The largest of paragraphs, lines, sentences and words that fit.
    #[default]
    Recursive,
    /// Sections under their headings; code blocks and tables whole where they fit.
    Markdown,
    /// A page's main text, then as `Markdown`.
    Html,
}

/// `size` and `overlap` are in tokens. `size` counts everything that the model will read: the chunk, its context and
/// the special tokens. `overlap` is how much of a chunk's end at most is repeated at the start of the next; whole
/// words for `Tokens`, otherwise whole sentences or lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkOptions {
    pub strategy: Strategy,
    pub size: usize,
    pub overlap: usize,
}

impl Default for ChunkOptions {
    fn default() -> ChunkOptions {
        ChunkOptions { strategy: Strategy::default(), size: 256, overlap: 32 }
    }
}

/// The sentences of a text (UAX #29; a paragraph ends one too), without white space around them.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let [ends, _] = split::sentences_and_lines(text);
    let ruler = Ruler::graphemes(text);
    let mut start = 0;
    let sentence = |end: usize| ruler.trim(std::mem::replace(&mut start, end)..end);
    ends.into_iter().map(sentence).filter(|span| !span.is_empty()).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Bytes in [`Chunked::text`].
    pub span: Range<usize>,
    /// Bytes in the text that came in: the same, except for HTML.
    pub source: Range<usize>,
    /// The headings above it, as in `Guide > Install`; empty where there are none.
    pub context: String,
}

impl Chunk {
    /// What a model is given of this chunk of `text`.
    pub fn passage<'a>(&self, text: &'a str) -> Cow<'a, str> {
        passage(&self.context, &text[self.span.clone()])
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked<'a> {
    /// The text that chunks are cut from: what came in, or a page's plain text.
    pub text: Cow<'a, str>,
    /// What the document calls itself: front matter, `<title>` or its first top heading.
    pub title: Option<String>,
    pub chunks: Vec<Chunk>,
}

/// Context and text as one string, the form in which chunks are measured and embedded.
pub fn passage<'a>(context: &str, text: &'a str) -> Cow<'a, str> {
    match context.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{context}\n\n{text}")),
    }
}

/// Cuts `text` into chunks. Blank text has none.
///
/// Fails with `LimitExceeded` for text above [`limits::DOCUMENT_BYTES`], and with `InvalidInput` where `size` leaves
/// fewer than [`MIN_TOKENS`] beside the special tokens or `overlap` is half of `size` or more (`None` uses neither).
pub fn chunk<'a>(text: &'a str, options: &ChunkOptions, counter: &dyn TokenCounter) -> Result<Chunked<'a>> {
    if text.len() > limits::DOCUMENT_BYTES {
        let message = format!("chunking: the text has {} bytes, at most {}", text.len(), limits::DOCUMENT_BYTES);
        return Err(Error::limit(message));
    }
    if options.strategy != Strategy::None {
        check(options, counter)?;
    }
    let mut title = None;
    let chunks = match options.strategy {
        Strategy::None => whole(text),
        Strategy::Tokens => flat(text, &Plan::WORDS, options, counter),
        Strategy::Sentences => flat(text, &Plan::SENTENCES, options, counter),
        Strategy::Recursive => flat(text, &Plan::STRUCTURE, options, counter),
        Strategy::Markdown => {
            let outline = markdown::outline(text);
            let chunks = outline::chunks(text, &outline, options, counter);
            title = outline.title;
            chunks
        }
        Strategy::Html => {
            let page = html::extract(text);
            let mut chunks = outline::chunks(&page.text, &page.outline, options, counter);
            chunks.iter_mut().for_each(|chunk| chunk.source = page.source(&chunk.span));
            return Ok(Chunked { text: Cow::Owned(page.text), title: page.outline.title, chunks });
        }
    };
    Ok(Chunked { text: Cow::Borrowed(text), title, chunks })
}

fn check(options: &ChunkOptions, counter: &dyn TokenCounter) -> Result<()> {
    let special = counter.special_tokens();
    if options.size < MIN_TOKENS + special {
        let (size, least) = (options.size, MIN_TOKENS + special);
        let message = format!("chunk size {size}: at least {least} tokens, of which {special} are the model's own");
        return Err(Error::invalid(message));
    }
    if options.overlap >= options.size.div_ceil(2) {
        let (size, overlap) = (options.size, options.overlap);
        return Err(Error::invalid(format!("chunk overlap {overlap}: must be less than half of the size {size}")));
    }
    Ok(())
}

fn whole(text: &str) -> Vec<Chunk> {
    let span = Ruler::graphemes(text).trim(0..text.len());
    match span.is_empty() {
        true => Vec::new(),
        false => vec![Chunk { source: span.clone(), span, context: String::new() }],
    }
}

/// Text without sections, by one plan.
fn flat(text: &str, plan: &Plan, options: &ChunkOptions, counter: &dyn TokenCounter) -> Vec<Chunk> {
    let ruler = Ruler::new(text, counter);
    let mut packer = Packer::new(&ruler, counter, options);
    let budget = packer.budget("");
    let atoms = split::atoms(&ruler, 0..text.len(), plan, budget);
    packer.pack(&atoms, plan, "", budget);
    packer.chunks
}
