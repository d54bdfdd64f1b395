//! Learned sparse models: the converted model against the full-precision one as numpy computes it
//! (`tests/fixtures/splade_fixture.py`), and queries that no model reads, on a tiny checkpoint.

use crate::support::model_dir::model_dir;
use crate::support::models::load_model;
use nearfield::model::config::{ModelCard, ModelKind, QuerySide};
use nearfield::model::hub::Extras;
use nearfield::model::layout::{expected_tensors, Storage};
use nearfield::model::neural::NeuralModel;
use nearfield::model::sparse_model::SparseModel;
use nearfield::model::tokenizer::Tokenizer;
use nearfield::model::vocabulary::Vocabulary;
use nearfield::model::weights::{QuantMatrix, Tensor, Weights};
use nearfield::model::{Embedder, Role, SparseEncoder, SparseVector};
use nearfield::pace::Unpaced;
use nearfield::ErrorKind;
use pollster::block_on;
use serde_json::{json, Value};
use std::collections::HashMap;

const NAME: &str = "splade-tiny";

fn splade(query: Option<QuerySide>) -> SparseModel {
    let json = std::fs::read(model_dir(NAME).join("tokenizer.json")).unwrap();
    SparseModel::new(load_model(NAME), Vocabulary::from_json(&json).unwrap(), query)
}

fn encode(model: &SparseModel, text: &str, role: Role) -> SparseVector {
    block_on(model.encode(&[text.to_owned()], role, &Unpaced)).unwrap().remove(0)
}

#[test]
fn int8_weights_of_terms_are_those_of_full_precision() {
    let model = splade(None);
    let lines = include_str!("../fixtures/splade_terms.jsonl").lines();
    let (mut worst, mut sum, mut count) = (0f32, 0f32, 0);
    for line in lines {
        let record: Value = serde_json::from_str(line).unwrap();
        let found: HashMap<String, f32> =
            encode(&model, record["text"].as_str().unwrap(), Role::Passage).into_iter().collect();
        let expected: Vec<(String, f32)> = serde_json::from_value(record["terms"].clone()).unwrap();
        for (term, weight) in &expected {
            let difference = (found.get(term).copied().unwrap_or(0.0) - weight).abs();
            assert!(difference < 0.2, "{term}: {weight} and {:?}", found.get(term));
            worst = worst.max(difference);
            sum += difference;
            count += 1;
        }
        // The first terms are the same; neighbours that weigh about the same may change places.
        let mut order: Vec<(&String, &f32)> = found.iter().collect();
        order.sort_by(|a, b| b.1.total_cmp(a.1));
        let top = 8.min(expected.len());
        let floor = expected[top - 1].1 - 0.1;
        for (term, _) in &order[..top] {
            let weight = expected.iter().find(|it| it.0 == **term).map_or(0.0, |it| it.1);
            assert!(
                weight >= floor,
                "{term} weighs {weight} at full precision, the {top}th term {}",
                expected[top - 1].1
            );
        }
        let positive = record["positive"].as_u64().unwrap() as f32;
        assert!(
            (found.len() as f32 - positive.min(256.0)).abs() <= 3.0 + 0.15 * positive,
            "{} of {positive}",
            found.len()
        );
    }
    println!("{count} weights: mean difference {:.4}, worst {worst:.4}", sum / count as f32);
    assert!(sum / (count as f32) < 0.03);
}

#[test]
fn queries_are_expanded_or_weigh_their_own_tokens() {
    let text = "bicycle chain repair chain";
    let expanded: HashMap<String, f32> = encode(&splade(None), text, Role::Query).into_iter().collect();
    assert!(expanded.contains_key("motorcycle") && expanded.contains_key("chain"), "{expanded:?}");
    let plain = encode(&splade(Some(QuerySide::Tokens)), text, Role::Query);
    let expected = [("chain", 2.0), ("bicycle", 1.0), ("repair", 1.0)];
    let as_text = |(term, weight): &(String, f32)| format!("{term} {weight}");
    let mut found: Vec<String> = plain.iter().map(as_text).collect();
    found.sort();
    let mut expected: Vec<String> = expected.iter().map(|(term, weight)| format!("{term} {weight}")).collect();
    expected.sort();
    assert_eq!(found, expected);
    // Passages go through the model either way.
    assert_eq!(
        encode(&splade(Some(QuerySide::Tokens)), text, Role::Passage),
        encode(&splade(None), text, Role::Passage)
    );
    let table = splade(Some(QuerySide::Table));
    assert_eq!(block_on(table.encode(&["x".into()], Role::Query, &Unpaced)).unwrap_err().kind, ErrorKind::InvalidInput);
}

#[test]
fn what_a_text_weighs_depends_on_no_other_and_empty_texts_are_texts() {
    let model = splade(None);
    let texts: Vec<String> =
        ["", "tide tables", "a long walk by the sea ".repeat(60).as_str(), "tide tables"].map(str::to_owned).into();
    let together = block_on(model.encode(&texts, Role::Passage, &Unpaced)).unwrap();
    for (text, terms) in texts.iter().zip(&together) {
        assert_eq!(*terms, encode(&model, text, Role::Passage));
        assert!(terms.windows(2).all(|two| two[0].1 >= two[1].1) && terms.iter().all(|(_, weight)| *weight > 0.0));
    }
    assert_eq!(together[1], together[3]);
    assert!(block_on(load_model(NAME).embed(&texts, Role::Query, &Unpaced)).is_err());
}

/// A checkpoint of one layer over the eight tokens of the tokenizer below.
fn tiny(usage: Value) -> NeuralModel {
    let config = json!({
        "architectures": ["BertForMaskedLM"], "num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2,
        "intermediate_size": 12, "vocab_size": 8, "max_position_embeddings": 16, "type_vocab_size": 2,
        "nearfield": usage,
    });
    let card = ModelCard::read("tiny", &config.to_string(), &Extras::new()).unwrap();
    let (mut weights, mut seed) = (Weights::new(), 1u32);
    let mut number = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    for tensor in expected_tensors(&card) {
        let data: Vec<f32> = match tensor.name.as_str() {
            "query_weights" => (0..8).map(|id| id as f32 / 2.0).collect(),
            _ => (0..tensor.shape.iter().product()).map(|_| number()).collect(),
        };
        let tensor_of = match tensor.storage {
            Storage::Quantised | Storage::Table => {
                Tensor::Quant(QuantMatrix::quantise(tensor.shape[0], tensor.shape[1], &data).unwrap())
            }
            Storage::Float => Tensor::Float { shape: tensor.shape.clone(), data },
        };
        weights.insert(&tensor.name, tensor_of).unwrap();
    }
    NeuralModel::new(card, Tokenizer::from_json(TOKENIZER.as_bytes()).unwrap(), weights).unwrap()
}

const TOKENIZER: &str = r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[
    {"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
    {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
    "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
    "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
    "decoder":null,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
    "vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"sea":4,"##s":5,"salt":6,"lamp":7}}}"###;

fn usage(query: &str, max_terms: usize) -> Value {
    json!({ "name": "tiny", "kind": "sparse", "query": query, "max_terms": max_terms, "max_tokens": 16 })
}

#[test]
fn a_table_of_query_weights_and_a_cap_on_terms() {
    let terms = |model: &NeuralModel, role| {
        let texts = ["seas and salt salt".to_owned()];
        block_on(model.terms(&texts, role, None, &Unpaced)).unwrap().remove(0)
    };
    // salt 6 twice, "##s" 5, "sea" 4; "and" is unknown and left out.
    let table = tiny(usage("table", 100));
    assert_eq!(terms(&table, Role::Query), [(6, 6.0), (5, 2.5), (4, 2.0)]);
    assert_eq!(terms(&tiny(usage("tokens", 2)), Role::Query), [(6, 2.0), (4, 1.0)]);
    let all = terms(&tiny(usage("model", 100)), Role::Passage);
    assert!(all.len() > 2 && terms(&tiny(usage("model", 2)), Role::Passage) == all[..2]);
    assert_eq!(table.card().kind, ModelKind::Sparse { query: QuerySide::Table, max_terms: 100 });
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let read = |config: Value| ModelCard::read("m", &config.to_string(), &Extras::new());
    let mut config = json!({
        "architectures": ["BertForMaskedLM"], "num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2,
        "intermediate_size": 12, "vocab_size": 8, "max_position_embeddings": 16, "type_vocab_size": 2,
    });
    assert!(matches!(read(config.clone()).unwrap().kind, ModelKind::Sparse { query: QuerySide::Model, .. }));
    config["tie_word_embeddings"] = false.into();
    assert_eq!(read(config.clone()).unwrap_err().kind, ErrorKind::Unsupported);
    config["tie_word_embeddings"] = true.into();
    for max_terms in [0, 5000] {
        config["nearfield"] = usage("model", max_terms);
        assert_eq!(read(config.clone()).unwrap_err().kind, ErrorKind::LimitExceeded);
    }
    config["nearfield"] = json!({ "name": "m", "kind": "cross-encoder", "max_tokens": 16 });
    assert_eq!(read(config).unwrap_err().kind, ErrorKind::Corrupt);
}
