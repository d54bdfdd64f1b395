//! The parts that are used without an engine: chunking, metrics, housekeeping.

use super::counter::counter;
use super::error::{parse, parse_json, to_js, JsResult};
use crate::adapters::indexeddb;
use crate::eval::{evaluate, Report};
use crate::text::{chunk as chunk_text, ChunkOptions};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use wasm_bindgen::prelude::*;

/// Samples of the bootstrap come from here, so that equal input gives equal results.
const SEED: u64 = 0x6e65_6172;

#[derive(Serialize)]
struct Piece {
    text: String,
    context: String,
    /// UTF-8 bytes of the text that came in.
    source: [usize; 2],
}

/// Cuts one text. `tokenizer` is the text of a tokenizer.json; without it, words are counted.
#[wasm_bindgen]
pub fn chunk(text: &str, options: JsValue, tokenizer: Option<String>) -> JsResult<JsValue> {
    let options: ChunkOptions = parse_json(options, "chunk options")?;
    let counter = counter(tokenizer.as_deref())?;
    let chunked = chunk_text(text, &options, &*counter)?;
    let piece = |chunk: crate::text::Chunk| Piece {
        text: chunked.text[chunk.span].to_owned(),
        context: chunk.context,
        source: [chunk.source.start, chunk.source.end],
    };
    let pieces: Vec<Piece> = chunked.chunks.into_iter().map(piece).collect();
    to_js(&pieces)
}

#[derive(Serialize)]
struct Metrics {
    #[serde(rename = "ndcg@10")]
    ndcg_at_10: f64,
    #[serde(rename = "recall@100")]
    recall_at_100: f64,
    #[serde(rename = "mrr@10")]
    mrr_at_10: f64,
    map: f64,
    ci95: [f64; 2],
}

/// Metrics of a run (query id to ranked document ids) against judgements (query id to document id to grade).
#[wasm_bindgen]
pub fn metrics(run: JsValue, qrels: JsValue) -> JsResult<JsValue> {
    let run: HashMap<String, Vec<String>> = parse(run, "run")?;
    let qrels: BTreeMap<String, HashMap<String, f64>> = parse(qrels, "qrels")?;
    let Report { mean, ci95, .. } = evaluate(&run, &qrels, SEED);
    to_js(&Metrics {
        ndcg_at_10: mean.ndcg_at_10,
        recall_at_100: mean.recall_at_100,
        mrr_at_10: mean.mrr_at_10,
        map: mean.map,
        ci95: [ci95.0, ci95.1],
    })
}

#[wasm_bindgen(js_name = listCollections)]
pub async fn list_collections() -> JsResult<Vec<String>> {
    Ok(indexeddb::list().await?)
}

/// Deletes a collection with everything in it.
#[wasm_bindgen]
pub async fn destroy(name: String) -> JsResult<()> {
    Ok(indexeddb::destroy(&name).await?)
}
