//! How good a ranking is: what `evaluate` and `learnWeights` ask. Visitors of a site never do, so the lite build lacks it.

use super::error::{parse, to_js, JsResult};
use crate::eval::{evaluate, Report};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use wasm_bindgen::prelude::*;

/// Samples of the bootstrap come from here, so that equal input gives equal results.
const SEED: u64 = 0x6e65_6172;

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
