//! A Unigram `tokenizer.json`, written for a model whose package has the vocabulary in another form.

use super::unigram::MARK;
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{json, Value};

/// The mask token of XLM-R, the last of its vocabulary.
pub const XLM_R_MASK: &str = "<mask>";

/// A vocabulary in the manner of XLM-R.
pub struct UnigramSource<'a> {
    /// By id.
    pub pieces: Vec<&'a str>,
    /// As many.
    pub scores: Vec<f32>,
    /// What stands before a text and after it.
    pub begin: u32,
    pub end: u32,
    pub unknown: u32,
    /// All that are recognised in a text as they are written.
    pub special: Vec<u32>,
}

#[derive(Serialize)]
struct File<'a> {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: Vec<Value>,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: (),
    model: Model<'a>,
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    unk_id: u32,
    /// In f32, whose decimal form is half as long as that of the same number in f64.
    vocab: Vec<(&'a str, f32)>,
    byte_fallback: bool,
}

impl UnigramSource<'_> {
    /// The file, with the charsmap of another `tokenizer.json`.
    ///
    /// Errors: `Corrupt` for a file without one.
    pub fn file(&self, with_charsmap: &[u8]) -> Result<Vec<u8>> {
        let other: Value = serde_json::from_slice(with_charsmap)
            .map_err(|e| Error::corrupt("the tokenizer.json of the charsmap is not JSON").with_source(e))?;
        let normalizer = &other["normalizer"];
        if normalizer["type"] != "Precompiled" {
            return Err(Error::corrupt("the tokenizer.json of the charsmap has none"));
        }
        let name = |id: u32| self.pieces[id as usize];
        let special = |id: u32| json!({"SpecialToken": {"id": name(id), "type_id": 0}});
        let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
        let ids = |id: u32| (name(id).to_string(), json!({"id": name(id), "ids": [id], "tokens": [name(id)]}));
        let (begin, end) = (self.begin, self.end);
        let tokens: serde_json::Map<String, Value> = [begin, end].map(ids).into_iter().collect();
        let added = self.special.iter().map(|&id| {
            json!({"id": id, "content": name(id), "single_word": false, "lstrip": name(id) == XLM_R_MASK,
                "rstrip": false, "normalized": false, "special": true})
        });
        let file = File {
            version: "1.0",
            truncation: (),
            padding: (),
            added_tokens: added.collect(),
            normalizer: normalizer.clone(),
            pre_tokenizer: json!({"type": "Sequence", "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": true},
            ]}),
            post_processor: json!({
                "type": "TemplateProcessing",
                "single": [special(begin), text("A"), special(end)],
                "pair": [special(begin), text("A"), special(end), special(end), text("B"), special(end)],
                "special_tokens": tokens,
            }),
            decoder: (),
            model: Model {
                kind: "Unigram",
                unk_id: self.unknown,
                vocab: self.pieces.iter().copied().zip(self.scores.iter().copied()).collect(),
                byte_fallback: false,
            },
        };
        serde_json::to_vec(&file).map_err(|e| Error::internal("tokenizer.json").with_source(e))
    }
}
