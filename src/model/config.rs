//! What a model's own files say about it. `config.json` gives the architecture and its sizes; how it is used
//! (pooling, normalisation, prefixes, length) stands in our own object `"nearfield"` in it, or else in the files
//! that sentence-transformers writes beside it. All of it is untrusted: sizes are checked here, once, so that the
//! encoder and the loader can multiply them freely.

pub use super::bert::{BertConfig, Pooling};
use super::catalogue;
use super::hub::{self, Extras, Modules};
use super::late::Late;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A linear layer between pooling and normalisation ("Dense" of sentence-transformers), from the width of the encoder
/// to that of the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseHead {
    /// Length of a vector.
    pub outputs: usize,
    pub bias: bool,
    pub activation: Activation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    Identity,
    Tanh,
}

impl DenseHead {
    fn check(&self) -> Result<()> {
        match self.outputs {
            1..=limits::MODEL_HIDDEN => Ok(()),
            outputs => {
                let cap = limits::MODEL_HIDDEN;
                Err(Error::limit(format!("a dense head of {outputs} outputs, must be 1 to {cap}")))
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Text to vector.
    BiEncoder {
        pooling: Pooling,
        /// Vectors are divided by their L2 norm.
        normalize: bool,
    },
    /// Query and passage together to one logit, through the pooler (dense and tanh) and the classifier.
    CrossEncoder,
    /// Text to the mean of its tokens' rows in a table (model2vec): an encoder without layers.
    Static { normalize: bool },
    /// Text to weighted terms of the vocabulary, through the masked-language-model head (SPLADE).
    Sparse { query: QuerySide, max_terms: usize },
    /// Text to a vector for each of its tokens (ColBERT).
    Late(Late),
}

/// Where the weights of a query's terms come from, in a learned sparse model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuerySide {
    /// From the model, as a passage's: the query is expanded.
    #[default]
    Model,
    /// Every token of the query weighs 1, and nothing is computed ("SPLADE-doc", Formal et al. 2021).
    Tokens,
    /// Every token has a weight of its own, tensor `query_weights` of the file (inference-free models, Geng et al. 2024).
    Table,
}

/// Everything that using a model needs besides its weights and its vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCard {
    pub name: String,
    /// Digest of the quantised weights (see `stream::Finished::digest`), hex. As read from the files it is what they
    /// promise, or empty; the loader fills in what it computed.
    pub digest: String,
    pub bert: BertConfig,
    pub kind: ModelKind,
    /// Longest input in tokens, special tokens included. At most `bert.max_positions`.
    pub max_tokens: usize,
    /// Put before every query, and before every passage.
    pub query_prefix: String,
    pub passage_prefix: String,
    /// Whether the tokens of a prefix count in the mean of a text's states.
    pub pool_prefix: bool,
    /// Of bi-encoders only.
    pub dense: Option<DenseHead>,
    /// Whether prefixes of its vectors are vectors (Kusupati et al. 2022).
    pub matryoshka: bool,
}

/// Our own object in the `config.json` of a converted model: how the model is used, in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    name: String,
    kind: UsageKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pooling: Option<Pooling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<QuerySide>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_terms: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    projection: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query_tokens: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    markers: Option<[u32; 2]>,
    max_tokens: usize,
    #[serde(default)]
    query_prefix: String,
    #[serde(default)]
    passage_prefix: String,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pool_prefix: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dense: Option<DenseHead>,
    #[serde(default)]
    digest: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    matryoshka: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UsageKind {
    BiEncoder,
    CrossEncoder,
    Static,
    Sparse,
    Late,
}

fn yes() -> bool {
    true
}

/// Terms of a passage that are kept, the heaviest, where the model's files do not say.
const MAX_TERMS: usize = 256;

impl ModelCard {
    /// Reads `config.json` and the files beside it. `name` is what the caller calls the model: it names the card
    /// unless the `"nearfield"` object does.
    ///
    /// Errors: `Corrupt` for what is not JSON or lacks a size, `LimitExceeded` for sizes above the caps,
    /// `Unsupported` for other architectures, naming those that are supported, `Integrity` for a converted model that
    /// has a name of the catalogue and promises other weights.
    pub fn read(name: &str, config: &str, extras: &Extras) -> Result<ModelCard> {
        let json = parse("config.json", config)?;
        let head = architecture(&json)?;
        let bert = match head {
            Head::Table => table_shape(&json)?,
            _ => BertConfig::read(&json)?,
        };
        let card = match json.get("nearfield") {
            Some(usage) => {
                let card = ModelCard::from_usage(usage, bert)?;
                catalogue::check(name, &card)?;
                card
            }
            None => ModelCard::from_hub(name, head, &json, bert, extras)?,
        };
        let of_kind = match card.kind {
            ModelKind::CrossEncoder => Head::Classifier,
            ModelKind::Static { .. } => Head::Table,
            ModelKind::Sparse { .. } => Head::Vocabulary,
            ModelKind::Late(_) => Head::Tokens,
            ModelKind::BiEncoder { .. } => Head::None,
        };
        if of_kind != head {
            return Err(Error::corrupt("config.json: \"nearfield\".kind contradicts \"architectures\""));
        }
        if let ModelKind::Late(late) = card.kind {
            late.check(&card)?;
        }
        if let Some(dense) = card.dense {
            if !matches!(card.kind, ModelKind::BiEncoder { .. }) {
                return Err(Error::corrupt("config.json: a dense head on what is no bi-encoder"));
            }
            dense.check()?;
        }
        if card.max_tokens < 3 || card.max_tokens > card.bert.max_positions {
            let positions = card.bert.max_positions;
            let found = card.max_tokens;
            return Err(Error::corrupt(format!("a maximum of {found} tokens: expected 3 to {positions} (positions)")));
        }
        Ok(card)
    }

    fn from_usage(usage: &Value, bert: BertConfig) -> Result<ModelCard> {
        let usage: Usage = serde_json::from_value(usage.clone())
            .map_err(|e| Error::corrupt("config.json: the object \"nearfield\"").with_source(e))?;
        let kind = match usage.kind {
            UsageKind::CrossEncoder => ModelKind::CrossEncoder,
            UsageKind::Static => ModelKind::Static { normalize: usage.normalize.unwrap_or(true) },
            UsageKind::BiEncoder => ModelKind::BiEncoder {
                pooling: usage.pooling.unwrap_or(Pooling::Mean),
                normalize: usage.normalize.unwrap_or(true),
            },
            UsageKind::Sparse => {
                let (query, max_terms) = (usage.query.unwrap_or_default(), usage.max_terms.unwrap_or(MAX_TERMS));
                if max_terms == 0 || max_terms > limits::SPARSE_TERMS {
                    let cap = limits::SPARSE_TERMS;
                    return Err(Error::limit(format!("config.json: max_terms is {max_terms}, must be 1 to {cap}")));
                }
                ModelKind::Sparse { query, max_terms }
            }
            UsageKind::Late => ModelKind::Late(Late {
                projection: usage.projection,
                query_tokens: usage.query_tokens.unwrap_or(Late::USUAL.query_tokens),
                markers: usage.markers.unwrap_or(Late::USUAL.markers),
            }),
        };
        Ok(ModelCard {
            name: usage.name,
            digest: usage.digest,
            bert,
            kind,
            max_tokens: usage.max_tokens,
            query_prefix: usage.query_prefix,
            passage_prefix: usage.passage_prefix,
            pool_prefix: usage.pool_prefix,
            dense: usage.dense,
            matryoshka: usage.matryoshka,
        })
    }

    fn from_hub(name: &str, head: Head, json: &Value, bert: BertConfig, extras: &Extras) -> Result<ModelCard> {
        let mut modules = Modules::default();
        let kind = match head {
            Head::Classifier => {
                one_logit(json)?;
                ModelKind::CrossEncoder
            }
            Head::Table => {
                let normalize = json.get("normalize").and_then(Value::as_bool).unwrap_or(false);
                ModelKind::Static { normalize }
            }
            Head::None => {
                modules = Modules::read(&bert, extras)?;
                ModelKind::BiEncoder { pooling: modules.pooling, normalize: modules.normalize }
            }
            Head::Vocabulary => ModelKind::Sparse { query: QuerySide::Model, max_terms: MAX_TERMS },
            Head::Tokens => ModelKind::Late(hub::late(extras)?),
        };
        let max_tokens = match kind {
            ModelKind::Late(_) => hub::late_length(&bert, extras)?,
            _ => hub::length(&bert, extras)?,
        };
        let (query_prefix, passage_prefix) = match kind {
            ModelKind::BiEncoder { .. } => hub::prompts(name, extras)?,
            _ => Default::default(),
        };
        Ok(ModelCard {
            name: name.to_string(),
            digest: String::new(),
            bert,
            kind,
            max_tokens,
            query_prefix,
            passage_prefix,
            pool_prefix: modules.pool_prefix,
            dense: modules.dense,
            matryoshka: hub::matryoshka(json, extras)?,
        })
    }

    /// Length of a vector.
    pub fn dims(&self) -> usize {
        self.dense.map_or(self.bert.hidden, |dense| dense.outputs)
    }

    /// Completes the card by what the vocabulary says: the files of model2vec do not state its size.
    pub fn complete(mut self, tokenizer: &Tokenizer) -> ModelCard {
        if self.bert.vocab == 0 {
            self.bert.vocab = tokenizer.vocabulary();
        }
        self
    }

    /// The `"nearfield"` object that [`ModelCard::read`] reads back to this card.
    pub fn usage(&self) -> Value {
        let (kind, pooling, normalize) = match self.kind {
            ModelKind::CrossEncoder => (UsageKind::CrossEncoder, None, None),
            ModelKind::Static { normalize } => (UsageKind::Static, None, Some(normalize)),
            ModelKind::BiEncoder { pooling, normalize } => (UsageKind::BiEncoder, Some(pooling), Some(normalize)),
            ModelKind::Sparse { .. } => (UsageKind::Sparse, None, None),
            ModelKind::Late(_) => (UsageKind::Late, None, None),
        };
        let late = match self.kind {
            ModelKind::Late(late) => Some(late),
            _ => None,
        };
        let (query, max_terms) = match self.kind {
            ModelKind::Sparse { query, max_terms } => (Some(query), Some(max_terms)),
            _ => (None, None),
        };
        let usage = Usage {
            name: self.name.clone(),
            kind,
            pooling,
            normalize,
            query,
            max_terms,
            projection: late.and_then(|late| late.projection),
            query_tokens: late.map(|late| late.query_tokens),
            markers: late.map(|late| late.markers),
            max_tokens: self.max_tokens,
            query_prefix: self.query_prefix.clone(),
            passage_prefix: self.passage_prefix.clone(),
            pool_prefix: self.pool_prefix,
            dense: self.dense,
            digest: self.digest.clone(),
            matryoshka: self.matryoshka,
        };
        serde_json::to_value(usage).unwrap_or(Value::Null)
    }

    /// A complete `config.json`, for a model whose package has none and for every converted one.
    pub fn config_json(&self) -> Value {
        let BertConfig { layers, hidden, heads, intermediate, vocab, max_positions, type_vocab, layer_norm_eps } =
            self.bert;
        if let ModelKind::Static { normalize } = self.kind {
            return serde_json::json!({
                "architectures": ["StaticModel"],
                "model_type": "model2vec",
                "hidden_dim": hidden,
                "vocab_size": vocab,
                "normalize": normalize,
                "nearfield": self.usage(),
            });
        }
        let architecture = match self.kind {
            ModelKind::CrossEncoder => "BertForSequenceClassification",
            ModelKind::BiEncoder { .. } | ModelKind::Static { .. } => "BertModel",
            ModelKind::Sparse { .. } => "BertForMaskedLM",
            ModelKind::Late(_) => "HF_ColBERT",
        };
        // Through the shortest decimal form: 1e-12 must not come out as 9.999999960041972e-13.
        let eps: f64 = layer_norm_eps.to_string().parse().unwrap_or(f64::from(layer_norm_eps));
        let mut json = serde_json::json!({
            "architectures": [architecture],
            "model_type": "bert",
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": heads,
            "intermediate_size": intermediate,
            "vocab_size": vocab,
            "max_position_embeddings": max_positions,
            "type_vocab_size": type_vocab,
            "layer_norm_eps": eps,
            "hidden_act": "gelu",
            "position_embedding_type": "absolute",
            "nearfield": self.usage(),
        });
        if self.kind == ModelKind::CrossEncoder {
            json["id2label"] = serde_json::json!({"0": "LABEL_0"});
            json["label2id"] = serde_json::json!({"LABEL_0": 0});
        }
        json
    }
}

impl BertConfig {
    fn read(json: &Value) -> Result<BertConfig> {
        let bert = BertConfig {
            layers: size(json, "num_hidden_layers", limits::MODEL_LAYERS)?,
            hidden: size(json, "hidden_size", limits::MODEL_HIDDEN)?,
            heads: size(json, "num_attention_heads", limits::MODEL_HIDDEN)?,
            intermediate: size(json, "intermediate_size", limits::MODEL_INTERMEDIATE)?,
            vocab: size(json, "vocab_size", limits::MODEL_VOCAB)?,
            max_positions: size(json, "max_position_embeddings", limits::MODEL_POSITIONS)?,
            type_vocab: size(json, "type_vocab_size", 16)?,
            layer_norm_eps: json.get("layer_norm_eps").and_then(Value::as_f64).unwrap_or(1e-12) as f32,
        };
        if !bert.hidden.is_multiple_of(bert.heads) {
            let BertConfig { hidden, heads, .. } = bert;
            return Err(Error::corrupt(format!("config.json: hidden_size {hidden} is no multiple of {heads} heads")));
        }
        if !(bert.layer_norm_eps > 0.0 && bert.layer_norm_eps < 1.0) {
            return Err(Error::corrupt(format!("config.json: layer_norm_eps {}", bert.layer_norm_eps)));
        }
        for (key, supported) in [("hidden_act", "gelu"), ("position_embedding_type", "absolute")] {
            let found = json.get(key).and_then(Value::as_str).unwrap_or(supported);
            if found != supported {
                return Err(Error::unsupported(format!("config.json: {key} {found:?}; supported is {supported:?}")));
            }
        }
        let bytes = bert.parameters().filter(|bytes| *bytes <= limits::MODEL_BYTES);
        match bytes {
            Some(_) => Ok(bert),
            None => Err(Error::limit(format!("config.json: more than {} parameters", limits::MODEL_BYTES))),
        }
    }

    /// Weights of the matrices, or `None` where the number does not fit in 64 bits.
    fn parameters(&self) -> Option<u64> {
        let [layers, hidden, intermediate] = [self.layers, self.hidden, self.intermediate].map(|n| n as u64);
        let attention = hidden.checked_mul(hidden)?.checked_mul(4)?;
        let feed_forward = hidden.checked_mul(intermediate)?.checked_mul(2)?;
        let layers = layers.checked_mul(attention.checked_add(feed_forward)?)?;
        let rows = (self.vocab + self.max_positions + self.type_vocab) as u64;
        layers.checked_add(rows.checked_mul(hidden)?)
    }
}

/// What stands on top of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    None,
    Classifier,
    /// No encoder at all.
    Table,
    /// One logit for each token of the vocabulary.
    Vocabulary,
    /// A vector for each token of the text.
    Tokens,
}

const SUPPORTED: &str = "BertModel (bi-encoder), StaticModel (model2vec), BertForSequenceClassification with one \
     label (cross-encoder), BertForMaskedLM (learned sparse) and HF_ColBERT (late interaction)";

const NO_T5: &str = "a T5 encoder, as INSTRUCTOR and Sentence-T5 have it; supported are encoders of BERT's \
     architecture, which take task instructions too: see the option `instructions`";

/// Tokens of a text that a table without positions reads, as many as model2vec does.
const STATIC_TOKENS: usize = 512;

/// A table as an encoder without layers. Its rows are those of the tokeniser's vocabulary where the file does not say.
fn table_shape(json: &Value) -> Result<BertConfig> {
    let vocab = match json.get("vocab_size") {
        Some(_) => size(json, "vocab_size", limits::MODEL_VOCAB)?,
        None => 0,
    };
    Ok(BertConfig {
        layers: 0,
        hidden: size(json, "hidden_dim", limits::MODEL_HIDDEN)?,
        heads: 1,
        intermediate: 0,
        vocab,
        max_positions: STATIC_TOKENS,
        type_vocab: 0,
        layer_norm_eps: 1e-12,
    })
}

fn architecture(json: &Value) -> Result<Head> {
    let named: Vec<&str> = match json.get("architectures").and_then(Value::as_array) {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let model_type = json.get("model_type").and_then(Value::as_str).unwrap_or("none stated");
    match (named.as_slice(), model_type) {
        (["BertModel"], _) | ([], "bert") => Ok(Head::None),
        (["BertForSequenceClassification"], _) => Ok(Head::Classifier),
        (["StaticModel"], _) | ([], "model2vec") => Ok(Head::Table),
        (["BertForMaskedLM"], _) => match json.get("tie_word_embeddings").and_then(Value::as_bool) {
            Some(false) => Err(Error::unsupported("BertForMaskedLM with a decoder of its own (tie_word_embeddings)")),
            _ => Ok(Head::Vocabulary),
        },
        (["HF_ColBERT"], "bert") => Ok(Head::Tokens),
        (["T5EncoderModel" | "T5Model" | "T5ForConditionalGeneration"], _) | ([], "t5") => {
            Err(Error::unsupported(NO_T5))
        }
        ([], family) => Err(Error::unsupported(format!("model_type {family:?}; supported are {SUPPORTED}"))),
        (names, _) => {
            let names = names.join(", ");
            Err(Error::unsupported(format!("architecture {names}; supported are {SUPPORTED}")))
        }
    }
}

fn one_logit(json: &Value) -> Result<()> {
    let labels = json.get("id2label").and_then(Value::as_object).map(|labels| labels.len() as u64);
    let labels = json.get("num_labels").and_then(Value::as_u64).or(labels).unwrap_or(2);
    match labels {
        1 => Ok(()),
        n => Err(Error::unsupported(format!("a classifier of {n} labels; a reranker has one"))),
    }
}

pub(super) fn parse(path: &str, text: &str) -> Result<Value> {
    if text.len() > limits::CONFIG_BYTES {
        let (found, cap) = (text.len(), limits::CONFIG_BYTES);
        return Err(Error::limit(format!("{path} has {found} bytes; the limit is {cap}")));
    }
    serde_json::from_str(text).map_err(|e| Error::corrupt(format!("{path} is not JSON")).with_source(e))
}

/// A size of 1 to `cap`.
pub(super) fn size(json: &Value, key: &str, cap: usize) -> Result<usize> {
    let Some(value) = json.get(key).and_then(Value::as_u64) else {
        return Err(Error::corrupt(format!("config.json: {key:?} is missing or no whole number")));
    };
    match usize::try_from(value) {
        Ok(0) => Err(Error::corrupt(format!("config.json: {key:?} is 0"))),
        Ok(value) if value <= cap => Ok(value),
        _ => Err(Error::limit(format!("config.json: {key:?} is {value}; the limit is {cap}"))),
    }
}
