//! Byte-level BPE vocabularies, by the `tokenizers` library: text to token ids, and ids back to bytes. Marks of the
//! conversation (`<|im_start|>`) are tokens that no text can produce: they are added by id, so that what a user writes
//! cannot pretend to be one.

use crate::error::{Error, Result};
use crate::limits;
use serde_json::Value;
use std::collections::HashMap;
use tokenizers::pipeline::{EncodeOptions, Override, PipelineTokenizer};

pub struct BpeVocabulary {
    pipeline: PipelineTokenizer,
    /// The text of each token as the file has it: every byte as a character of [`alphabet`].
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
    bytes: HashMap<char, u8>,
}

impl BpeVocabulary {
    /// Reads a `tokenizer.json` with a BPE model.
    ///
    /// Errors: `Corrupt`, `LimitExceeded`, and `Unsupported` for other models and for tokens that are found in text
    /// before it is cut.
    pub fn from_json(bytes: &[u8]) -> Result<BpeVocabulary> {
        if bytes.len() > limits::TOKENIZER_BYTES {
            let (found, cap) = (bytes.len(), limits::TOKENIZER_BYTES);
            return Err(Error::limit(format!("tokenizer.json has {found} bytes; the limit is {cap}")));
        }
        let corrupt = || Error::corrupt("tokenizer.json");
        let mut json: Value = serde_json::from_slice(bytes).map_err(|e| corrupt().with_source(e))?;
        if json["model"]["type"] != "BPE" || json["added_tokens"].as_array().is_some_and(|added| !added.is_empty()) {
            let wanted = "a BPE model without added tokens, as `nearfield models get` writes it";
            return Err(Error::unsupported(format!("tokenizer.json: supported is {wanted}")));
        }
        let (tokens, ids) = read_tokens(&json)?;
        json["decoder"] = Value::Null;
        // The library demands a token for each byte, and published vocabularies lack some. Those get ids behind the last,
        // which `encode` leaves out.
        let lacking = alphabet().map(|(c, _)| c.to_string()).filter(|c| !ids.contains_key(c));
        for (id, c) in (tokens.len()..).zip(lacking) {
            json["model"]["vocab"][c] = id.into();
        }
        tokenizers::canonicalize_value(&mut json).map_err(|e| corrupt().with_source(e))?;
        let pipeline = tokenizers::from_json(&json.to_string()).map_err(|e| corrupt().with_source(e.to_string()))?;
        Ok(BpeVocabulary { pipeline, tokens, ids, bytes: alphabet().collect() })
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub fn id(&self, token: &str) -> Result<u32> {
        self.ids.get(token).copied().ok_or_else(|| Error::unsupported(format!("a vocabulary without {token:?}")))
    }

    /// Ids of a text. Bytes for which the vocabulary has no token are left out.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let options = EncodeOptions {
            truncation: Override::Off,
            padding: Override::Off,
            add_special_tokens: false,
            encode_special_tokens: false,
        };
        let mut ids = Vec::new();
        let failed = |e: tokenizers::Error| Error::internal("tokenising a text").with_source(e.to_string());
        self.pipeline.encode_into(text, &options, &mut ids).map_err(failed)?;
        Ok(ids.iter().map(|token| token.id()).filter(|&id| (id as usize) < self.tokens.len()).collect())
    }

    /// Adds the bytes that a token stands for; nothing for an id that there is not.
    pub fn decode(&self, id: u32, out: &mut Vec<u8>) {
        let token = self.tokens.get(id as usize).map_or("", String::as_str);
        out.extend(token.chars().filter_map(|c| self.bytes.get(&c)));
    }
}

fn read_tokens(json: &Value) -> Result<(Vec<String>, HashMap<String, u32>)> {
    let vocab = json["model"]["vocab"].as_object();
    let vocab = vocab.ok_or_else(|| Error::corrupt("tokenizer.json: \"vocab\" is no object"))?;
    let mut tokens = vec![None; vocab.len()];
    let mut ids = HashMap::with_capacity(vocab.len());
    for (token, id) in vocab {
        let place = id.as_u64().and_then(|id| tokens.get_mut(usize::try_from(id).ok()?));
        let place = place.filter(|place| place.is_none());
        let place = place.ok_or_else(|| {
            Error::corrupt(format!("tokenizer.json: token {token:?} has id {id}, expected each from 0 on once"))
        })?;
        *place = Some(token.clone());
        ids.insert(token.clone(), id.as_u64().unwrap_or_default() as u32);
    }
    Ok((tokens.into_iter().flatten().collect(), ids))
}

/// The character that stands for each byte in a token. Bytes that can be printed stand for themselves, the others were
/// given the characters from U+0100 on, in order (Radford et al. 2019, "Language Models are Unsupervised Multitask
/// Learners", section 2.2).
fn alphabet() -> impl Iterator<Item = (char, u8)> {
    let mut others = '\u{100}'..;
    (0..=u8::MAX).filter_map(move |byte| match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some((char::from(byte), byte)),
        _ => Some((others.next()?, byte)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let bytes: HashMap<char, u8> = alphabet().collect();
        assert_eq!(bytes.len(), 256);
        assert_eq!((bytes[&'Ġ'], bytes[&'Ċ'], bytes[&'a'], bytes[&'é']), (b' ', b'\n', b'a', 0xe9));
    }
}
