//! Models as JavaScript classes: a loader that is fed the bytes of a weights file as they arrive, and what comes out.

use super::error::{from_json, parse, to_js, JsResult};
use super::hooks::Pause;
use crate::error::{Error, Result};
use crate::limits;
use crate::model::catalogue;
use crate::model::config::{ModelCard, ModelKind};
use crate::model::float_weights::{FloatWeights, Int8Weights, WithHead};
use crate::model::hub::Extras;
use crate::model::neural::{NeuralModel, Tokens};
use crate::model::reading::Reading;
use crate::model::stream::WeightStream;
use crate::model::tokenizer::Tokenizer;
use crate::model::{Reranker, Role, Spanned};
use js_sys::{Float32Array, Function, Uint32Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Takes a model.safetensors in pieces and quantises it as they come.
#[wasm_bindgen]
pub struct ModelLoader {
    card: ModelCard,
    tokenizer: Tokenizer,
    stream: WeightStream,
}

#[wasm_bindgen]
impl ModelLoader {
    /// `config` and `tokenizer` are the texts of config.json and tokenizer.json; `extras` is a JSON object from the
    /// paths of the sentence-transformers files that were found beside them to their texts.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, config: &str, tokenizer: &str, extras: &str) -> JsResult<ModelLoader> {
        let card = card(name, config, extras)?;
        let tokenizer = Tokenizer::from_json(tokenizer.as_bytes())?;
        let card = card.complete(&tokenizer);
        let stream = WeightStream::new(&card);
        Ok(ModelLoader { card, tokenizer, stream })
    }

    /// Takes the file of the dense head, where a hub keeps it apart: before the first bytes of the rest.
    #[wasm_bindgen(js_name = addDense)]
    pub fn add_dense(&mut self, file: &[u8]) -> JsResult<()> {
        Ok(self.stream.add_dense(file)?)
    }

    /// Takes the next bytes and returns the next bytes of the quantised copy, often none.
    pub fn push(&mut self, bytes: &[u8]) -> JsResult<Vec<u8>> {
        Ok(self.stream.push(bytes)?)
    }

    pub fn finish(self) -> JsResult<Model> {
        let finished = self.stream.finish()?;
        let card = ModelCard { digest: finished.digest, ..self.card };
        Ok(Model(NeuralModel::new(card, self.tokenizer, finished.weights)?))
    }
}

fn card(name: &str, config: &str, extras: &str) -> Result<ModelCard> {
    if extras.len() > limits::CONFIG_BYTES {
        return Err(Error::limit(format!("the files beside config.json have {} bytes", extras.len())));
    }
    let extras = serde_json::from_str(extras).map_err(|e| Error::invalid(format!("extras: {e}")))?;
    let extras: Extras = from_json(extras, "extras")?;
    ModelCard::read(name, config, &extras)
}

/// What a page is told of a model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelInfo<'a> {
    name: &'a str,
    digest: &'a str,
    kind: &'static str,
    dims: usize,
    layers: usize,
    max_tokens: usize,
    /// Terms that a learned sparse model gives a text at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_terms: Option<usize>,
    /// Whether prefixes of its vectors are vectors.
    matryoshka: bool,
    /// Memory of weights and buffers.
    bytes: usize,
}

#[wasm_bindgen]
pub struct Model(NeuralModel);

#[wasm_bindgen]
impl Model {
    pub fn info(&self) -> JsResult<JsValue> {
        let card = self.0.card();
        to_js(&ModelInfo {
            name: &card.name,
            digest: &card.digest,
            kind: match card.kind {
                ModelKind::BiEncoder { .. } => "bi-encoder",
                ModelKind::CrossEncoder => "cross-encoder",
                ModelKind::Static { .. } => "static",
                ModelKind::Sparse { .. } => "sparse",
                ModelKind::Late(_) => "late",
            },
            dims: match card.kind {
                ModelKind::Late(late) => late.projection.unwrap_or(card.bert.hidden),
                _ => card.dims(),
            },
            layers: card.bert.layers,
            max_tokens: card.max_tokens,
            max_terms: match card.kind {
                ModelKind::Sparse { max_terms, .. } => Some(max_terms),
                _ => None,
            },
            matryoshka: card.matryoshka,
            bytes: self.0.memory_bytes(),
        })
    }

    /// Rows of `dims` numbers, joined. `pause` is called between layers; see [`super::hooks`].
    /// `reading`: the role of the texts, and the caller's instruction if there is one.
    pub async fn embed(&self, texts: Vec<String>, reading: JsValue, pause: Function) -> JsResult<Float32Array> {
        let reading: Reading = parse(reading, "reading")?;
        Ok(Float32Array::from(&self.0.embed_read(&texts, &reading, &Pause(pause)).await?[..]))
    }

    /// Of a learned sparse model: for each text a row of `2 * maxTerms` numbers, token id and weight in turn, weight 0
    /// after the last. `query` says otherwise than the model where a query's weights come from: "model", "tokens" or
    /// "table".
    pub async fn weigh(
        &self,
        texts: Vec<String>,
        role: &str,
        query: Option<String>,
        pause: Function,
    ) -> JsResult<Float32Array> {
        let query = query.map(|query| from_json(query.into(), "sparseQuery")).transpose()?;
        let terms = self.0.terms(&texts, role_of(role)?, query, &Pause(pause)).await?;
        let ModelKind::Sparse { max_terms, .. } = self.0.card().kind else {
            return Ok(Float32Array::new_with_length(0));
        };
        let mut rows = vec![0.0; texts.len() * 2 * max_terms];
        for (row, terms) in rows.chunks_exact_mut(2 * max_terms).zip(terms) {
            for (pair, (id, weight)) in row.chunks_exact_mut(2).zip(terms) {
                // Ids are far below the integers that f32 has all of.
                pair.copy_from_slice(&[id as f32, weight]);
            }
        }
        Ok(Float32Array::from(&rows[..]))
    }

    /// Of a late-interaction model: for each text the number of its tokens, then a row of `dims` numbers for each.
    #[wasm_bindgen(js_name = encodeTokens)]
    pub async fn encode_tokens(&self, texts: Vec<String>, role: &str, pause: Function) -> JsResult<Float32Array> {
        let found = self.0.token_rows(&texts, role_of(role)?, &Pause(pause)).await?;
        let tokens: u32 = found.counts.iter().sum();
        let dims = found.rows.len() / (tokens as usize).max(1);
        let out = Float32Array::new_with_length((found.rows.len() + found.counts.len()) as u32);
        let (mut at, mut rest) = (0, &found.rows[..]);
        for count in found.counts {
            let (rows, later) = rest.split_at(count as usize * dims);
            rest = later;
            out.set_index(at, count as f32);
            out.subarray(at + 1, at + 1 + rows.len() as u32).copy_from(rows);
            at += 1 + rows.len() as u32;
        }
        Ok(out)
    }

    /// A row for each span of each text, in order; `spans` has start and end of each in bytes, text by text.
    #[wasm_bindgen(js_name = embedSpans)]
    pub async fn embed_spans(
        &self,
        texts: Vec<String>,
        spans: Vec<Uint32Array>,
        reading: JsValue,
        pause: Function,
    ) -> JsResult<Float32Array> {
        let reading: Reading = parse(reading, "reading")?;
        let read = texts.into_iter().zip(spans).map(|(text, ends)| spanned(text, &ends.to_vec()));
        let read = read.collect::<Result<Vec<_>>>()?;
        Ok(Float32Array::from(&self.0.embed_spans_read(&read, &reading, &Pause(pause)).await?[..]))
    }

    /// One logit for each passage.
    pub async fn score(&self, query: String, passages: Vec<String>, pause: Function) -> JsResult<Float32Array> {
        Ok(Float32Array::from(&self.0.score(&query, &passages, &Pause(pause)).await?[..]))
    }

    /// Tokens encoded so far.
    pub fn tokens(&self) -> f64 {
        self.0.tokens_encoded() as f64
    }

    /// Sizes of the encoder, for the module of the reference.
    pub fn config(&self) -> JsResult<JsValue> {
        to_js(&self.0.card().bert)
    }

    /// Token ids of a text, as the encoder reads it.
    #[wasm_bindgen(js_name = tokenIds)]
    pub fn token_ids(&self, text: &str, reading: JsValue) -> JsResult<Vec<u32>> {
        let reading: Reading = parse(reading, "reading")?;
        Ok(self.0.tokens_read(text, &reading)?.ids)
    }

    /// Tokens at the beginning of each text that its mean leaves out.
    pub fn unpooled(&self, reading: JsValue) -> JsResult<usize> {
        let reading: Reading = parse(reading, "reading")?;
        Ok(self.0.unpooled(&reading))
    }

    /// Token ids of a pair, as a cross-encoder reads it, and behind them as many token types.
    #[wasm_bindgen(js_name = pairTokens)]
    pub fn pair_tokens(&self, query: &str, passage: &str) -> JsResult<Vec<u32>> {
        let Tokens { mut ids, types } = self.0.pair_tokens(query, passage);
        ids.extend(types);
        Ok(ids)
    }

    /// Hidden states of token ids, `[ids, hidden]`.
    pub async fn states(&self, ids: Vec<u32>, pause: Function) -> JsResult<Float32Array> {
        let tokens = Tokens { ids, types: Vec::new() };
        Ok(Float32Array::from(&self.0.states(&tokens, &Pause(pause)).await?[..]))
    }

    /// A tensor of the encoder or its classifier as numbers, by its normalised name.
    pub fn tensor(&self, name: &str, shape: Vec<u32>) -> JsResult<Float32Array> {
        let shape: Vec<usize> = shape.into_iter().map(|size| size as usize).collect();
        Ok(Float32Array::from(&self.weights().tensor(name, &shape)?[..]))
    }

    /// The codes of a linear layer, row-major, for the encoder on the GPU.
    pub fn codes(&self, name: &str, rows: usize, cols: usize) -> JsResult<Vec<i8>> {
        Ok(self.weights().codes(name, rows, cols)?.data)
    }

    /// The scale of each of its rows.
    pub fn scales(&self, name: &str, rows: usize, cols: usize) -> JsResult<Vec<f32>> {
        Ok(self.weights().codes(name, rows, cols)?.scales)
    }

    /// What a pass ends in; undefined for models that the GPU has no kernels for.
    pub fn readout(&self) -> JsResult<JsValue> {
        match self.0.readout() {
            Some(readout) => to_js(&readout),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    /// Sums of the embeddings of sequences of `lengths` tokens, end to end: the rows that the GPU begins with. `types` is
    /// empty (all 0) or as long as `ids`.
    #[wasm_bindgen(js_name = lookUp)]
    pub fn look_up(&self, ids: Vec<u32>, types: Vec<u32>, lengths: Vec<u32>) -> JsResult<Vec<f32>> {
        Ok(self.0.encoder().look_up(&ids, &types, &lengths)?)
    }

    /// A row of one of the embedding tables.
    pub fn row(&self, name: &str, row: usize, width: usize) -> JsResult<Float32Array> {
        Ok(Float32Array::from(&self.0.encoder().row(name, row, width)?[..]))
    }
}

impl Model {
    fn weights(&self) -> WithHead<'_> {
        WithHead { encoder: self.0.encoder(), head: self.0.head() }
    }
}

fn spanned(text: String, ends: &[u32]) -> Result<Spanned> {
    let spans: Vec<_> = ends.chunks_exact(2).map(|pair| pair[0] as usize..pair[1] as usize).collect();
    match spans.iter().all(|span| span.start <= span.end && span.end <= text.len()) {
        true => Ok(Spanned { text, spans }),
        false => Err(Error::invalid("a span outside its text")),
    }
}

fn role_of(role: &str) -> Result<Role> {
    match role {
        "query" => Ok(Role::Query),
        "passage" => Ok(Role::Passage),
        other => Err(Error::invalid(format!("role is {other:?}, must be query or passage"))),
    }
}

/// What names the vectors of a model whose passages are read in the caller's way: those of another way are others.
#[wasm_bindgen(js_name = readingDigest)]
pub fn reading_digest(digest: &str, reading: JsValue) -> JsResult<String> {
    let reading: Reading = parse(reading, "reading")?;
    Ok(reading.digest(digest))
}

#[derive(Serialize)]
struct Known {
    name: &'static str,
    digest: &'static str,
}

/// Models that can be named without a URL, with the digest that each must have.
#[wasm_bindgen]
pub fn catalogue() -> JsResult<JsValue> {
    let known: Vec<Known> =
        catalogue::MODELS.iter().map(|model| Known { name: model.name, digest: model.digest }).collect();
    to_js(&known)
}
