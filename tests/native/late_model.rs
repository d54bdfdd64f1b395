//! Late-interaction models: the vectors of tokens against those of the full-precision model by candle, with and without
//! a projection, and how queries and passages are read.

use crate::support::model_dir::model_dir;
use crate::support::models::{load_model, raw_weights, Cached};
use nearfield::adapters::model_dir::open;
use nearfield::model::bert::BertConfig;
use nearfield::model::config::{ModelCard, ModelKind};
use nearfield::model::float_weights::FloatWeights;
use nearfield::model::hub::Extras;
use nearfield::model::late::{Late, PROJECTION};
use nearfield::model::late_model::LateModel;
use nearfield::model::neural::NeuralModel;
use nearfield::model::reference::hidden_states;
use nearfield::model::weights::Tensor;
use nearfield::model::{Embedder, LateEncoder, Role};
use nearfield::pace::Unpaced;
use nearfield::ErrorKind;
use pollster::block_on;
use serde_json::json;

const NAME: &str = "answerai-colbert-small-v1";
const DIMS: usize = 96;
const HIDDEN: usize = 384;

const TEXTS: [&str; 4] = [
    "How do I keep a sourdough starter alive in winter?",
    "The ferry to the island leaves the harbour at six in the morning, except on Sundays and when the wind is strong.",
    "A lighthouse keeper's log: fog until noon, two trawlers home before dark, oil for the lamp nearly gone. The new \
     lens came by cart and was fitted by the engineer from the mainland, who stayed for supper and slept in the hay.",
    "bicycle chain repair",
];

/// Numbers as a trained projection has them, about: it keeps angles.
fn projection() -> Vec<f32> {
    let mut seed = 7u64;
    let mut unit = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..DIMS * HIDDEN).map(|_| unit() * 0.2).collect()
}

/// The model with a projection in its file.
fn projected() -> NeuralModel {
    let mut files = open(&model_dir(NAME)).unwrap();
    let tensor = Tensor::Float { shape: vec![DIMS, HIDDEN], data: projection() };
    files.weights.insert(PROJECTION, tensor).unwrap();
    let kind = ModelKind::Late(Late { projection: Some(DIMS), ..Late::USUAL });
    NeuralModel::new(ModelCard { kind, ..files.card }, files.tokenizer, files.weights).unwrap()
}

fn normalised(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The vectors that full precision gives for these tokens.
fn expected(config: &BertConfig, weights: &dyn FloatWeights, ids: &[u32], projection: Option<&[f32]>) -> Vec<Vec<f32>> {
    let states = hidden_states(config, weights, ids, &[]).unwrap().to_vec2::<f32>().unwrap();
    let project = |state: Vec<f32>| match projection {
        Some(rows) => rows.chunks_exact(HIDDEN).map(|row| dot(row, &state)).collect(),
        None => state,
    };
    states.into_iter().map(|state| normalised(project(state))).collect()
}

fn rows(model: &NeuralModel, text: &str, role: Role) -> Vec<Vec<f32>> {
    let found = block_on(model.token_rows(&[text.to_owned()], role, &Unpaced)).unwrap();
    assert_eq!(found.counts.len(), 1);
    let dims = found.rows.len() / found.counts[0] as usize;
    found.rows.chunks_exact(dims).map(<[f32]>::to_vec).collect()
}

#[test]
fn vectors_of_tokens_are_those_of_full_precision() {
    let (projection, raw) = (projection(), raw_weights(NAME));
    let weights = Cached::new(&raw);
    for (model, projection) in [(load_model(NAME), None), (projected(), Some(&projection[..]))] {
        let (mut sum, mut least, mut count) = (0.0, 1.0f32, 0);
        for text in TEXTS {
            for role in [Role::Query, Role::Passage] {
                let ids = model.tokens(text, role).unwrap().ids;
                let (found, mut wanted) =
                    (rows(&model, text, role), expected(&model.card().bert, &weights, &ids, projection));
                if role == Role::Passage {
                    let skipped = [".", ",", "?", ":", "'"].map(|it| model.tokenizer().encode_bare(it, 1)[0]);
                    let mut ids = ids.iter();
                    wanted.retain(|_| !skipped.contains(ids.next().unwrap()));
                }
                assert_eq!(found.len(), wanted.len(), "{text}");
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert!((dot(found, found) - 1.0).abs() < 1e-5);
                    let cosine = dot(found, wanted);
                    (sum, least, count) = (sum + cosine, least.min(cosine), count + 1);
                }
            }
        }
        let mean = sum / count as f32;
        println!(
            "{count} tokens of {} numbers: cosine {mean:.4} on the whole, {least:.4} at least",
            rows(&model, "x", Role::Query)[0].len()
        );
        assert!(mean >= 0.995 && least >= 0.95, "{mean} {least}");
    }
}

#[test]
fn queries_are_marked_and_padded_and_punctuation_of_passages_left_out() {
    let model = load_model(NAME);
    let query = model.tokens("salt", Role::Query).unwrap().ids;
    assert_eq!((query.len(), &query[..2], query[3]), (32, &[101, 1][..], 102));
    assert!(query[4..].iter().all(|&id| id == 103));
    let passage = model.tokens("salt, and light!", Role::Passage).unwrap().ids;
    assert_eq!((passage.len(), &passage[..2]), (8, &[101, 2][..]));
    assert_eq!(rows(&model, "salt, and light!", Role::Passage).len(), 6);
    assert_eq!(rows(&model, "", Role::Passage).len(), 3);
    // Longer than the padding: read whole; longer than the model reads: cut.
    assert_eq!(rows(&model, &"sea ".repeat(60), Role::Query).len(), 63);
    assert_eq!(model.tokens(&"sea ".repeat(600), Role::Passage).unwrap().ids.len(), 300);
}

#[test]
fn what_a_text_gets_depends_on_no_other() {
    let model = LateModel::new(load_model(NAME)).unwrap();
    assert_eq!((model.dims(), model.info().name.as_str()), (HIDDEN, NAME));
    let texts: Vec<String> = TEXTS.iter().map(|text| text.to_string()).collect();
    let all = block_on(model.encode(&texts, Role::Passage, &Unpaced)).unwrap();
    let mut at = 0;
    for (text, count) in TEXTS.iter().zip(all.counts) {
        let alone = block_on(model.encode(&[text.to_string()], Role::Passage, &Unpaced)).unwrap();
        let end = at + count as usize * HIDDEN;
        assert!(alone.counts == [count] && alone.rows == all.rows[at..end]);
        at = end;
    }
    assert!(block_on(load_model(NAME).embed(&texts, Role::Query, &Unpaced)).is_err());
    assert!(block_on(load_model("splade-tiny").token_rows(&texts, Role::Query, &Unpaced)).is_err());
    assert_eq!(LateModel::new(load_model("splade-tiny")).err().unwrap().kind, ErrorKind::InvalidInput);
}

#[test]
fn configurations_of_the_hub_are_read_and_those_that_cannot_be_refused() {
    let config = json!({
        "architectures": ["HF_ColBERT"], "model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8,
        "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 200, "max_position_embeddings": 256,
        "type_vocab_size": 2,
    });
    let read = |metadata: serde_json::Value| {
        let extras = Extras::from([("artifact.metadata".to_owned(), metadata.to_string())]);
        ModelCard::read("m", &config.to_string(), &extras)
    };
    let card = read(json!({ "dim": 4, "query_maxlen": 16, "doc_maxlen": 100, "query_token_id": "[unused4]" })).unwrap();
    assert_eq!(card.kind, ModelKind::Late(Late { projection: Some(4), query_tokens: 16, markers: [5, 2] }));
    assert_eq!(card.max_tokens, 100);
    assert_eq!(ModelCard::read("m", &card.config_json().to_string(), &Extras::new()).unwrap(), card);
    assert_eq!(ModelCard::read("m", &config.to_string(), &Extras::new()).unwrap().kind, ModelKind::Late(Late::USUAL));
    assert_eq!(read(json!({ "query_token_id": "[Q]" })).unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(read(json!({ "query_maxlen": 257 })).unwrap_err().kind, ErrorKind::LimitExceeded);
    assert_eq!(read(json!({ "dim": 0 })).unwrap_err().kind, ErrorKind::LimitExceeded);
    assert_eq!(read(json!({ "dim": 1025 })).unwrap_err().kind, ErrorKind::LimitExceeded);
}
