//! A small encoder with random weights and awkward sizes, on which int8 and the f32 reference must agree: so that
//! padding, ragged batches and both WebAssembly builds are tested without a download.

use nearfield::model::batch::Batch;
use nearfield::model::config::BertConfig;
use nearfield::model::encoder::{Encoder, Scratch};
use nearfield::model::reference;
use nearfield::model::weights::{QuantMatrix, Tensor, Weights};
use nearfield::pace::Unpaced;

/// Sizes of which few are a multiple of any register.
pub fn config(hidden: usize, heads: usize, intermediate: usize) -> BertConfig {
    BertConfig {
        layers: 2,
        hidden,
        heads,
        intermediate,
        vocab: 50,
        max_positions: 80,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
    }
}

/// Random weights of the size that training gives: products keep the variance of their input.
pub fn weights(config: &BertConfig, seed: u64) -> Weights {
    let mut random = super::laws::Random(seed);
    let mut weights = Weights::new();
    let (hidden, inner) = (config.hidden, config.intermediate);
    let mut matrix = |name: &str, rows: usize, cols: usize, spread: f32| {
        let numbers: Vec<f32> = (0..rows * cols).map(|_| random.unit() * spread).collect();
        weights.insert(name, Tensor::Quant(QuantMatrix::quantise(rows, cols, &numbers).unwrap())).unwrap();
    };
    matrix("embeddings.word_embeddings.weight", config.vocab, hidden, 1.0);
    matrix("embeddings.position_embeddings.weight", config.max_positions, hidden, 0.3);
    let mut shapes = vec![("embeddings.token_type_embeddings.weight".to_string(), vec![config.type_vocab, hidden])];
    shapes.push(("embeddings.LayerNorm".to_string(), vec![hidden]));
    for layer in 0..config.layers {
        let spread = |inputs: usize| (3.0 / inputs as f32).sqrt();
        let parts = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ];
        for (part, rows, cols) in parts {
            matrix(&format!("encoder.layer.{layer}.{part}.weight"), rows, cols, spread(cols));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![rows]));
        }
        shapes.push((format!("encoder.layer.{layer}.attention.output.LayerNorm"), vec![hidden]));
        shapes.push((format!("encoder.layer.{layer}.output.LayerNorm"), vec![hidden]));
    }
    for (name, shape) in shapes {
        let len = shape.iter().product::<usize>();
        let mut floats = |name: &str, centre: f32| {
            let data = (0..len).map(|_| centre + random.unit() * 0.2).collect();
            weights.insert(name, Tensor::Float { shape: shape.clone(), data }).unwrap();
        };
        if name.ends_with("LayerNorm") {
            floats(&format!("{name}.weight"), 1.0);
            floats(&format!("{name}.bias"), 0.0);
        } else {
            floats(&name, 0.0);
        }
    }
    weights
}

/// Every hidden state of a ragged batch against the reference, which sees one sequence at a time.
pub async fn agrees_with_the_reference(config: &BertConfig, seed: u64) {
    let encoder = Encoder::new(config, &mut weights(config, seed)).unwrap();
    let mut random = super::laws::Random(!seed);
    let mut any =
        |len: usize, bound: i64| -> Vec<u32> { (0..len).map(|_| random.between(0, bound - 1) as u32).collect() };
    let sequences: Vec<(Vec<u32>, Vec<u32>)> = [1, 17, 2, 80, 5].map(|len| (any(len, 50), any(len, 2))).into();
    let mut batch = Batch::new();
    for (ids, types) in &sequences {
        batch.push(ids, types, config).unwrap();
    }
    let mut scratch = Scratch::default();
    encoder.forward(&batch, &mut scratch, &Unpaced).await.unwrap();
    for ((ids, types), tokens) in sequences.iter().zip(batch.sequences()) {
        let ours: Vec<Vec<f32>> = tokens.map(|token| scratch.hidden(token)[..config.hidden].to_vec()).collect();
        let expected = reference::hidden_states(config, &encoder, ids, types).unwrap();
        let least = reference::least_cosine(&ours, &expected).unwrap();
        assert!(least > 0.99, "{} tokens: cosine {least}", ids.len());
    }
}

/// (hidden, heads, intermediate): padded and not, heads narrower and wider than a panel.
pub const SIZES: [(usize, usize, usize); 5] = [(48, 3, 64), (36, 3, 50), (64, 2, 100), (20, 5, 33), (112, 2, 160)];
