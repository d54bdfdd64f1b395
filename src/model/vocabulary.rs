//! Token ids to the text of their tokens, out of a `tokenizer.json`: what the terms of a learned sparse model are
//! called in postings and explanations.

use crate::error::{Error, Result};
use crate::limits;
use serde_json::Value;

/// By id; empty where there is no token.
pub struct Vocabulary(Vec<Box<str>>);

impl Vocabulary {
    /// Reads the vocabulary of a WordPiece or Unigram tokenizer.
    ///
    /// Errors: `Corrupt` for what is no tokenizer, `LimitExceeded` above the caps.
    pub fn from_json(bytes: &[u8]) -> Result<Vocabulary> {
        if bytes.len() > limits::TOKENIZER_BYTES {
            let (found, cap) = (bytes.len(), limits::TOKENIZER_BYTES);
            return Err(Error::limit(format!("tokenizer.json has {found} bytes; the limit is {cap}")));
        }
        let json: Value =
            serde_json::from_slice(bytes).map_err(|e| Error::corrupt("tokenizer.json is not JSON").with_source(e))?;
        let mut vocabulary = Vocabulary(Vec::new());
        match &json["model"]["vocab"] {
            Value::Object(ids) => {
                for (token, id) in ids {
                    vocabulary.insert(id.as_u64(), token)?;
                }
            }
            Value::Array(pieces) => {
                for (id, piece) in (0..).zip(pieces) {
                    vocabulary.insert(Some(id), piece[0].as_str().unwrap_or_default())?;
                }
            }
            _ => return Err(Error::corrupt("tokenizer.json has no vocabulary")),
        }
        for token in json["added_tokens"].as_array().into_iter().flatten() {
            vocabulary.insert(token["id"].as_u64(), token["content"].as_str().unwrap_or_default())?;
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, id: Option<u64>, token: &str) -> Result<()> {
        let id = id.and_then(|id| usize::try_from(id).ok()).filter(|id| *id < limits::MODEL_VOCAB);
        let id = id.ok_or_else(|| Error::corrupt(format!("tokenizer.json: no id for token {token:.40?}")))?;
        if self.0.len() <= id {
            self.0.resize(id + 1, "".into());
        }
        self.0[id] = token.into();
        Ok(())
    }

    /// The token of an id; `None` where there is none, or one without text.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.0.get(id as usize).map(|token| &**token).filter(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vocabulary> {
        Vocabulary::from_json(json.as_bytes())
    }

    #[test]
    fn both_kinds_of_vocabulary_and_added_tokens() {
        let words =
            read(r###"{"model":{"vocab":{"sea":2,"##s":0}},"added_tokens":[{"id":4,"content":"[CLS]"}]}"###).unwrap();
        assert_eq!([0, 1, 2, 4, 5].map(|id| words.token(id)), [Some("##s"), None, Some("sea"), Some("[CLS]"), None]);
        let pieces = read(r#"{"model":{"vocab":[["<s>",0.0],["sea",-3.5]]}}"#).unwrap();
        assert_eq!(pieces.token(1), Some("sea"));
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        for bad in ["", "{}", r#"{"model":{"vocab":{"a":-1}}}"#, r#"{"model":{"vocab":{"a":4294967295}}}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
