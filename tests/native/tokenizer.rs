//! Token ids equal those of the Python package `tokenizers`, on the texts of `fixtures/tokenizer_texts.jsonl` (see
//! `fixtures/tokenizer_fixture.py`), with the WordPiece vocabulary of all-MiniLM-L6-v2 and the Unigram vocabulary of
//! multilingual-e5-small.

use crate::support::model_dir as common;
use nearfield::model::tokenizer::Tokenizer;
use nearfield::text::TokenCounter;
use nearfield::ErrorKind;
use proptest::prelude::*;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use tokenizers::pipeline::{EncodeOptions, Input, Inputs, Override, PipelineToken, PipelineTokenizer};

const TEXTS: &str = include_str!("../fixtures/tokenizer_texts.jsonl");
const IDS: &str = include_str!("../fixtures/tokenizer_ids.jsonl");
const MULTILINGUAL_TEXTS: &str = include_str!("../fixtures/multilingual_texts.jsonl");
const MULTILINGUAL_IDS: &str = include_str!("../fixtures/multilingual_ids.jsonl");

fn load(model: &str) -> Tokenizer {
    let path = common::model_dir(model).join("tokenizer.json");
    Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap()
}

fn multilingual() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| load("multilingual-e5-small"))
}

fn texts(lines: impl Iterator<Item = &'static str>) -> Vec<String> {
    let expand = |line: &str| match serde_json::from_str(line).unwrap() {
        Value::String(text) => text,
        rule => {
            let words = rule["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let words: Vec<&str> = words.cycle().take(rule["count"].as_u64().unwrap() as usize).collect();
            words.join(rule["joiner"].as_str().unwrap())
        }
    };
    lines.map(expand).collect()
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
fn sweep(tokenizer: &Tokenizer) -> String {
    let mut digest = Sha256::new();
    for c in (0..=0x10ffff).filter_map(char::from_u32) {
        for id in tokenizer.encode(&format!("a{c}b"), usize::MAX) {
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
    check_ids(&load("all-MiniLM-L6-v2"), &texts(TEXTS.lines()), IDS);
}

#[test]
fn ids_of_a_multilingual_vocabulary_are_those_of_the_python_package() {
    let mut texts = texts(TEXTS.lines().chain(MULTILINGUAL_TEXTS.lines()));
    texts.retain(|text| text.split_whitespace().all(|word| word.chars().count() <= 4000));
    check_ids(multilingual(), &texts, MULTILINGUAL_IDS);
}

fn check_ids(tokenizer: &Tokenizer, texts: &[String], ids: &str) {
    let (mut singles, mut pairs) = (0, 0);
    assert!(texts.len() >= 300);
    for line in ids.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let max = expected["max"].as_u64().map_or(usize::MAX, |max| max as usize);
        if let Some(index) = expected["text"].as_u64() {
            let text = &texts[index as usize];
            let ids = tokenizer.encode(text, max);
            assert_eq!(compact(&ids), expected["ids"], "text {index}, at most {max}: {}", start(text));
            if let Some(spans) = expected.get("spans") {
                let found: Vec<u32> =
                    tokenizer.token_spans(text).into_iter().flat_map(|(a, b)| [a as u32, b as u32]).collect();
                assert_eq!(&compact(&found), spans, "spans of text {index}: {}", start(text));
                assert_eq!(tokenizer.count(text) + tokenizer.special_tokens(), ids.len());
            }
            singles += 1;
        } else if let Some(digest) = expected["sweep"].as_str() {
            assert_eq!(sweep(tokenizer), digest, "the ids of \"a\", c, \"b\" for some character c");
        } else {
            let [a, b] = [0, 1].map(|side| &texts[expected["pair"][side].as_u64().unwrap() as usize]);
            let (ids, types) = tokenizer.encode_pair(a, b, max);
            assert_eq!(compact(&ids), expected["ids"], "pair {}, at most {max}", expected["pair"]);
            assert_eq!(compact(&types), expected["types"], "types of pair {}", expected["pair"]);
            pairs += 1;
        }
    }
    assert!(singles >= texts.len() && pairs >= 300, "{singles} texts, {pairs} pairs");
}

/// A vocabulary of a few words, changed.
fn small(change: impl Fn(&mut Value)) -> Vec<u8> {
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "sea", "##side", "a"];
    let vocab: Value = words.iter().enumerate().map(|(id, word)| (word.to_string(), json!(id))).collect();
    let special = |id: u32| {
        json!({"id": id, "content": words[id as usize], "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false})
    };
    let mut json = json!({
        "version": "1.0",
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "truncation": {"direction": "Left", "max_length": 3, "strategy": "OnlyFirst", "stride": 0},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    });
    change(&mut json);
    json.to_string().into_bytes()
}

#[test]
fn padding_and_truncation_of_the_file_are_ignored() {
    let tokenizer = Tokenizer::from_json(&small(|_| {})).unwrap();
    assert_eq!(tokenizer.vocabulary(), 7);
    assert_eq!(tokenizer.encode("A seaside sea, a", 100), [2, 6, 4, 5, 4, 1, 6, 3]);
    assert_eq!(tokenizer.encode("A seaside sea, a", 5), [2, 6, 4, 5, 3]);
    let (ids, types) = tokenizer.encode_pair("a a a", "sea", 6);
    assert_eq!((ids, types), (vec![2, 6, 6, 3, 4, 3], vec![0, 0, 0, 0, 1, 1]));
}

#[test]
fn a_long_text_is_cut_as_if_all_of_it_had_been_read() {
    let tokenizer = Tokenizer::from_json(&small(|_| {})).unwrap();
    for text in ["seaside ".repeat(5000), format!("{} a sea", "x".repeat(9000)), " ".repeat(5000) + "sea a"] {
        let whole = tokenizer.encode(&text, usize::MAX);
        for max in [3, 4, 17, 256] {
            let mut expected = whole.clone();
            if expected.len() > max {
                expected.truncate(max - 1);
                expected.push(3);
            }
            assert_eq!(tokenizer.encode(&text, max), expected);
        }
    }
}

/// The Rust library, with the file as it is but for truncation.
fn library(file: &[u8]) -> PipelineTokenizer {
    let mut json: Value = serde_json::from_slice(file).unwrap();
    json["padding"] = Value::Null;
    json["truncation"] = Value::Null;
    tokenizers::canonicalize_value(&mut json).unwrap();
    tokenizers::from_json(&json.to_string()).unwrap()
}

fn library_ids(library: &PipelineTokenizer, text: &str) -> Vec<u32> {
    let options = EncodeOptions { truncation: Override::Off, padding: Override::Off, ..EncodeOptions::default() };
    let encodings = library.encode(Inputs::Single(Input::Single(text.to_owned())), &options).wait().unwrap();
    PipelineToken::cast_slice(encodings[0].ids()).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Where a file says something else than those of the models that the Python package was asked about.
    #[test]
    fn ids_are_those_of_the_library_whatever_the_file_says(
        [clean, chinese, lower] in any::<[bool; 3]>(),
        accents in any::<Option<bool>>(),
        [left, right, normalized] in any::<[bool; 3]>(),
        processor in 0..3,
        prefix in prop::sample::select(vec!["##", "", "_"]),
        longest in 1..9u32,
        words in prop::collection::btree_set("(##|_)?[aAbéÉß中の가ı]{1,3}", 0..12),
        text in "[aAbéÉßİıΣ中の가\u{301}\u{0}\u{7f}\u{85}\u{a0}\u{200b}\u{2028}\u{fffd} \t\n.,$#_-]{0,24}",
        marks in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec!["<Éa>", " <b>", "<b> c", "[SEP]"])), 0..4),
    ) {
        // The library's trie takes zero for the end of a word, so that "é\0é" is "éé" to it. Nobody else keeps zeros.
        let mut text = if clean { text } else { text.replace('\0', "") };
        for (at, mark) in marks {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            text.insert_str(*at.get(&places), mark);
        }
        let file = small(|json| {
            for (key, value) in [("clean_text", clean), ("handle_chinese_chars", chinese), ("lowercase", lower)] {
                json["normalizer"][key] = json!(value);
            }
            json["normalizer"]["strip_accents"] = json!(accents);
            json["model"]["continuing_subword_prefix"] = json!(prefix);
            json["model"]["max_input_chars_per_word"] = json!(longest);
            let vocab = json["model"]["vocab"].as_object_mut().unwrap();
            for word in &words {
                let id = vocab.len();
                vocab.entry(word.as_str()).or_insert(json!(id));
            }
            let next = vocab.len();
            for (place, content) in ["<Éa>", " <b>", "<b> c"].into_iter().enumerate() {
                json["added_tokens"].as_array_mut().unwrap().push(json!({"id": next + place, "content": content,
                    "special": false, "single_word": false, "lstrip": left, "rstrip": right, "normalized": normalized}));
            }
            json["post_processor"] = match processor {
                0 => json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}),
                1 => json!({"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": true,
                    "add_prefix_space": true}),
                _ => Value::Null,
            };
        });
        let tokenizer = Tokenizer::from_json(&file).unwrap();
        let expected = library_ids(&library(&file), &text);
        prop_assert_eq!(tokenizer.encode(&text, usize::MAX), &expected[..]);
        prop_assert_eq!(tokenizer.count(&text) + tokenizer.special_tokens(), expected.len());
        let spans = tokenizer.token_spans(&text);
        prop_assert!(spans.iter().all(|&(from, to)| from < to && text.get(from..to).is_some()), "{spans:?}");
        prop_assert!(spans.windows(2).all(|pair| pair[0] <= pair[1]), "{spans:?}");
    }
}

#[track_caller]
fn check_error(json: &[u8], kind: ErrorKind, part: &str) {
    let error = Tokenizer::from_json(json).err().unwrap();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn files_that_cannot_work_are_refused() {
    check_error(b"<html>", ErrorKind::Corrupt, "not JSON");
    check_error(b"{}", ErrorKind::Corrupt, "no \"model\"");
    check_error(b"[]", ErrorKind::Corrupt, "no \"model\"");
    let change = |key: &'static str, value: Value| small(move |json| json["model"][key] = value.clone());
    check_error(&change("type", json!("BPE")), ErrorKind::Unsupported, "\"BPE\"; supported are \"WordPiece\" and");
    check_error(&change("unk_token", json!("<unk>")), ErrorKind::Corrupt, "\"<unk>\" is not in the vocabulary");
    check_error(&change("vocab", json!(["a"])), ErrorKind::Corrupt, "\"vocab\"");
    check_error(&change("vocab", json!({"[UNK]": 4_000_000_000u32})), ErrorKind::LimitExceeded, "4000000000");
    check_error(&change("vocab", json!({"[UNK]": -1})), ErrorKind::LimitExceeded, "token id");
    let renumbered = small(|json| json["added_tokens"][3]["id"] = json!(2));
    check_error(&renumbered, ErrorKind::Corrupt, "added token \"[SEP]\"");
    let step = |key: &'static str| small(move |json| json[key] = json!({"type": "Nope"}));
    for key in ["normalizer", "pre_tokenizer", "post_processor"] {
        check_error(&step(key), ErrorKind::Unsupported, &format!("tokenizer.json: {key} Nope"));
    }
    let added = |key: &'static str, value: Value| small(move |json| json["added_tokens"][3][key] = value.clone());
    check_error(&added("id", json!(4_000_000_000u32)), ErrorKind::Corrupt, "added token \"[SEP]\"");
    check_error(&added("single_word", json!(true)), ErrorKind::Unsupported, "\"single_word\"");
    let unknown = small(|json| json["added_tokens"][3] = json!({"id": 4_000_000_000u32, "content": "[X]"}));
    check_error(&unknown, ErrorKind::LimitExceeded, "4000000000");
    let lonely = json!({"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}});
    check_error(&small(|json| json["post_processor"] = lonely.clone()), ErrorKind::Corrupt, "one text and two");
}

#[test]
fn no_changed_byte_of_the_file_makes_it_panic() {
    let whole = small(|_| {});
    for at in 0..whole.len() {
        for flip in [1, 4, 0x20, 0x80] {
            let mut broken = whole.clone();
            broken[at] ^= flip;
            if let Ok(tokenizer) = Tokenizer::from_json(&broken) {
                let _ = tokenizer.encode_pair("a seaside [SEP] é", "sea", 6);
                tokenizer.token_spans("a seaside [SEP] é");
            }
        }
        assert!(Tokenizer::from_json(&whole[..at]).is_err());
    }
}
