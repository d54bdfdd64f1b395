//! A Unigram `tokenizer.json`, read in one pass: a quarter of a million pieces go straight to where they stay, not
//! through a tree of JSON values.

use super::added::{Added, AddedTokens};
use super::charsmap::Charsmap;
use super::pieces::Pieces;
use super::templates::Templates;
use super::unigram::{Unigram, MARK};
use super::{Model, Tokenizer};
use crate::error::{Error, Result};
use crate::limits;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    model: UnigramModel,
}

#[derive(Deserialize)]
struct UnigramModel {
    unk_id: Option<u32>,
    #[serde(default)]
    byte_fallback: bool,
    vocab: Vocabulary,
}

/// Pieces end to end, where each ends, and their scores.
#[derive(Default)]
struct Vocabulary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    scores: Vec<f64>,
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vocabulary, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "at most {} pairs of a piece and its score", limits::MODEL_VOCAB)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Vocabulary, A::Error> {
                let mut all = Vocabulary::default();
                while let Some((piece, score)) = list.next_element::<(String, f64)>()? {
                    if all.ends.len() == limits::MODEL_VOCAB {
                        return Err(serde::de::Error::invalid_length(all.ends.len() + 1, &self));
                    }
                    all.bytes.extend_from_slice(piece.as_bytes());
                    // Not above the length of the file, which has a cap far below 4 GiB.
                    all.ends.push(all.bytes.len() as u32);
                    all.scores.push(score);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Reads a file whose model is known to be a Unigram.
pub(super) fn read(bytes: &[u8]) -> Result<Tokenizer> {
    let file: File = serde_json::from_slice(bytes).map_err(|e| Error::corrupt("tokenizer.json").with_source(e))?;
    let UnigramModel { unk_id, byte_fallback, vocab } = file.model;
    if byte_fallback {
        return Err(unsupported("model.byte_fallback", "true"));
    }
    let unknown = unk_id.ok_or_else(|| Error::corrupt("tokenizer.json: a Unigram model without \"unk_id\""))?;
    let pieces = Pieces::new(&vocab.bytes, &vocab.ends, &vocab.scores, unknown)?;
    let (charsmap, squeeze) = normalizer(&file.normalizer)?;
    let splits_at_space = splits_at_space(&file.pre_tokenizer)?;
    let (added, templates) = (AddedTokens::new(file.added_tokens)?, Templates::read(&file.post_processor)?);
    let largest = added.largest_id().max(templates.largest_id());
    let vocabulary = pieces.len().max(largest.map_or(0, |id| id as usize + 1));
    let model = Model::Unigram(Box::new(Unigram { pieces, charsmap, squeeze, splits_at_space }));
    Ok(Tokenizer { model, added, templates, mask: None, vocabulary })
}

fn unsupported(what: &str, found: &str) -> Error {
    Error::unsupported(format!("tokenizer.json: {what} {found} in a Unigram tokeniser"))
}

fn kind(json: &Value) -> &str {
    json.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// The steps of a `Sequence`, or the one step that is none.
fn steps<'a>(json: &'a Value, list: &str) -> Vec<&'a Value> {
    match json.get(list).and_then(Value::as_array) {
        _ if json.is_null() => Vec::new(),
        Some(steps) if kind(json) == "Sequence" => steps.iter().collect(),
        _ => vec![json],
    }
}

/// The charsmap, and whether several spaces become one.
fn normalizer(json: &Value) -> Result<(Option<Charsmap>, bool)> {
    let (mut charsmap, mut squeeze) = (None, false);
    for step in steps(json, "normalizers") {
        match kind(step) {
            "Precompiled" if charsmap.is_none() && !squeeze => {
                let text = step.get("precompiled_charsmap").and_then(Value::as_str).unwrap_or_default();
                charsmap = Some(Charsmap::read(&base64(text)?)?);
            }
            "Replace" if step["pattern"]["Regex"] == " {2,}" && step["content"] == " " => squeeze = true,
            other => return Err(unsupported("normalizer", other)),
        }
    }
    Ok((charsmap, squeeze))
}

/// Whether words end at any white space, or at the mark only.
fn splits_at_space(json: &Value) -> Result<bool> {
    let steps = steps(json, "pretokenizers");
    let (first, last) = match steps.as_slice() {
        [last] => (None, last),
        [first, last] => (Some(first), last),
        _ => return Err(unsupported("pre_tokenizer", kind(json))),
    };
    let mark = last.get("replacement").and_then(Value::as_str);
    let always = last.get("prepend_scheme").map_or(last["add_prefix_space"] == true, |scheme| scheme == "always");
    let split = last.get("split").and_then(Value::as_bool).unwrap_or(true);
    if kind(last) != "Metaspace" || mark.is_none_or(|mark| !mark.chars().eq([MARK])) || !always || !split {
        return Err(unsupported("pre_tokenizer", &last.to_string()));
    }
    match first.map(|first| kind(first)) {
        None => Ok(false),
        Some("WhitespaceSplit") => Ok(true),
        Some(other) => Err(unsupported("pre_tokenizer", other)),
    }
}

/// Standard base64 (RFC 4648), with or without padding.
fn base64(text: &str) -> Result<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(Error::corrupt("the charsmap of tokenizer.json is not base64")),
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(base64("").unwrap(), b"");
        assert_eq!(base64("Zg==").unwrap(), b"f");
        assert_eq!(base64("Zm9vYmFy").unwrap(), b"foobar");
        assert_eq!(base64("+/8").unwrap(), [0xfb, 0xff]);
        assert!(base64("a b").is_err());
    }
}
