//! Does this device compute what it should? Each kernel, and a whole pass of a small random model, on inputs that are
//! made here, beside the scalar kernels and [`oracle`]. The first difference is an error that names the kernel: then the
//! device must not be used.

use super::device::{Buffer, Device, Recording};
use super::encoder::Encoder;
use super::extras::Extra;
use super::kernels::{fnv1a, Epilogue, Input, Integers, Kernels, Linear, Norm};
use super::layout::{self, Heads, Rows};
use super::oracle;
use crate::error::{Error, Result};
use crate::eval::SplitMix;
use crate::kernel::{padded, scalar};
use crate::model::bert::{BertConfig, Pooling, Readout};
use crate::model::float_weights::{Codes, FloatWeights, Int8Weights};
use std::rc::Rc;

/// Differences that rounding makes, in parts of the numbers that are added up: f32 has 6e-8, and devices may compute
/// powers and roots less exactly. What is wrong differs by a thousand times as much.
///
/// It holds for kernels that round their input as well: what those are shown lies on a [`Grid`] that they do not round, and
/// their sums are f32 or exact. What rounding does to numbers of all kinds is for the whole pass to show.
const TOLERANCE: f64 = 2e-5;

/// Least cosine between states of a whole pass and those of the oracle.
const COSINE: f64 = 0.9995;

/// Small and awkward: heads that are no whole number of vectors, rows that are no whole number of tiles.
const CONFIG: BertConfig = BertConfig {
    layers: 2,
    hidden: 36,
    heads: 6,
    intermediate: 70,
    vocab: 1,
    max_positions: 64,
    type_vocab: 1,
    layer_norm_eps: 1e-12,
};

/// Multiples of `step`, up to `levels` of them: numbers that a kernel holds as they are.
#[derive(Clone, Copy)]
struct Grid {
    levels: f32,
    step: f32,
}

impl Grid {
    /// The 11 bits of a number of 16.
    const HALF: Grid = Grid { levels: 1024.0, step: 1.0 / 1024.0 };

    /// The integers of `quantise.wgsl`, for rows whose greatest magnitude is that of the grid.
    const INTEGERS: Grid = Grid { levels: 32_639.0, step: 1.0 / 32_768.0 };
}

/// What kernels are timed by: a layer as models have them, and the tokens of each sequence of a batch.
const TIMED: BertConfig = BertConfig { layers: 1, hidden: 384, heads: 12, intermediate: 1536, ..CONFIG };
const TIMED_LENGTHS: [u32; 4] = [128; 4];

/// A device under test.
#[derive(Clone)]
pub struct Probe {
    pub device: Rc<Device>,
    pub kernels: Rc<Kernels>,
}

impl Probe {
    /// All checks, in sizes that take milliseconds.
    ///
    /// Errors: `Unsupported` for the first that fails.
    pub async fn run(&self) -> Result<()> {
        self.matmul(33, 80, 70, 1).await?;
        self.norm(3, 100, 2).await?;
        self.attention(&[1, 40, 17], Heads { count: 2, depth: 32 }, 3).await?;
        self.attention(&[65], Heads { count: 1, depth: 64 }, 4).await?;
        self.pool(&[1, 5, 30], 100, 5).await?;
        self.logit(3, 100, 6).await?;
        let vector = Readout::Vector { pooling: Pooling::Mean, normalize: true };
        self.pass(&CONFIG, vector, &[1, 17, 40, 2], 7).await?;
        self.pass(&CONFIG, Readout::Logit, &[5, 33], 8).await
    }

    /// The product with each of its epilogues.
    pub async fn matmul(&self, rows: usize, inputs: usize, outputs: usize, seed: u64) -> Result<()> {
        let mut random = Random(SplitMix(seed));
        let x: Vec<Vec<f32>> = (0..rows).map(|_| random.row(inputs, self.grid())).collect();
        let codes = random.codes(outputs, inputs);
        let bias = random.units(outputs);
        let before = random.units(rows * padded(outputs));
        let products = scalar::linear(&wide(&x), &codes.data, &codes.scales, &bias);
        // What rounding is measured by: the sum of the magnitudes.
        let sizes = scalar::linear(&magnitudes(&x), &magnitudes_of(&codes.data), &codes.scales, &vec![1.0; outputs]);

        let mut linear = layout::Linear::new(padded(inputs), padded(outputs));
        linear.put(&codes, &bias, |row| row, |col| col);
        let linear = Linear::upload(&self.device, &linear)?;
        let x = self.device.upload_floats(&x.iter().flat_map(|row| pad(row)).collect::<Vec<_>>())?;
        let integers = Integers::new(&self.device, &self.kernels, rows, padded(inputs))?;
        let input = Input { rows, numbers: &x, integers: integers.as_ref() };
        for epilogue in Epilogue::ALL {
            let out = self.device.upload_floats(&before)?;
            let found = self
                .ran(&out, before.len(), |recording| recording.multiply(&self.kernels, input, &linear, epilogue, &out))
                .await?;
            for (r, found) in found.chunks_exact(padded(outputs)).enumerate() {
                let expected = |c: usize| match epilogue {
                    Epilogue::Nothing => products[r][c],
                    Epilogue::Gelu => scalar::gelu(products[r][c]),
                    Epilogue::Add => products[r][c] + f64::from(before[r * padded(outputs) + c]),
                    Epilogue::Tanh => products[r][c].tanh(),
                };
                let expected: Vec<f64> = (0..outputs).map(expected).collect();
                compare(&format!("matmul, {epilogue:?}"), &found[..outputs], &expected, |c| sizes[r][c])?;
            }
        }
        Ok(())
    }

    pub async fn norm(&self, rows: usize, width: usize, seed: u64) -> Result<()> {
        let mut random = Random(SplitMix(seed));
        let (scale, shift) = (10f32.powi(random.0.below(5) as i32 - 2), random.unit() * 3.0);
        let given: Vec<Vec<f32>> =
            (0..rows).map(|_| random.units(width).iter().map(|x| (x + shift) * scale).collect()).collect();
        let (weight, bias) = (random.units(width), random.units(width));
        let norm = Norm::upload(&self.device, &weight, &bias, 1e-12)?;
        let values = self.device.upload_floats(&given.iter().flat_map(|row| pad(row)).collect::<Vec<_>>())?;
        let found = self
            .ran(&values, rows * padded(width), |recording| recording.normalise(&self.kernels, rows, &norm, &values))
            .await?;
        for (found, given) in found.chunks_exact(padded(width)).zip(wide(&given)) {
            let expected = scalar::layer_norm(&given, &weight, &bias, 1e-12);
            compare("norm", &found[..width], &expected, |i| 1.0 + expected[i].abs())?;
            compare("norm", &found[width..], &vec![0.0; padded(width) - width], |_| 0.0)?;
        }
        Ok(())
    }

    pub async fn attention(&self, lengths: &[u32], heads: Heads, seed: u64) -> Result<()> {
        let mut random = Random(SplitMix(seed));
        let (width, tokens) = (heads.width(), lengths.iter().sum::<u32>() as usize);
        let grid = self.kernels.extras().has(Extra::Half).then_some(Grid::HALF);
        // Wide scores make the softmax sharp, narrow ones flat. Powers of two add no bits to a number.
        let sharpness = [0.125, 1.0, 8.0][random.0.below(3)];
        let mut qkv = vec![0.0; tokens * 3 * width];
        for (third, part) in qkv.chunks_exact_mut(width).enumerate() {
            for index in 0..heads.count * heads.depth {
                part[heads.place(index)] = random.on(grid) * if third % 3 == 0 { sharpness } else { 1.0 };
            }
        }
        let tiles = Rows { sums: &[], lengths }.tiles();
        let given = self.device.upload_floats(&qkv)?;
        let (out, places) = (self.device.storage(tokens * width * 4)?, self.device.storage(tiles.len() * 4)?);
        self.device.write_words(&places, &tiles)?;
        let found = self
            .ran(&out, tokens * width, |recording| {
                recording.attend(&self.kernels, heads, (&places, tiles.len() / 4), &given, &out)
            })
            .await?;
        let mut first = 0;
        for &length in lengths {
            let rows = first..first + length as usize;
            for head in 0..heads.count {
                let part = |third: usize| -> Vec<Vec<f64>> {
                    let at = third * width + head * heads.stride();
                    let rows = rows.clone().map(|row| &qkv[row * 3 * width + at..][..heads.depth]);
                    rows.map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
                };
                let expected = scalar::attention(&part(0), &part(1), &part(2));
                for (row, expected) in rows.clone().zip(expected) {
                    let found = &found[row * width + head * heads.stride()..][..heads.depth];
                    compare("attention", found, &expected, |_| 1.0)?;
                }
            }
            first = rows.end;
        }
        Ok(())
    }

    /// Pooling in each of its ways.
    pub async fn pool(&self, lengths: &[u32], width: usize, seed: u64) -> Result<()> {
        let mut random = Random(SplitMix(seed));
        let states: Vec<Vec<f32>> = (0..lengths.iter().sum::<u32>()).map(|_| random.units(width)).collect();
        let given = self.device.upload_floats(&states.iter().flat_map(|row| pad(row)).collect::<Vec<_>>())?;
        let (states, rows) = (wide(&states), Rows { sums: &[], lengths });
        for (pooling, normalize) in [(Pooling::Mean, true), (Pooling::Cls, false), (Pooling::Last, true)] {
            let ranges = rows.ranges(pooling);
            let places = self.device.storage(ranges.len() * 4)?;
            self.device.write_words(&places, &ranges)?;
            let count = lengths.len();
            let out = self.device.storage(count * padded(width) * 4)?;
            let found = self
                .ran(&out, count * padded(width), |recording| {
                    recording.pool(&self.kernels, width, normalize, (&places, count), &given, &out)
                })
                .await?;
            for (range, found) in ranges.chunks_exact(2).zip(found.chunks_exact(padded(width))) {
                let (first, length) = (range[0] as usize, range[1] as usize);
                compare("pool", &found[..width], &oracle::pool(&states[first..first + length], normalize), |_| 1.0)?;
            }
        }
        Ok(())
    }

    pub async fn logit(&self, count: usize, width: usize, seed: u64) -> Result<()> {
        let mut random = Random(SplitMix(seed));
        let (weight, bias) = (random.units(width), random.unit());
        let pooled: Vec<Vec<f32>> = (0..count).map(|_| random.units(width)).collect();
        let expected: Vec<f64> =
            pooled.iter().map(|row| f64::from(scalar::dot_f32(row, &weight)) + f64::from(bias)).collect();
        let given = self.device.upload_floats(&pooled.iter().flat_map(|row| pad(row)).collect::<Vec<_>>())?;
        let (weight, out) = (self.device.upload_floats(&weight)?, self.device.storage(count * 4)?);
        let found = self
            .ran(&out, count, |recording| recording.logits(&self.kernels, count, (&weight, bias), width, &given, &out))
            .await?;
        compare("logit", &found, &expected, |_| 1.0 + width as f64)
    }

    /// A whole pass of a model with random weights: states, and what they are read for.
    pub async fn pass(&self, config: &BertConfig, readout: Readout, lengths: &[u32], seed: u64) -> Result<()> {
        let weights = RandomWeights(seed);
        let mut random = Random(SplitMix(seed));
        let tokens = lengths.iter().sum::<u32>();
        let sums: Vec<f32> = (0..tokens).flat_map(|_| pad(&random.units(config.hidden))).collect();
        let rows = Rows { sums: &sums, lengths };
        let device = Rc::clone(&self.device);
        let encoder = Encoder::load(device, Rc::clone(&self.kernels), config.clone(), readout, &weights).await?;

        let expected = oracle::states(config, &weights, rows)?;
        let found = encoder.states(rows).await?;
        let found_rows = found.chunks_exact(config.hidden);
        for (found, expected) in found_rows.zip(expected.iter().flatten()) {
            alike("a whole pass", found, expected)?;
        }
        let found = encoder.run(rows).await?;
        for (found, states) in found.chunks_exact(found.len() / lengths.len()).zip(&expected) {
            let expected = oracle::read_out(readout, &weights, states)?;
            match readout {
                Readout::Vector { .. } => alike("pooling of a whole pass", found, &expected)?,
                Readout::Logit => compare("the logit of a whole pass", found, &expected, |_| 100.0)?,
            }
        }
        Ok(())
    }

    /// Milliseconds that a batch takes, by `clock`: the least of three, after one that may have to warm up.
    pub async fn time(&self, clock: &dyn Fn() -> f64) -> Result<f64> {
        let (device, kernels) = (Rc::clone(&self.device), Rc::clone(&self.kernels));
        let readout = Readout::Vector { pooling: Pooling::Mean, normalize: true };
        let encoder = Encoder::load(device, kernels, TIMED, readout, &RandomWeights(9)).await?;
        let tokens = TIMED_LENGTHS.iter().sum::<u32>() as usize;
        let sums = Random(SplitMix(9)).units(tokens * TIMED.hidden);
        let rows = Rows { sums: &sums, lengths: &TIMED_LENGTHS };
        encoder.run(rows).await?;
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let start = clock();
            encoder.run(rows).await?;
            least = least.min(clock() - start);
        }
        Ok(least)
    }

    /// What products take without rounding; any number where they round nothing.
    fn grid(&self) -> Option<Grid> {
        let extras = self.kernels.extras();
        let half = extras.has(Extra::Half).then_some(Grid::HALF);
        if extras.has(Extra::Packed) {
            Some(Grid::INTEGERS)
        } else {
            half
        }
    }

    /// Records with `record`, submits, and reads `count` numbers of `out` back.
    async fn ran(
        &self,
        out: &Buffer,
        count: usize,
        record: impl FnOnce(&mut Recording<'_>) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let scopes = self.device.watch();
        let (uniforms, staging) = (self.device.uniforms()?, self.device.staging(count * 4)?);
        let submitted = self.device.record(&uniforms).and_then(|mut recording| {
            record(&mut recording)?;
            recording.submit(out, &staging, count)
        });
        let verdicts = scopes.close();
        let read = match submitted {
            Ok(reading) => reading.floats().await,
            Err(error) => Err(error),
        };
        verdicts.verdict().await?;
        read
    }
}

/// Each number within the tolerance times its `size`.
fn compare(what: &str, found: &[f32], expected: &[f64], size: impl Fn(usize) -> f64) -> Result<()> {
    if found.len() != expected.len() {
        return Err(wrong(what, format!("{} numbers instead of {}", found.len(), expected.len())));
    }
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        // Not the other way round: NaN is no smaller than anything.
        let close = (f64::from(found) - expected).abs() <= TOLERANCE * size(i);
        if !close {
            return Err(wrong(what, format!("{found} instead of {expected}")));
        }
    }
    Ok(())
}

fn alike(what: &str, found: &[f32], expected: &[f64]) -> Result<()> {
    let dot = |pairs: &mut dyn Iterator<Item = (f64, f64)>| pairs.map(|(a, b)| a * b).sum::<f64>();
    let wide = || found.iter().map(|&x| f64::from(x));
    let lengths = dot(&mut wide().zip(wide())) * dot(&mut expected.iter().map(|&x| (x, x)));
    let cosine = dot(&mut wide().zip(expected.iter().copied())) / lengths.sqrt();
    match cosine >= COSINE {
        true => Ok(()),
        false => Err(wrong(what, format!("a row whose cosine with the right one is {cosine}"))),
    }
}

/// How what a check says begins, where it is not of a device that is lost or has no memory left.
pub(super) const WRONG: &str = "this GPU computes wrongly";

fn wrong(what: &str, difference: String) -> Error {
    Error::unsupported(format!("{WRONG}: {what} gave {difference}"))
}

struct Random(SplitMix);

impl Random {
    /// In -1..1, with 24 bits.
    fn unit(&mut self) -> f32 {
        (self.0.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// In -1..=1, on the grid if there is one.
    fn on(&mut self, grid: Option<Grid>) -> f32 {
        let unit = self.unit();
        grid.map_or(unit, |Grid { levels, step }| (unit * levels).round() * step)
    }

    /// Numbers of which one is as great as those of the grid can be.
    fn row(&mut self, len: usize, grid: Option<Grid>) -> Vec<f32> {
        let mut row: Vec<f32> = (0..len).map(|_| self.on(grid)).collect();
        if let (Some(Grid { levels, step }), Some(last)) = (grid, row.last_mut()) {
            *last = levels * step;
        }
        row
    }

    fn units(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.unit()).collect()
    }

    /// A layer of the size that training gives: products keep the variance of their input.
    fn codes(&mut self, rows: usize, cols: usize) -> Codes {
        let data = (0..rows * cols).map(|_| (self.0.below(255) as i32 - 127) as i8).collect();
        let spread = (3.0 / cols as f32).sqrt() / 127.0;
        Codes { data, scales: (0..rows).map(|_| spread * (1.0 + 0.5 * self.unit())).collect() }
    }
}

/// A model that is made as it is read: each tensor by its name.
struct RandomWeights(u64);

impl RandomWeights {
    fn of(&self, name: &str) -> Random {
        Random(SplitMix(fnv1a(self.0, name)))
    }
}

impl FloatWeights for RandomWeights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let mut random = self.of(name);
        Ok((0..shape.iter().product()).map(|_| centre + 0.2 * random.unit()).collect())
    }

    fn row(&self, name: &str, _: usize, width: usize) -> Result<Vec<f32>> {
        self.tensor(name, &[width])
    }
}

impl Int8Weights for RandomWeights {
    fn codes(&self, name: &str, rows: usize, cols: usize) -> Result<Codes> {
        Ok(self.of(name).codes(rows, cols))
    }
}

fn pad(row: &[f32]) -> Vec<f32> {
    let mut row = row.to_vec();
    row.resize(padded(row.len()), 0.0);
    row
}

fn wide(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    rows.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

fn magnitudes(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    rows.iter().map(|row| row.iter().map(|&x| f64::from(x.abs())).collect()).collect()
}

fn magnitudes_of(codes: &[i8]) -> Vec<i8> {
    codes.iter().map(|code| code.abs()).collect()
}
