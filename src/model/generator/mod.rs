//! A small language model that runs in the browser: Llama from a GGUF file by candle, a byte-level BPE vocabulary, and
//! the conversation format ChatML, which together are the family of SmolLM2. Query expansion asks it for hypothetical
//! answers and for other wordings; in the package it is a module of its own with its own worker.
//!
//! An answer is made in steps, each short enough to be aborted between: parts of the prompt are read, then one token
//! after the other is written, always the likeliest.

#[cfg(feature = "native")]
pub mod convert;
pub mod known;
mod llama;
mod vocabulary;

pub use llama::Llama;
pub use vocabulary::BpeVocabulary;

use crate::error::{Error, Result};
use crate::limits;
use crate::model::gguf::Gguf;
use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use std::io::{Read, Seek, SeekFrom};

/// What every conversation begins with, unless the caller says otherwise.
pub const INSTRUCTION: &str = "You are a helpful assistant.";

/// Tokens of the prompt that are read in one step.
const BLOCK: usize = 32;
/// What a token that was among the last [`RECENT`] loses of its score: without it the likeliest answer of a small model
/// goes round in circles (Keskar et al. 2019, "CTRL", section 4.1).
const PENALTY: f32 = 1.1;
const RECENT: usize = 64;

pub struct Generator {
    weights: ModelWeights,
    vocabulary: BpeVocabulary,
    /// Tokens of prompt and answer together at most.
    context: usize,
    start: u32,
    end: u32,
    answer: Answer,
}

/// The answer that is being made.
#[derive(Default)]
struct Answer {
    /// Prompt, then what was written.
    tokens: Vec<u32>,
    /// How many of them the model has read.
    read: usize,
    prompt: usize,
    most: usize,
    scores: Vec<f32>,
    /// Bytes that are no whole character yet.
    pending: Vec<u8>,
}

/// What a step has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read a part of the prompt, of which so many tokens are left.
    Read { left: usize },
    /// Written a token; the text may wait for the rest of a character.
    Wrote(String),
    /// The answer was complete before.
    Done,
}

impl Generator {
    /// Reads a model. `file` is a GGUF file of `size` bytes, `tokenizer` a `tokenizer.json`.
    ///
    /// Errors: `Unsupported` for other architectures and vocabularies; `Corrupt`, `LimitExceeded`.
    pub fn open(file: &mut (impl Read + Seek), size: u64, tokenizer: &[u8]) -> Result<Generator> {
        if size > limits::MODEL_BYTES {
            return Err(Error::limit(format!("a model of {size} bytes; at most {}", limits::MODEL_BYTES)));
        }
        let read = |e: std::io::Error| Error::corrupt("reading the model").with_source(e);
        let mut head = vec![0; size.min(limits::GGUF_HEADER_BYTES as u64) as usize];
        file.read_exact(&mut head).map_err(read)?;
        let llama = Llama::check(&Gguf::read(&head, size)?)?;
        drop(head);
        let vocabulary = BpeVocabulary::from_json(tokenizer)?;
        if vocabulary.len() != llama.vocab {
            let (tokens, rows) = (vocabulary.len(), llama.vocab);
            return Err(Error::corrupt(format!("a vocabulary of {tokens} tokens for {rows} rows")));
        }
        let [start, end] = [vocabulary.id("<|im_start|>")?, vocabulary.id("<|im_end|>")?];
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        let content = Content::read(file).map_err(candle)?;
        let weights = ModelWeights::from_gguf(content, file, &Device::Cpu).map_err(candle)?;
        let context = llama.context.min(limits::GENERATION_TOKENS);
        Ok(Generator { weights, vocabulary, context, start, end, answer: Answer::default() })
    }

    pub fn vocabulary(&self) -> &BpeVocabulary {
        &self.vocabulary
    }

    /// Begins an answer of at most `most` tokens. Returns the length of the prompt in tokens.
    ///
    /// Errors: `LimitExceeded` for a prompt that leaves no room for an answer.
    pub fn begin(&mut self, instruction: &str, prompt: &str, most: usize) -> Result<usize> {
        let mut tokens = self.turn("system", instruction)?;
        tokens.extend(self.turn("user", prompt)?);
        tokens.push(self.start);
        tokens.extend(self.vocabulary.encode("assistant\n")?);
        let prompt = tokens.len();
        if prompt >= self.context {
            return Err(Error::limit(format!("a prompt of {prompt} tokens; at most {}", self.context - 1)));
        }
        self.weights.clear_kv_cache();
        self.answer = Answer { tokens, prompt, most: most.min(self.context - prompt), ..Answer::default() };
        Ok(prompt)
    }

    fn turn(&self, role: &str, text: &str) -> Result<Vec<u32>> {
        let mut tokens = vec![self.start];
        tokens.extend(self.vocabulary.encode(&format!("{role}\n{text}"))?);
        tokens.push(self.end);
        tokens.extend(self.vocabulary.encode("\n")?);
        Ok(tokens)
    }

    /// Goes on with the answer that was begun.
    pub fn step(&mut self) -> Result<Step> {
        if self.answer.read < self.answer.prompt {
            let upto = self.answer.prompt.min(self.answer.read + BLOCK);
            self.forward(upto)?;
            return Ok(Step::Read { left: self.answer.prompt - upto });
        }
        let written = self.answer.tokens.len() - self.answer.prompt;
        if written >= self.answer.most || self.answer.scores.is_empty() {
            return Ok(Step::Done);
        }
        let token = likeliest(&mut self.answer.scores, &self.answer.tokens);
        if token == self.end {
            self.answer.most = written;
            return Ok(Step::Done);
        }
        self.answer.tokens.push(token);
        self.vocabulary.decode(token, &mut self.answer.pending);
        if written + 1 < self.answer.most {
            self.forward(self.answer.tokens.len())?;
        }
        Ok(Step::Wrote(whole_characters(&mut self.answer.pending)))
    }

    /// Scores of all tokens for the place behind the first `upto`.
    fn forward(&mut self, upto: usize) -> Result<()> {
        let Answer { tokens, read, scores, .. } = &mut self.answer;
        let input = Tensor::new(&tokens[*read..upto], &Device::Cpu).and_then(|ids| ids.unsqueeze(0));
        let found = input.and_then(|input| self.weights.forward(&input, *read)?.flatten_all()?.to_vec1::<f32>());
        *scores = found.map_err(candle)?;
        *read = upto;
        Ok(())
    }

    /// Scores of all tokens for the next place, before anything is taken from those that were written lately.
    pub fn scores(&self) -> &[f32] {
        &self.answer.scores
    }
}

/// The token of the highest score, the lowest of equal ones, after recent ones have lost a part of theirs.
fn likeliest(scores: &mut [f32], tokens: &[u32]) -> u32 {
    let recent = &tokens[tokens.len().saturating_sub(RECENT)..];
    for (at, &token) in recent.iter().enumerate() {
        if recent[..at].contains(&token) {
            continue;
        }
        if let Some(score) = scores.get_mut(token as usize) {
            *score = if *score > 0.0 { *score / PENALTY } else { *score * PENALTY };
        }
    }
    let best = (0u32..).zip(scores.iter()).max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    best.map_or(0, |(token, _)| token)
}

/// Takes what is whole from the front. Bytes that can never become a character are replaced.
fn whole_characters(pending: &mut Vec<u8>) -> String {
    // An unfinished character is the beginning of one, at the very end.
    let end = pending.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let unfinished = match std::str::from_utf8(end) {
        Err(error) if error.error_len().is_none() => end.len(),
        _ => 0,
    };
    let rest = pending.split_off(pending.len() - unfinished);
    let text = String::from_utf8_lossy(pending).into_owned();
    *pending = rest;
    text
}

fn candle(error: candle_core::Error) -> Error {
    Error::corrupt("the language model").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_whole() {
        let mut pending = Vec::new();
        let mut text = String::new();
        for byte in "aé€😀b".bytes() {
            pending.push(byte);
            text += &whole_characters(&mut pending);
            assert!(pending.len() < 4);
        }
        assert_eq!(text, "aé€😀b");
        pending.extend([0xff, b'x', 0xe2, 0x82]);
        assert_eq!(whole_characters(&mut pending), "\u{fffd}x");
        assert_eq!(pending, [0xe2, 0x82]);
    }

    #[test]
    fn recent_tokens_lose_a_part_of_their_score() {
        assert_eq!(likeliest(&mut [1.0, 0.95, -1.0], &[0]), 1);
        assert_eq!(likeliest(&mut [1.0, 0.95, -1.0], &[1]), 0);
        assert_eq!(likeliest(&mut [-1.05, -1.0], &[1]), 0);
        assert_eq!(likeliest(&mut [0.5, 0.5], &[]), 0);
    }
}
