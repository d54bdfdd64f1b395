//! The parts that are used without an engine: chunking, metrics, building a graph in a pool worker, housekeeping.

use super::error::{parse, parse_json, to_js, JsResult};
use crate::adapters::indexeddb;
use crate::eval::{evaluate, Report};
use crate::kernel::{self, Activations, Combine, Linear, Packed};
use crate::model::tokenizer::Tokenizer;
use crate::text::{chunk as chunk_text, ChunkOptions, TokenCounter, WordCounter};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use wasm_bindgen::prelude::*;

/// Levels of the graph and samples of the bootstrap come from here, so that equal input gives equal bytes.
const SEED: u64 = 0x6e65_6172;

#[wasm_bindgen(js_name = buildGraph)]
pub fn build_graph(job: &[u8]) -> JsResult<Vec<u8>> {
    Ok(crate::index::build_graph(job, SEED)?)
}

/// Multiplies 48 rows of activations with a layer of 384 x 1,536 so many times and returns the operations that took
/// (a multiplication and an addition each count): with a clock around it, the speed of the bare int8 kernel.
#[wasm_bindgen]
pub fn calibrate(rounds: u32) -> f64 {
    const ROWS: usize = 48;
    const INPUTS: usize = 384;
    const OUTPUTS: usize = 1536;
    thread_local! {
        static WEIGHTS: Packed = Packed::new(&[Linear {
            rows: OUTPUTS,
            cols: INPUTS,
            data: &(0..OUTPUTS * INPUTS).map(|i| (i * 31 % 255) as i8).collect::<Vec<_>>(),
            scales: &vec![0.01; OUTPUTS],
            bias: &vec![0.0; OUTPUTS],
        }]);
    }
    WEIGHTS.with(|weights| {
        let mut activations = Activations::default();
        activations.reshape(ROWS, weights.inputs());
        let mut out = vec![0.0; ROWS * weights.outputs()];
        for _ in 0..rounds {
            kernel::multiply(&activations, 0..ROWS, weights, Combine::Replace, &mut out);
        }
        2.0 * f64::from(rounds) * (ROWS * INPUTS * OUTPUTS) as f64
    })
}

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
    let tokenizer = tokenizer.map(|json| Tokenizer::from_json(json.as_bytes())).transpose()?;
    let counter: &dyn TokenCounter = match &tokenizer {
        Some(tokenizer) => tokenizer,
        None => &WordCounter,
    };
    let chunked = chunk_text(text, &options, counter)?;
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
