//! What a model is given: one text or two, with special tokens around them.

use super::check_id;
use crate::error::{Error, Result};
use serde_json::Value;

/// One entry of what a model is given, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A special token.
    Token { id: u32, kind: u32 },
    /// The tokens of the first text, or of the second.
    Text { second: bool, kind: u32 },
}

pub(super) struct Templates {
    single: Vec<Part>,
    pair: Vec<Part>,
}

impl Templates {
    /// The `post_processor` of a `tokenizer.json`.
    ///
    /// Errors: `Unsupported` for kinds that are not known here, `Corrupt` for what contradicts itself, `LimitExceeded`
    /// for an id above the cap.
    pub fn read(json: &Value) -> Result<Templates> {
        let text = |second, kind| Part::Text { second, kind };
        let around = |name: &str| {
            let id = id(&json[name][1]).ok_or_else(|| Error::corrupt(format!("tokenizer.json: no token {name:?}")))?;
            Ok(move |kind| Part::Token { id, kind })
        };
        let templates = match json.get("type").and_then(Value::as_str) {
            None if json.is_null() => {
                Templates { single: vec![text(false, 0)], pair: vec![text(false, 0), text(true, 0)] }
            }
            Some("BertProcessing") => {
                let (cls, sep) = (around("cls")?, around("sep")?);
                let single = vec![cls(0), text(false, 0), sep(0)];
                let pair = [&single[..], &[text(true, 1), sep(1)]].concat();
                Templates { single, pair }
            }
            Some("RobertaProcessing") => {
                let (cls, sep) = (around("cls")?, around("sep")?);
                let single = vec![cls(0), text(false, 0), sep(0)];
                let pair = [&single[..], &[sep(0), text(true, 0), sep(0)]].concat();
                Templates { single, pair }
            }
            Some("TemplateProcessing") => {
                let parts = |name: &str| {
                    let parts = json.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    let parts: Result<Vec<_>> =
                        parts.iter().map(|part| read_part(part, &json["special_tokens"])).collect();
                    Ok(parts?.concat())
                };
                Templates { single: parts("single")?, pair: parts("pair")? }
            }
            other => {
                let other = other.unwrap_or("none stated");
                return Err(Error::unsupported(format!("tokenizer.json: post_processor {other}")));
            }
        };
        let texts = |parts: &[Part]| parts.iter().filter(|part| matches!(part, Part::Text { .. })).count();
        if (texts(&templates.single), texts(&templates.pair)) != (1, 2) {
            return Err(Error::corrupt("tokenizer.json: \"post_processor\" does not take one text and two"));
        }
        templates.largest_id().map_or(Ok(0), |id| check_id(id.into()))?;
        Ok(templates)
    }

    pub fn largest_id(&self) -> Option<u32> {
        let ids = self.single.iter().chain(&self.pair).filter_map(|part| match part {
            Part::Token { id, .. } => Some(*id),
            Part::Text { .. } => None,
        });
        ids.max()
    }

    /// Special tokens around one text.
    pub fn around_one(&self) -> usize {
        special(&self.single)
    }

    /// Special tokens around two texts.
    pub fn around_two(&self) -> usize {
        special(&self.pair)
    }

    /// Ids of one text with its special tokens.
    pub fn one(&self, text: &[u32]) -> Vec<u32> {
        assemble(&self.single, text, &[]).0
    }

    /// Ids and token types of two texts with their special tokens.
    pub fn two(&self, first: &[u32], second: &[u32]) -> (Vec<u32>, Vec<u32>) {
        assemble(&self.pair, first, second)
    }
}

fn special(template: &[Part]) -> usize {
    template.iter().filter(|part| matches!(part, Part::Token { .. })).count()
}

fn assemble(template: &[Part], first: &[u32], second: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut ids, mut kinds) = (Vec::new(), Vec::new());
    for part in template {
        let kind = match *part {
            Part::Token { id, kind } => {
                ids.push(id);
                kind
            }
            Part::Text { second: is_second, kind } => {
                ids.extend_from_slice(if is_second { second } else { first });
                kind
            }
        };
        kinds.resize(ids.len(), kind);
    }
    (ids, kinds)
}

fn id(json: &Value) -> Option<u32> {
    json.as_u64().and_then(|id| u32::try_from(id).ok())
}

/// One entry of a template: a text, or the ids of a special token.
fn read_part(part: &Value, tokens: &Value) -> Result<Vec<Part>> {
    let broken = || Error::corrupt(format!("tokenizer.json: \"post_processor\" has the part {part}"));
    let kind = |of: &Value| id(&of["type_id"]).unwrap_or(0);
    if let Some(text) = part.get("Sequence") {
        let second = match text["id"].as_str() {
            Some("A") => false,
            Some("B") => true,
            _ => return Err(broken()),
        };
        return Ok(vec![Part::Text { second, kind: kind(text) }]);
    }
    let token = part.get("SpecialToken").ok_or_else(broken)?;
    let ids = token["id"].as_str().and_then(|name| tokens.get(name)?.get("ids")?.as_array()).ok_or_else(broken)?;
    ids.iter().map(|json| Ok(Part::Token { id: id(json).ok_or_else(broken)?, kind: kind(token) })).collect()
}
