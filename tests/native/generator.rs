//! The language model: what its files may hold, and that it computes what plain f32 arithmetic computes.

use crate::support::model_dir as common;
use crate::support::tiny_llama::TinyLlama;
use nearfield::error::ErrorKind;
use nearfield::model::generator::convert::from_gguf;
use nearfield::model::generator::{Generator, Step, INSTRUCTION};
use std::io::Cursor;

fn open(weights: &[u8], tokenizer: &[u8]) -> nearfield::Result<Generator> {
    Generator::open(&mut Cursor::new(weights), weights.len() as u64, tokenizer)
}

fn answer(generator: &mut Generator, prompt: &str, most: usize) -> String {
    generator.begin(INSTRUCTION, prompt, most).unwrap();
    let mut text = String::new();
    loop {
        match generator.step().unwrap() {
            Step::Read { .. } => {}
            Step::Wrote(piece) => text += &piece,
            Step::Done => return text,
        }
    }
}

/// The scores for the place behind a prompt.
fn scores(generator: &mut Generator, prompt: &str) -> Vec<f32> {
    generator.begin(INSTRUCTION, prompt, 1).unwrap();
    while generator.step().unwrap() != (Step::Read { left: 0 }) {}
    generator.scores().to_vec()
}

const PROMPT: &str = "Why do leaves fall before winter comes?";

/// Read in blocks, by an implementation that shares nothing with candle.
#[test]
fn scores_are_those_of_plain_arithmetic() {
    let tiny = TinyLlama::new(7);
    let mut generator = open(&tiny.gguf(), &tiny.tokenizer()).unwrap();
    let expected = tiny.scores(&tiny.chat(INSTRUCTION, PROMPT));
    let found = scores(&mut generator, PROMPT);
    assert_eq!(found.len(), expected.len());
    let furthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-3, "{furthest}");
}

/// A token that was written is read like one of the prompt, and an answer begun anew forgets the one before.
#[test]
fn an_answer_is_the_likeliest_by_plain_arithmetic() {
    let tiny = TinyLlama::new(8);
    let mut generator = open(&tiny.gguf(), &tiny.tokenizer()).unwrap();
    let first = answer(&mut generator, PROMPT, 12);
    let mut tokens = tiny.chat(INSTRUCTION, PROMPT);
    let prompt = tokens.len();
    while tokens.len() < prompt + 12 {
        let next = tiny.likeliest(&tokens);
        if next == tiny.end() {
            break;
        }
        tokens.push(next);
    }
    let expected = String::from_utf8_lossy(&tiny.bytes(&tokens[prompt..])).into_owned();
    assert!(!first.is_empty() && expected.starts_with(&first), "{first:?} instead of {expected:?}");
    answer(&mut generator, "something else", 3);
    assert_eq!(answer(&mut generator, PROMPT, 12), first);
}

#[test]
fn marks_of_the_conversation_cannot_be_written_by_a_user() {
    let tiny = TinyLlama::new(9);
    let generator = open(&tiny.gguf(), &tiny.tokenizer()).unwrap();
    let ids = generator.vocabulary().encode("<|im_end|>").unwrap();
    assert_eq!(ids.len(), "<|im_end|>".len());
    assert!(!ids.contains(&tiny.end()));
}

#[test]
fn a_prompt_without_room_for_an_answer_is_refused() {
    let tiny = TinyLlama::new(10);
    let mut generator = open(&tiny.gguf(), &tiny.tokenizer()).unwrap();
    assert_eq!(generator.begin(INSTRUCTION, &"x".repeat(2000), 5).unwrap_err().kind, ErrorKind::LimitExceeded);
    assert!(generator.begin(INSTRUCTION, "x", 5).is_ok());
}

/// A package's file becomes one in Q8_0 with the vocabulary beside it, and answers alike.
#[test]
fn a_converted_model_scores_alike() {
    let tiny = TinyLlama::new(11);
    let converted = from_gguf(&tiny.gguf()).unwrap();
    assert!(converted.weights.len() < tiny.gguf().len() / 2);
    let mut whole = open(&tiny.gguf(), &tiny.tokenizer()).unwrap();
    let mut small = open(&converted.weights, &converted.tokenizer).unwrap();
    let (a, b) = (scores(&mut whole, PROMPT), scores(&mut small, PROMPT));
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    assert!(cosine > 0.999, "{cosine}");
}

/// Damage anywhere in the header is an error or harmless, never a panic or an attempt to allocate what is not there.
#[test]
fn no_damage_of_the_header_makes_a_panic() {
    let tiny = TinyLlama::new(12);
    let (file, tokenizer) = (tiny.gguf(), tiny.tokenizer());
    let mut refused = 0;
    let mut tried = 0;
    for at in (0..tiny.header_bytes()).chain([file.len() - 1]) {
        tried += 1;
        refused += usize::from(open(&file[..at], &tokenizer).is_err());
    }
    assert_eq!(refused, tried, "a truncated file was taken");
    let mut changed = file.clone();
    for at in 0..tiny.header_bytes() {
        for value in [0x01, 0xff] {
            let before = std::mem::replace(&mut changed[at], value);
            if let Ok(mut generator) = open(&changed, &tokenizer) {
                scores(&mut generator, "a");
            }
            changed[at] = before;
            tried += 1;
        }
    }
    println!("harness: GGUF headers: {tried} damaged files, 0 panics");
}

#[test]
fn other_files_are_refused_by_name() {
    let tiny = TinyLlama::new(13);
    let (file, tokenizer) = (tiny.gguf(), tiny.tokenizer());
    let refuse = |file: &[u8], tokenizer: &[u8], kind: ErrorKind, naming: &str| {
        let error = open(file, tokenizer).err().expect("refused");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(naming), "{error}");
    };
    let mut qwen = file.clone();
    let at = file.windows(5).position(|bytes| bytes == b"llama").unwrap();
    qwen[at..at + 5].copy_from_slice(b"qwen2");
    refuse(&qwen, &tokenizer, ErrorKind::Unsupported, "qwen2");
    refuse(b"PK\x03\x04 and so on", &tokenizer, ErrorKind::Corrupt, "GGUF");
    refuse(&file, b"{\"model\": {\"type\": \"WordPiece\"}}", ErrorKind::Unsupported, "BPE");
    refuse(&file, b"<html>", ErrorKind::Corrupt, "tokenizer.json");
}

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

/// The model that `nearfield models get` wrote: its vocabulary against the Python package, and that it knows something.
#[test]
fn the_real_model_cuts_text_like_its_authors_and_answers() {
    let folder = common::model_dir("SmolLM2-135M-Instruct");
    let tokenizer = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let mut file = std::fs::File::open(folder.join("model.gguf")).unwrap();
    let size = file.metadata().unwrap().len();
    let mut generator = Generator::open(&mut file, size, &tokenizer).unwrap();
    let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/bpe_ids.json")).unwrap();
    assert!(cases.len() > 15);
    for Case { text, ids } in cases {
        assert_eq!(generator.vocabulary().encode(&text).unwrap(), ids, "{text:?}");
        let mut bytes = Vec::new();
        ids.iter().for_each(|&id| generator.vocabulary().decode(id, &mut bytes));
        // Bytes without a token are lost; there are some only among the controls.
        if !text.contains('\u{4}') {
            assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
    }
    let text = answer(&mut generator, "What is the capital of France?", 8);
    assert!(text.contains("Paris"), "{text}");
}
