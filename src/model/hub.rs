//! How a model from a hub is used, as the files say that sentence-transformers writes beside `config.json`.

use super::config::{parse, size, Activation, BertConfig, DenseHead, Pooling};
use super::late::Late;
use crate::error::{Error, Result};
use crate::limits;
use serde_json::Value;
use std::collections::BTreeMap;

/// Files beside `config.json`, by their path in the model's directory: `modules.json`, `config.json` of the directories
/// that it names for pooling and dense head (`1_Pooling`, `2_Dense`), `sentence_bert_config.json`,
/// `config_sentence_transformers.json`, `tokenizer_config.json`, and `artifact.metadata` of late-interaction models. Each
/// may be missing.
pub type Extras = BTreeMap<String, String>;

/// What follows the encoder, as `modules.json` lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modules {
    pub pooling: Pooling,
    pub normalize: bool,
    pub pool_prefix: bool,
    pub dense: Option<DenseHead>,
}

impl Default for Modules {
    /// The mean, not normalised, as sentence-transformers does for a plain encoder.
    fn default() -> Modules {
        Modules { pooling: Pooling::Mean, normalize: false, pool_prefix: true, dense: None }
    }
}

/// The order in which modules are understood; all but the first may be missing.
const MODULES: [&str; 4] = ["Transformer", "Pooling", "Dense", "Normalize"];

impl Modules {
    pub fn read(bert: &BertConfig, extras: &Extras) -> Result<Modules> {
        let mut modules = Modules::default();
        let Some(list) = extra(extras, "modules.json")? else {
            modules.pool("1_Pooling/config.json", extras)?;
            return Ok(modules);
        };
        let mut last = None;
        for module in list.as_array().into_iter().flatten() {
            let field = |key| module.get(key).and_then(Value::as_str).unwrap_or_default();
            // "sentence_transformers.models.Pooling", or a longer path in newer files.
            let kind = field("type").rsplit('.').next().unwrap_or_default();
            let config = format!("{}/config.json", field("path"));
            let place = MODULES.iter().position(|known| *known == kind);
            if place.is_none() || place <= last {
                let order = MODULES.join(", ");
                return Err(Error::unsupported(format!(
                    "modules.json: {kind:?}; supported are, in this order, {order}"
                )));
            }
            last = place;
            match kind {
                "Pooling" => modules.pool(&config, extras)?,
                "Dense" => modules.dense = Some(dense(&config, bert, extras)?),
                "Normalize" => modules.normalize = true,
                _ => {}
            }
        }
        Ok(modules)
    }

    fn pool(&mut self, path: &str, extras: &Extras) -> Result<()> {
        self.pooling = pooling_mode(extras, path)?;
        let stated = extra(extras, path)?.and_then(|json| json.get("include_prompt").and_then(Value::as_bool));
        self.pool_prefix = stated.unwrap_or(true);
        Ok(())
    }
}

fn dense(path: &str, bert: &BertConfig, extras: &Extras) -> Result<DenseHead> {
    let Some(json) = extra(extras, path)? else {
        return Err(Error::corrupt(format!("{path} is missing, and modules.json names it")));
    };
    let within = |error: Error| error.within(path);
    let inputs = size(&json, "in_features", limits::MODEL_HIDDEN).map_err(within)?;
    let outputs = size(&json, "out_features", limits::MODEL_HIDDEN).map_err(within)?;
    if inputs != bert.hidden {
        let hidden = bert.hidden;
        return Err(Error::corrupt(format!("{path}: {inputs} inputs behind an encoder of width {hidden}")));
    }
    // A path of PyTorch's; a missing one is its default.
    let activation = json.get("activation_function").and_then(Value::as_str).unwrap_or("Tanh");
    let activation = match activation.rsplit('.').next().unwrap_or_default() {
        "Identity" => Activation::Identity,
        "Tanh" => Activation::Tanh,
        other => {
            return Err(Error::unsupported(format!("{path}: activation {other:?}; supported are Identity and Tanh")));
        }
    };
    let bias = json.get("bias").and_then(Value::as_bool).unwrap_or(true);
    Ok(DenseHead { outputs, bias, activation })
}

fn pooling_mode(extras: &Extras, path: &str) -> Result<Pooling> {
    let Some(json) = extra(extras, path)? else { return Ok(Pooling::Mean) };
    let on: Vec<&str> = json
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(key, _)| key.as_str())
        .collect();
    match on.as_slice() {
        ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::Cls),
        ["pooling_mode_lasttoken"] => Ok(Pooling::Last),
        modes => {
            let modes = modes.join(", ");
            Err(Error::unsupported(format!("{path}: pooling by [{modes}]; supported is one of mean, cls and last")))
        }
    }
}

/// Whether the files say that prefixes of the vectors are vectors: serving software looks for `is_matryoshka` or a list
/// `matryoshka_dimensions` in `config.json`, trainers leave `matryoshka_dims` in `config_sentence_transformers.json`.
pub(super) fn matryoshka(config: &Value, extras: &Extras) -> Result<bool> {
    let beside = extra(extras, "config_sentence_transformers.json")?;
    let says = |json: &Value| {
        let lists = ["matryoshka_dimensions", "matryoshka_dims"].map(|key| json.get(key).and_then(Value::as_array));
        lists.into_iter().flatten().any(|dims| !dims.is_empty())
            || json.get("is_matryoshka").and_then(Value::as_bool) == Some(true)
    };
    Ok(says(config) || beside.as_ref().is_some_and(says))
}

/// The shortest of the lengths that the files state.
pub(super) fn length(bert: &BertConfig, extras: &Extras) -> Result<usize> {
    let stated = [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")];
    let mut shortest = bert.max_positions;
    for (path, key) in stated {
        // "No limit" is written as 1e30: a float, which is no u64.
        let length = extra(extras, path)?.and_then(|json| json.get(key).and_then(Value::as_u64));
        shortest = length.and_then(|length| usize::try_from(length).ok()).map_or(shortest, |l| shortest.min(l));
    }
    Ok(shortest)
}

/// Prefixes as `config_sentence_transformers.json` states them: by the names that sentence-transformers looks for when
/// it encodes queries and documents, else its default for all texts. Two families were published without stating
/// theirs; they are known by name.
pub(super) fn prompts(name: &str, extras: &Extras) -> Result<(String, String)> {
    let json = extra(extras, "config_sentence_transformers.json")?;
    let field = |key| json.as_ref().and_then(|json| json.get(key));
    let prompts = field("prompts").and_then(Value::as_object);
    let default = field("default_prompt_name").and_then(Value::as_str);
    let prompt = |keys: &[&str]| {
        let found = keys.iter().copied().chain(default).find_map(|key| prompts?.get(key)?.as_str());
        found.unwrap_or_default().to_string()
    };
    let stated = (prompt(&["query"]), prompt(&["document", "passage", "corpus"]));
    if stated != Default::default() {
        return Ok(stated);
    }
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
    let is = |family: &str| last.starts_with(family) || last.contains(&format!("-{family}"));
    let (query, passage) = match () {
        _ if is("e5-") => ("query: ", "passage: "),
        _ if is("bge-") && last.contains("-en") => ("Represent this sentence for searching relevant passages: ", ""),
        _ => ("", ""),
    };
    Ok((query.to_string(), passage.to_string()))
}

/// How a late-interaction model is used, as the file says that ColBERT's training leaves beside it.
pub(super) fn late(extras: &Extras) -> Result<Late> {
    let Some(json) = extra(extras, METADATA)? else { return Ok(Late::USUAL) };
    let number = |key: &str, usual: usize| {
        json.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(usual)
    };
    let marker = |key: &str, usual: u32| match json.get(key).and_then(Value::as_str) {
        None => Ok(usual),
        // As BERT's vocabularies number them: behind the padding.
        Some(token) => token
            .strip_prefix("[unused")
            .and_then(|rest| rest.strip_suffix(']')?.parse::<u32>().ok())
            .filter(|number| *number < 99)
            .map(|number| number + 1)
            .ok_or_else(|| {
                Error::unsupported(format!("{METADATA}: {key} {token:?}; supported is \"[unused0]\" and so on"))
            }),
    };
    let [query, passage] = Late::USUAL.markers;
    Ok(Late {
        projection: Some(number("dim", 128)),
        query_tokens: number("query_maxlen", Late::USUAL.query_tokens),
        markers: [marker("query_token_id", query)?, marker("doc_token_id", passage)?],
    })
}

/// The longest passage that such a model was trained on.
pub(super) fn late_length(bert: &BertConfig, extras: &Extras) -> Result<usize> {
    let stated = extra(extras, METADATA)?.and_then(|json| json.get("doc_maxlen").and_then(Value::as_u64));
    let stated = stated.and_then(|length| usize::try_from(length).ok());
    Ok(length(bert, extras)?.min(stated.unwrap_or(usize::MAX)))
}

const METADATA: &str = "artifact.metadata";

fn extra(extras: &Extras, path: &str) -> Result<Option<Value>> {
    extras.get(path).map(|text| parse(path, text)).transpose()
}
