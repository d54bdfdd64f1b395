//! A WordPiece `tokenizer.json`.

use super::added::{Added, AddedTokens};
use super::normalizer::Normalizer;
use super::sorted::Sorted;
use super::templates::Templates;
use super::wordpiece::WordPiece;
use super::{check_id, Model, Tokenizer};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Reads a file of which nothing is known but that it is not too large.
pub(super) fn read(bytes: &[u8]) -> Result<Tokenizer> {
    let json: Value =
        serde_json::from_slice(bytes).map_err(|e| Error::corrupt("tokenizer.json is not JSON").with_source(e))?;
    let model = json.get("model").ok_or_else(|| Error::corrupt("tokenizer.json has no \"model\""))?;
    check_kind(model)?;
    let vocab = model.get("vocab").and_then(Value::as_object);
    let vocab = vocab.ok_or_else(|| Error::corrupt("tokenizer.json: \"vocab\" is no object"))?;
    let ids = vocab.iter().map(|(token, id)| Ok((token.as_str(), check_id(id.as_u64().unwrap_or(u64::MAX))?)));
    let ids: Vec<(&str, u32)> = ids.collect::<Result<_>>()?;
    let unknown = model.get("unk_token").and_then(Value::as_str).unwrap_or("[UNK]");
    let unknown = id(vocab, unknown).ok_or_else(|| {
        Error::corrupt(format!("tokenizer.json: the unknown token {unknown:?} is not in the vocabulary"))
    })?;
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or("##");
    let continuations = ids.iter().filter_map(|(token, id)| Some((token.strip_prefix(prefix)?.as_bytes(), *id)));
    let beginnings = ids.iter().map(|(token, id)| (token.as_bytes(), *id));
    let normalizer = Normalizer::read(&json["normalizer"])?;
    match json["pre_tokenizer"]["type"].as_str() {
        Some("BertPreTokenizer") => {}
        other => {
            let other = other.unwrap_or("none stated");
            return Err(Error::unsupported(format!(
                "tokenizer.json: pre_tokenizer {other} in a WordPiece tokeniser; supported is BertPreTokenizer"
            )));
        }
    }
    let (normalized, added) = added(&json["added_tokens"], vocab, &normalizer)?;
    let mask = added.id("[MASK]").or(normalized.id("[MASK]")).or_else(|| id(vocab, "[MASK]"));
    let templates = Templates::read(&json["post_processor"])?;
    let largest = ids.iter().map(|(_, id)| *id).max();
    let largest = [largest, added.largest_id(), normalized.largest_id(), templates.largest_id()].into_iter().max();
    let longest_word = model.get("max_input_chars_per_word").and_then(Value::as_u64).unwrap_or(100);
    let words = WordPiece {
        normalizer,
        normalized,
        beginnings: sorted(beginnings)?,
        continuations: sorted(continuations)?,
        unknown,
        longest_word: usize::try_from(longest_word).unwrap_or(usize::MAX),
    };
    let vocabulary = largest.flatten().map_or(0, |id| id as usize + 1);
    Ok(Tokenizer { model: Model::WordPiece(Box::new(words)), added, templates, mask, vocabulary })
}

fn check_kind(model: &Value) -> Result<()> {
    match model.get("type").and_then(Value::as_str) {
        Some("WordPiece") => Ok(()),
        // Older files leave the type out, and only WordPiece has a prefix for the inside of a word.
        None if model.get("continuing_subword_prefix").is_some() && model.get("merges").is_none() => Ok(()),
        other => {
            let other = other.unwrap_or("none stated");
            Err(Error::unsupported(format!(
                "tokenizer.json: model type {other:?}; supported are \"WordPiece\" and \"Unigram\""
            )))
        }
    }
}

fn id(vocab: &Map<String, Value>, token: &str) -> Option<u32> {
    vocab.get(token).and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok())
}

fn sorted<'a>(tokens: impl Iterator<Item = (&'a [u8], u32)>) -> Result<Sorted> {
    // The keys of a JSON object are different, and so is what is left of them without one prefix.
    Sorted::new(tokens.collect()).map_err(|_| Error::internal("a vocabulary with a token twice"))
}

/// Added tokens that are looked for in the normalised text, and those that are looked for in the text itself.
fn added(json: &Value, vocab: &Map<String, Value>, normalizer: &Normalizer) -> Result<(AddedTokens, AddedTokens)> {
    let tokens = match json {
        Value::Null => Vec::new(),
        json => Vec::<Added>::deserialize(json)
            .map_err(|e| Error::corrupt("the added tokens of tokenizer.json").with_source(e))?,
    };
    for Added { content, id: found, .. } in &tokens {
        if let Some(known) = id(vocab, content).filter(|known| known != found) {
            return Err(Error::corrupt(format!("tokenizer.json: added token {content:?} is {found} and {known}")));
        }
    }
    let (mut normalized, plain): (Vec<Added>, Vec<Added>) = tokens.into_iter().partition(|added| added.normalized);
    for added in &mut normalized {
        let mut content = String::new();
        added.content.chars().for_each(|c| normalizer.push(c, &mut content));
        added.content = content;
    }
    Ok((AddedTokens::new(normalized)?, AddedTokens::new(plain)?))
}
