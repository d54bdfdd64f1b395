//! Token ids equal those of the Python package `tokenizers`, on the texts of `fixtures/tokenizer_texts.jsonl` (see
//! `fixtures/tokenizer_fixture.py`), with the vocabulary of all-MiniLM-L6-v2.
#![cfg(feature = "native")]

mod common;

use nearfield::model::tokenizer::Tokenizer;
use nearfield::text::TokenCounter;
use nearfield::ErrorKind;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

const TEXTS: &str = include_str!("fixtures/tokenizer_texts.jsonl");
const IDS: &str = include_str!("fixtures/tokenizer_ids.jsonl");

fn tokenizer() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| {
        let path = common::model_dir("all-MiniLM-L6-v2").join("tokenizer.json");
        Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap()
    })
}

fn texts() -> Vec<String> {
    let expand = |line: &str| match serde_json::from_str(line).unwrap() {
        Value::String(text) => text,
        rule => {
            let words = rule["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let words: Vec<&str> = words.cycle().take(rule["count"].as_u64().unwrap() as usize).collect();
            words.join(rule["joiner"].as_str().unwrap())
        }
    };
    TEXTS.lines().map(expand).collect()
}

/// As the fixture writes a list of numbers.
fn compact(numbers: &[u32]) -> Value {
    if numbers.len() <= 40 {
        return json!(numbers);
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    json!({"len": numbers.len(), "sha256": hex(&Sha256::digest(&bytes))})
}

/// Enough of a text to know it by.
fn start(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A digest over the ids of every character of Unicode between two letters.
fn sweep() -> String {
    let mut digest = Sha256::new();
    for c in (0..=0x10ffff).filter_map(char::from_u32) {
        for id in tokenizer().encode(&format!("a{c}b"), usize::MAX).unwrap() {
            digest.update(id.to_le_bytes());
        }
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn ids_are_those_of_the_python_package() {
    let (texts, mut singles, mut pairs) = (texts(), 0, 0);
    assert!(texts.len() >= 300);
    for line in IDS.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let max = expected["max"].as_u64().map_or(usize::MAX, |max| max as usize);
        if let Some(index) = expected["text"].as_u64() {
            let text = &texts[index as usize];
            let ids = tokenizer().encode(text, max).unwrap();
            assert_eq!(compact(&ids), expected["ids"], "text {index}, at most {max}: {}", start(text));
            if let Some(spans) = expected.get("spans") {
                let found: Vec<u32> =
                    tokenizer().token_spans(text).into_iter().flat_map(|(a, b)| [a as u32, b as u32]).collect();
                assert_eq!(&compact(&found), spans, "spans of text {index}: {}", start(text));
                assert_eq!(tokenizer().count(text) + tokenizer().special_tokens(), ids.len());
            }
            singles += 1;
        } else if let Some(digest) = expected["sweep"].as_str() {
            assert_eq!(sweep(), digest, "the ids of \"a\", c, \"b\" for some character c");
        } else {
            let [a, b] = [0, 1].map(|side| &texts[expected["pair"][side].as_u64().unwrap() as usize]);
            let (ids, types) = tokenizer().encode_pair(a, b, max).unwrap();
            assert_eq!(compact(&ids), expected["ids"], "pair {}, at most {max}", expected["pair"]);
            assert_eq!(compact(&types), expected["types"], "types of pair {}", expected["pair"]);
            pairs += 1;
        }
    }
    assert!(singles >= texts.len() && pairs >= 300, "{singles} texts, {pairs} pairs");
}
