//! The same encoder in full precision, by candle: what the int8 path is measured against. Every number here is
//! computed by candle's operators, nothing by our kernels, so that the two have no arithmetic in common. In the package
//! it is a module of its own, which is fetched when a page has the kernels checked on its user's own device.

use crate::error::{Error, Result};
use crate::model::bert::BertConfig;
#[cfg(feature = "neural")]
use crate::model::config::{Activation, ModelCard, ModelKind, Pooling};
use crate::model::float_weights::FloatWeights;
#[cfg(feature = "neural")]
use crate::model::layout::{DENSE_BIAS, DENSE_WEIGHT};
use candle_core::{Device, Tensor, D};

/// Hidden states of one sequence, `[tokens, hidden]`. `types` is empty (all 0) or one for each token.
pub fn hidden_states(config: &BertConfig, weights: &dyn FloatWeights, ids: &[u32], types: &[u32]) -> Result<Tensor> {
    let mut states = embed(config, weights, ids, types)?;
    for layer in 0..config.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let mixed = attention(config, weights, &name, &states)?;
        states = norm(config, weights, &name("attention.output.LayerNorm"), (&states + mixed).map_err(candle)?)?;
        let inner = linear(weights, &name("intermediate.dense"), &states, config.intermediate)?;
        let inner = inner.gelu_erf().map_err(candle)?;
        let outer = linear(weights, &name("output.dense"), &inner, config.hidden)?;
        states = norm(config, weights, &name("output.LayerNorm"), (&states + outer).map_err(candle)?)?;
    }
    Ok(states)
}

/// The vector of a sequence from its hidden states, of length 1 if `normalize`.
#[cfg(feature = "neural")]
pub fn pool(states: &Tensor, pooling: Pooling, normalize: bool) -> Result<Vec<f32>> {
    let pooled = match pooling {
        Pooling::Mean => states.mean(0),
        Pooling::Cls => states.get(0),
        Pooling::Last => states.dim(0).and_then(|len| states.get(len.saturating_sub(1))),
    };
    finish(pooled.map_err(candle)?, normalize)
}

/// The vector of a text as the model's card says, from its hidden states: `unpooled` of them, at the beginning, are left
/// out of a mean. Pooling, the dense head, length 1.
#[cfg(feature = "neural")]
pub fn vector(card: &ModelCard, weights: &dyn FloatWeights, states: &Tensor, unpooled: usize) -> Result<Vec<f32>> {
    let ModelKind::BiEncoder { pooling, normalize } = card.kind else {
        return Err(Error::invalid(format!("model {:?} makes no vectors", card.name)));
    };
    let len = states.dim(0).map_err(candle)?;
    let counted = match pooling {
        Pooling::Mean if unpooled < len => states.narrow(0, unpooled, len - unpooled).map_err(candle)?,
        _ => states.clone(),
    };
    let Some(dense) = card.dense else { return pool(&counted, pooling, normalize) };
    let pooled = Tensor::new(vec![pool(&counted, pooling, false)?], &Device::Cpu).map_err(candle)?;
    let weight = weights.tensor(DENSE_WEIGHT, &[dense.outputs, card.bert.hidden])?;
    let weight = Tensor::from_vec(weight, (dense.outputs, card.bert.hidden), &Device::Cpu).map_err(candle)?;
    let mut projected = weight.t().and_then(|weight| pooled.matmul(&weight)?.get(0)).map_err(candle)?;
    if dense.bias {
        let bias = Tensor::from_vec(weights.tensor(DENSE_BIAS, &[dense.outputs])?, dense.outputs, &Device::Cpu);
        projected = bias.and_then(|bias| projected + bias).map_err(candle)?;
    }
    if dense.activation == Activation::Tanh {
        projected = projected.tanh().map_err(candle)?;
    }
    finish(projected, normalize)
}

#[cfg(feature = "neural")]
fn finish(mut vector: Tensor, normalize: bool) -> Result<Vec<f32>> {
    if normalize {
        let length = vector.sqr().and_then(|squares| squares.sum_all()?.sqrt());
        vector = vector.broadcast_div(&length.map_err(candle)?).map_err(candle)?;
    }
    vector.to_vec1().map_err(candle)
}

/// The logit of a pair from its hidden states.
pub fn logit(weights: &dyn FloatWeights, states: &Tensor) -> Result<f32> {
    let first = states.narrow(0, 0, 1).map_err(candle)?;
    let hidden = first.dim(1).map_err(candle)?;
    let pooled = linear(weights, "pooler.dense", &first, hidden)?.tanh().map_err(candle)?;
    let logit = linear(weights, "classifier", &pooled, 1)?;
    logit.flatten_all().and_then(|x| x.get(0)?.to_scalar()).map_err(candle)
}

/// Lowest cosine between rows of `ours` and rows of `expected`.
pub fn least_cosine(ours: &[Vec<f32>], expected: &Tensor) -> Result<f32> {
    let ours = Tensor::new(ours.to_vec(), &Device::Cpu).map_err(candle)?;
    let cosines = || {
        let product = (&ours * expected)?.sum(D::Minus1)?;
        let lengths = (ours.sqr()?.sum(D::Minus1)? * expected.sqr()?.sum(D::Minus1)?)?.sqrt()?;
        (product / lengths)?.min(0)?.to_scalar::<f32>()
    };
    cosines().map_err(candle)
}

fn embed(config: &BertConfig, weights: &dyn FloatWeights, ids: &[u32], types: &[u32]) -> Result<Tensor> {
    let table = |name: &str, rows: Vec<usize>| {
        let name = format!("embeddings.{name}.weight");
        let rows = rows.into_iter().map(|row| weights.row(&name, row, config.hidden)).collect::<Result<Vec<_>>>()?;
        Tensor::new(rows, &Device::Cpu).map_err(candle)
    };
    let kind = |position: usize| types.get(position).map_or(0, |&kind| kind as usize);
    let words = table("word_embeddings", ids.iter().map(|&id| id as usize).collect())?;
    let positions = table("position_embeddings", (0..ids.len()).collect())?;
    let kinds = table("token_type_embeddings", (0..ids.len()).map(kind).collect())?;
    let sum = (words + positions).and_then(|sum| sum + kinds).map_err(candle)?;
    norm(config, weights, "embeddings.LayerNorm", sum)
}

fn attention(
    config: &BertConfig,
    weights: &dyn FloatWeights,
    name: &dyn Fn(&str) -> String,
    states: &Tensor,
) -> Result<Tensor> {
    let (len, hidden) = states.dims2().map_err(candle)?;
    let depth = hidden / config.heads;
    let project = |part: &str| {
        let projected = linear(weights, &name(&format!("attention.self.{part}")), states, hidden)?;
        projected.reshape((len, config.heads, depth)).and_then(|x| x.transpose(0, 1)?.contiguous()).map_err(candle)
    };
    let (query, key, value) = (project("query")?, project("key")?, project("value")?);
    let mix = || {
        let scores = (query.matmul(&key.transpose(1, 2)?.contiguous()?)? / (depth as f64).sqrt())?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let shares = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        shares.matmul(&value)?.transpose(0, 1)?.reshape((len, hidden))
    };
    linear(weights, &name("attention.output.dense"), &mix().map_err(candle)?, hidden)
}

/// `x W^T + b`, `[rows, outputs]`.
fn linear(weights: &dyn FloatWeights, name: &str, x: &Tensor, outputs: usize) -> Result<Tensor> {
    let inputs = x.dim(1).map_err(candle)?;
    let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = weights.tensor(&format!("{name}.bias"), &[outputs])?;
    let weight = Tensor::from_vec(weight, (outputs, inputs), &Device::Cpu).map_err(candle)?;
    let bias = Tensor::from_vec(bias, outputs, &Device::Cpu).map_err(candle)?;
    x.matmul(&weight.t().map_err(candle)?).and_then(|y| y.broadcast_add(&bias)).map_err(candle)
}

fn norm(config: &BertConfig, weights: &dyn FloatWeights, name: &str, x: Tensor) -> Result<Tensor> {
    let vector = |part: &str| {
        let numbers = weights.tensor(&format!("{name}.{part}"), &[config.hidden])?;
        Tensor::from_vec(numbers, config.hidden, &Device::Cpu).map_err(candle)
    };
    let (weight, bias) = (vector("weight")?, vector("bias")?);
    let normalise = || {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(config.layer_norm_eps))?.sqrt()?;
        centred.broadcast_div(&deviation)?.broadcast_mul(&weight)?.broadcast_add(&bias)
    };
    normalise().map_err(candle)
}

fn candle(error: candle_core::Error) -> Error {
    Error::internal("candle").with_source(error)
}
