//! Vectors of whole models, from text on, against naive arithmetic and the Python package model2vec: see
//! `fixtures/vectors_fixture.py`.

use crate::support::model_dir as common;
use nearfield::adapters::model_dir;
use nearfield::model::neural::NeuralModel;
use nearfield::model::{config::ModelKind, reference, Embedder, Role};
use nearfield::pace::Unpaced;
use pollster::block_on;
use serde_json::Value;

const VECTORS: &str = include_str!("../fixtures/vectors.json");

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Embeds the texts of the fixture, whose prefix says their role, and demands the cosine.
#[track_caller]
fn check(name: &str, at_least: f32) {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let files = model_dir::open(&common::model_dir(name)).unwrap();
    let model = NeuralModel::new(files.card, files.tokenizer, files.weights).unwrap();
    for entry in all[name].as_array().unwrap() {
        let text = entry["text"].as_str().unwrap();
        let expected: Vec<f32> =
            entry["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
        let (role, text) = match text.split_once(": ") {
            Some(("query", rest)) => (Role::Query, rest),
            Some(("passage", rest)) => (Role::Passage, rest),
            _ => (Role::Passage, text),
        };
        let found = block_on(model.embed(&[text.to_string()], role, &Unpaced)).unwrap();
        assert_eq!(found.len(), expected.len());
        if expected.iter().all(|x| *x == 0.0) {
            assert!(found.iter().all(|x| *x == 0.0), "{name} on {text:?}");
            continue;
        }
        let similarity = cosine(&found, &expected);
        assert!(similarity >= at_least, "{name}: cosine {similarity} on {text:?}");
        // Without the rounding of activations, what is left is the rounding of weights.
        if let ModelKind::BiEncoder { pooling, normalize } = model.card().kind {
            let ids = model.tokens(text, role).unwrap().ids;
            let types = vec![0; ids.len()];
            let states = reference::hidden_states(&model.card().bert, model.encoder(), &ids, &types).unwrap();
            let similarity = cosine(&reference::pool(&states, pooling, normalize).unwrap(), &expected);
            assert!(similarity >= 0.999, "{name} in f32: cosine {similarity} on {text:?}");
        }
    }
}

#[test]
fn multilingual_e5_is_the_naive_encoder() {
    check("multilingual-e5-small", 0.995);
}

#[test]
fn potion_is_model2vec() {
    check("potion-base-2M", 0.9999);
}
