//! A model on the device: its weights, and the pass over a batch, which is one submission.

use super::device::{Buffer, Device, Reading};
use super::kernels::{Epilogue, Input, Integers, Kernels, Linear, Norm};
use super::layout::{self, most_tokens, Heads, Rows};
use crate::error::{Error, Result};
use crate::kernel::padded;
use crate::model::bert::{BertConfig, Pooling, Readout};
use crate::model::float_weights::Int8Weights;
use std::cell::Cell;
use std::rc::Rc;

pub struct Encoder {
    device: Rc<Device>,
    kernels: Rc<Kernels>,
    config: BertConfig,
    heads: Heads,
    readout: Readout,
    norm: Norm,
    layers: Vec<Layer>,
    /// Of a cross-encoder.
    classifier: Option<Classifier>,
    /// Buffers of a batch that has ended.
    idle: Cell<Option<Scratch>>,
}

struct Layer {
    qkv: Linear,
    mix: Linear,
    mix_norm: Norm,
    expand: Linear,
    contract: Linear,
    contract_norm: Norm,
}

struct Classifier {
    pooler: Linear,
    weight: Buffer,
    bias: f32,
}

/// What is read back of a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    States,
    Readout,
}

impl Encoder {
    /// Uploads the weights of a model, one layer after the other.
    ///
    /// Errors: `Unsupported` for a shape that the kernels do not take, or a device that has no room or is lost.
    pub async fn load(
        device: Rc<Device>,
        kernels: Rc<Kernels>,
        config: BertConfig,
        readout: Readout,
        weights: &dyn Int8Weights,
    ) -> Result<Encoder> {
        device.alive()?;
        let heads = Heads::of(&config)?;
        let scopes = device.watch();
        let uploaded = upload(&device, &config, heads, readout, weights);
        scopes.close().verdict().await.map_err(|error| error.within("uploading a model"))?;
        let (norm, layers, classifier) = uploaded?;
        Ok(Encoder { device, kernels, config, heads, readout, norm, layers, classifier, idle: Cell::default() })
    }

    /// Tokens of a batch, at most.
    pub fn most_tokens(&self) -> usize {
        most_tokens(&self.config, self.heads, self.device.description().binding_bytes)
    }

    /// Vectors `[sequences, hidden]`, or logits `[sequences]`.
    ///
    /// Errors: `InvalidInput` or `LimitExceeded` for the batch, `Unsupported` for anything that the device did wrong:
    /// then nothing of the batch may be used.
    pub async fn run(&self, rows: Rows<'_>) -> Result<Vec<f32>> {
        self.pass(rows, Wanted::Readout).await
    }

    /// Hidden states `[tokens, hidden]`.
    ///
    /// Errors: as of [`Self::run`].
    pub async fn states(&self, rows: Rows<'_>) -> Result<Vec<f32>> {
        self.pass(rows, Wanted::States).await
    }

    async fn pass(&self, rows: Rows<'_>, wanted: Wanted) -> Result<Vec<f32>> {
        self.device.alive()?;
        rows.check(&self.config, self.most_tokens())?;
        let scopes = self.device.watch();
        let started = self.scratch(rows).and_then(|scratch| Ok((self.submit(rows, wanted, &scratch)?, scratch)));
        let verdicts = scopes.close();
        let ended = match started {
            Ok((reading, scratch)) => reading.floats().await.map(|numbers| (numbers, scratch)),
            Err(error) => Err(error),
        };
        // What the scopes caught says more than what became of it.
        verdicts.verdict().await?;
        self.device.alive()?;
        let (numbers, scratch) = ended?;
        self.idle.set(Some(scratch));
        let numbers = self.without_padding(numbers, wanted);
        self.check(&numbers, wanted)?;
        Ok(numbers)
    }

    fn scratch(&self, rows: Rows<'_>) -> Result<Scratch> {
        let (tokens, sequences) = (rows.tokens(), rows.lengths.len());
        match self.idle.take() {
            Some(scratch) if scratch.tokens >= tokens && scratch.sequences >= sequences => Ok(scratch),
            _ => Scratch::new(self, tokens, sequences),
        }
    }

    fn submit(&self, rows: Rows<'_>, wanted: Wanted, scratch: &Scratch) -> Result<Reading> {
        let (kernels, count, sequences) = (&*self.kernels, rows.tokens(), rows.lengths.len());
        let tiles = rows.tiles();
        self.device.write_floats(&scratch.hidden, rows.sums)?;
        self.device.write_words(&scratch.tiles, &tiles)?;
        let tiles = (&scratch.tiles, tiles.len() / 4);
        let Scratch { hidden, projected, context, inner, ranges, pooled, out, staging, .. } = scratch;
        let input = |rows, numbers| Input { rows, numbers, integers: scratch.integers.as_ref() };

        let mut recording = self.device.record(&scratch.uniforms)?;
        recording.normalise(kernels, count, &self.norm, hidden)?;
        for layer in &self.layers {
            recording.multiply(kernels, input(count, hidden), &layer.qkv, Epilogue::Nothing, projected)?;
            recording.attend(kernels, self.heads, tiles, projected, context)?;
            recording.multiply(kernels, input(count, context), &layer.mix, Epilogue::Add, hidden)?;
            recording.normalise(kernels, count, &layer.mix_norm, hidden)?;
            recording.multiply(kernels, input(count, hidden), &layer.expand, Epilogue::Gelu, inner)?;
            recording.multiply(kernels, input(count, inner), &layer.contract, Epilogue::Add, hidden)?;
            recording.normalise(kernels, count, &layer.contract_norm, hidden)?;
        }
        let width = self.config.hidden;
        if wanted == Wanted::States {
            return recording.submit(hidden, staging, count * padded(width));
        }
        let (pooling, normalize) = match self.readout {
            Readout::Vector { pooling, normalize } => (pooling, normalize),
            Readout::Logit => (Pooling::Cls, false),
        };
        self.device.write_words(ranges, &rows.ranges(pooling))?;
        recording.pool(kernels, width, normalize, (ranges, sequences), hidden, pooled)?;
        let Some(Classifier { pooler, weight, bias }) = &self.classifier else {
            return recording.submit(pooled, staging, sequences * padded(width));
        };
        recording.multiply(kernels, input(sequences, pooled), pooler, Epilogue::Tanh, context)?;
        recording.logits(kernels, sequences, (weight, *bias), width, context, out)?;
        recording.submit(out, staging, sequences)
    }

    /// Devices that go have been seen to hand over zeros, and memory errors are not always reported: what no pass can
    /// give is refused.
    fn check(&self, numbers: &[f32], wanted: Wanted) -> Result<()> {
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(Error::unsupported(format!("the GPU computed {number}")));
        }
        let Readout::Vector { normalize: true, .. } = self.readout else { return Ok(()) };
        let squares = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>();
        let mut rows = numbers.chunks_exact(self.config.hidden).filter(|_| wanted == Wanted::Readout);
        match rows.find(|row| (squares(row) - 1.0).abs() > 1e-3) {
            None => Ok(()),
            Some(row) => {
                Err(Error::unsupported(format!("the GPU computed a vector of length {}", squares(row).sqrt())))
            }
        }
    }

    fn without_padding(&self, numbers: Vec<f32>, wanted: Wanted) -> Vec<f32> {
        if wanted == Wanted::Readout && self.readout == Readout::Logit {
            return numbers;
        }
        let rows = numbers.chunks_exact(padded(self.config.hidden));
        rows.flat_map(|row| &row[..self.config.hidden]).copied().collect()
    }
}

type Uploaded = (Norm, Vec<Layer>, Option<Classifier>);

fn upload(
    device: &Device,
    config: &BertConfig,
    heads: Heads,
    readout: Readout,
    weights: &dyn Int8Weights,
) -> Result<Uploaded> {
    let source = Source { device, config, weights };
    let norm = source.norm("embeddings.LayerNorm")?;
    let layers = (0..config.layers).map(|index| source.layer(index, heads)).collect::<Result<_>>()?;
    let classifier = match readout {
        Readout::Vector { .. } => None,
        Readout::Logit => Some(source.classifier()?),
    };
    Ok((norm, layers, classifier))
}

/// A model's weights on their way to the device.
struct Source<'a> {
    device: &'a Device,
    config: &'a BertConfig,
    weights: &'a dyn Int8Weights,
}

impl Source<'_> {
    fn layer(&self, index: usize, heads: Heads) -> Result<Layer> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let (hidden, inner, width) = (self.config.hidden, self.config.intermediate, heads.width());
        let mut qkv = layout::Linear::new(padded(hidden), 3 * width);
        for (third, part) in ["query", "key", "value"].into_iter().enumerate() {
            let part = name(&format!("attention.self.{part}"));
            self.put(&mut qkv, &part, [hidden, hidden], |row| third * width + heads.place(row), same)?;
        }
        let mut mix = layout::Linear::new(width, padded(hidden));
        self.put(&mut mix, &name("attention.output.dense"), [hidden, hidden], same, |col| heads.place(col))?;
        Ok(Layer {
            qkv: Linear::upload(self.device, &qkv)?,
            mix: Linear::upload(self.device, &mix)?,
            mix_norm: self.norm(&name("attention.output.LayerNorm"))?,
            expand: self.linear(&name("intermediate.dense"), [inner, hidden])?,
            contract: self.linear(&name("output.dense"), [hidden, inner])?,
            contract_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    fn classifier(&self) -> Result<Classifier> {
        let hidden = self.config.hidden;
        let weight = self.weights.tensor("classifier.weight", &[1, hidden])?;
        let bias = self.weights.tensor("classifier.bias", &[1])?;
        Ok(Classifier {
            pooler: self.linear("pooler.dense", [hidden, hidden])?,
            weight: self.device.upload_floats(&weight)?,
            bias: bias.first().copied().unwrap_or_default(),
        })
    }

    fn linear(&self, name: &str, [rows, cols]: [usize; 2]) -> Result<Linear> {
        let mut linear = layout::Linear::new(padded(cols), padded(rows));
        self.put(&mut linear, name, [rows, cols], same, same)?;
        Linear::upload(self.device, &linear)
    }

    fn put(
        &self,
        linear: &mut layout::Linear,
        name: &str,
        [rows, cols]: [usize; 2],
        output: impl Fn(usize) -> usize,
        input: impl Fn(usize) -> usize,
    ) -> Result<()> {
        let codes = self.weights.codes(&format!("{name}.weight"), rows, cols)?;
        let bias = self.weights.tensor(&format!("{name}.bias"), &[rows])?;
        if codes.data.len() != rows * cols || codes.scales.len() != rows || bias.len() != rows {
            return Err(Error::corrupt(format!("layer {name:?} is not of {rows} x {cols}")));
        }
        linear.put(&codes, &bias, output, input);
        Ok(())
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        let vector = |part: &str| self.weights.tensor(&format!("{name}.{part}"), &[self.config.hidden]);
        Norm::upload(self.device, &vector("weight")?, &vector("bias")?, self.config.layer_norm_eps)
    }
}

fn same(index: usize) -> usize {
    index
}

/// Buffers of a batch, for the largest one so far.
struct Scratch {
    tokens: usize,
    sequences: usize,
    uniforms: Buffer,
    tiles: Buffer,
    ranges: Buffer,
    hidden: Buffer,
    projected: Buffer,
    context: Buffer,
    inner: Buffer,
    integers: Option<Integers>,
    pooled: Buffer,
    out: Buffer,
    staging: Buffer,
}

impl Scratch {
    fn new(encoder: &Encoder, tokens: usize, sequences: usize) -> Result<Scratch> {
        let Encoder { device, kernels, config, heads, .. } = encoder;
        // Grown by doubling, so that batches of rising size do not make new buffers each.
        let tokens = tokens.next_power_of_two().min(encoder.most_tokens());
        let sequences = sequences.next_power_of_two();
        let floats = |rows: usize, width: usize| device.storage(rows * width * size_of::<f32>());
        let words = |count: usize| device.storage(count * size_of::<u32>());
        let hidden = padded(config.hidden);
        let context = heads.width().max(hidden);
        let inner = padded(config.intermediate);
        Ok(Scratch {
            tokens,
            sequences,
            uniforms: device.uniforms()?,
            // A tile has at least one token.
            tiles: words(4 * tokens)?,
            ranges: words(2 * sequences)?,
            hidden: floats(tokens, hidden)?,
            projected: floats(tokens, 3 * heads.width())?,
            context: floats(tokens, context)?,
            inner: floats(tokens, inner)?,
            integers: Integers::new(device, kernels, tokens, inner.max(context))?,
            pooled: floats(sequences, hidden)?,
            out: words(sequences)?,
            staging: device.staging(tokens * hidden * size_of::<f32>())?,
        })
    }
}
