//! The whole pass once more as plain loops in f64 over the scalar kernels, on the same int8 weights: what [`super::probe`]
//! compares a device with. Tests compare it with the f32 reference.

use super::layout::Rows;
use crate::error::Result;
use crate::kernel::{padded, scalar};
use crate::model::bert::{BertConfig, Readout};
use crate::model::float_weights::Int8Weights;

/// Hidden states of a batch: of each sequence, a row a token.
pub fn states(config: &BertConfig, weights: &dyn Int8Weights, rows: Rows<'_>) -> Result<Vec<Vec<Vec<f64>>>> {
    let mut tokens = rows.sums.chunks_exact(padded(config.hidden));
    let read = |row: &[f32]| row[..config.hidden].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    rows.lengths
        .iter()
        .map(|&length| {
            let sums = tokens.by_ref().take(length as usize).map(read).collect();
            sequence(config, weights, sums)
        })
        .collect()
}

/// A vector for each range of rows: their mean, of length 1 if `normalize`.
pub fn pool(states: &[Vec<f64>], normalize: bool) -> Vec<f64> {
    let width = states.first().map_or(0, Vec::len);
    let mean = |i: usize| states.iter().map(|row| row[i]).sum::<f64>() / states.len() as f64;
    let mut vector: Vec<f64> = (0..width).map(mean).collect();
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if normalize && length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

/// What the states of a sequence are read for.
pub fn read_out(readout: Readout, weights: &dyn Int8Weights, states: &[Vec<f64>]) -> Result<Vec<f64>> {
    use crate::model::bert::Pooling;
    match readout {
        Readout::Vector { pooling, normalize } => Ok(match pooling {
            Pooling::Mean => pool(states, normalize),
            Pooling::Cls => pool(&states[..1], normalize),
            Pooling::Last => pool(&states[states.len() - 1..], normalize),
        }),
        Readout::Logit => {
            let width = states[0].len();
            let pooled = linear(weights, "pooler.dense", &states[..1], width)?;
            let weight = weights.tensor("classifier.weight", &[1, width])?;
            let bias = weights.tensor("classifier.bias", &[1])?;
            let product = pooled[0].iter().zip(weight).map(|(x, w)| x.tanh() * f64::from(w)).sum::<f64>();
            Ok(vec![product + f64::from(bias[0])])
        }
    }
}

fn sequence(config: &BertConfig, weights: &dyn Int8Weights, sums: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
    let mut states = norm(config, weights, "embeddings.LayerNorm", sums)?;
    for layer in 0..config.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let project = |part: &str| linear(weights, &name(&format!("attention.self.{part}")), &states, config.hidden);
        let context = attention(config, project("query")?, project("key")?, project("value")?);
        let mixed = linear(weights, &name("attention.output.dense"), &context, config.hidden)?;
        states = norm(config, weights, &name("attention.output.LayerNorm"), sum(states, &mixed))?;
        let mut inner = linear(weights, &name("intermediate.dense"), &states, config.intermediate)?;
        inner.iter_mut().flatten().for_each(|x| *x = scalar::gelu(*x));
        let outer = linear(weights, &name("output.dense"), &inner, config.hidden)?;
        states = norm(config, weights, &name("output.LayerNorm"), sum(states, &outer))?;
    }
    Ok(states)
}

fn attention(config: &BertConfig, q: Vec<Vec<f64>>, k: Vec<Vec<f64>>, v: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let depth = config.hidden / config.heads;
    let mut out = vec![Vec::with_capacity(config.hidden); q.len()];
    for head in 0..config.heads {
        let part = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row[head * depth..][..depth].to_vec()).collect()
        };
        let mixed = scalar::attention(&part(&q), &part(&k), &part(&v));
        out.iter_mut().zip(mixed).for_each(|(row, mixed)| row.extend(mixed));
    }
    out
}

fn linear(weights: &dyn Int8Weights, name: &str, x: &[Vec<f64>], outputs: usize) -> Result<Vec<Vec<f64>>> {
    let codes = weights.codes(&format!("{name}.weight"), outputs, x[0].len())?;
    let bias = weights.tensor(&format!("{name}.bias"), &[outputs])?;
    Ok(scalar::linear(x, &codes.data, &codes.scales, &bias))
}

fn norm(config: &BertConfig, weights: &dyn Int8Weights, name: &str, rows: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
    let weight = weights.tensor(&format!("{name}.weight"), &[config.hidden])?;
    let bias = weights.tensor(&format!("{name}.bias"), &[config.hidden])?;
    Ok(rows.iter().map(|row| scalar::layer_norm(row, &weight, &bias, config.layer_norm_eps)).collect())
}

fn sum(mut rows: Vec<Vec<f64>>, others: &[Vec<f64>]) -> Vec<Vec<f64>> {
    rows.iter_mut().flatten().zip(others.iter().flatten()).for_each(|(x, y)| *x += y);
    rows
}
