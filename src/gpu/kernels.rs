//! The kernels compiled for one device, and how each is called.

use super::device::{Buffer, Device, Kernel, Recording};
use super::extras::{Extra, Extras};
use super::layout::{self, Heads};
use crate::error::{Error, Result};
use crate::kernel::padded;

/// The texts of the kernels; another in place of one is how tests show that [`super::probe`] looks.
#[derive(Clone, Debug)]
pub struct Sources {
    pub matmul: String,
    pub matmul_half: String,
    pub packed: String,
    pub quantise: String,
    /// Goes behind `matmul`, `matmul_half` and `packed`.
    pub product: String,
    /// This or the next goes behind `quantise`, `norm`, `pool` and `logit`.
    pub reduce: String,
    pub reduce_subgroups: String,
    pub norm: String,
    pub attention: String,
    pub attention_half: String,
    /// Goes behind `attention` and `attention_half`.
    pub heads: String,
    pub pool: String,
    pub logit: String,
    /// Goes before `matmul_half` and `attention_half`.
    pub half: String,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources {
            matmul: include_str!("matmul.wgsl").into(),
            matmul_half: include_str!("matmul-half.wgsl").into(),
            packed: include_str!("matmul-packed.wgsl").into(),
            quantise: include_str!("quantise.wgsl").into(),
            product: include_str!("product.wgsl").into(),
            reduce: include_str!("reduce.wgsl").into(),
            reduce_subgroups: include_str!("reduce-subgroups.wgsl").into(),
            norm: include_str!("norm.wgsl").into(),
            attention: include_str!("attention.wgsl").into(),
            attention_half: include_str!("attention-half.wgsl").into(),
            heads: include_str!("heads.wgsl").into(),
            pool: include_str!("pool.wgsl").into(),
            logit: include_str!("logit.wgsl").into(),
            half: include_str!("held-f16.wgsl").into(),
        }
    }
}

impl Sources {
    /// Another for other texts, or another version of what calls them.
    pub fn digest(&self) -> u64 {
        let Sources { matmul, matmul_half, packed, quantise, product, norm, .. } = self;
        let Sources { attention, attention_half, heads, pool, logit, half, reduce, reduce_subgroups, .. } = self;
        let products = [matmul, matmul_half, packed, quantise, product];
        let others = [norm, attention, attention_half, heads, pool, logit, half, reduce, reduce_subgroups];
        products.into_iter().chain(others).map(String::as_str).chain([env!("CARGO_PKG_VERSION")]).fold(0, fnv1a)
    }
}

/// The hash function of Fowler, Noll and Vo, begun with what `seed` makes of its beginning.
pub(super) fn fnv1a(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What follows a product: values of `EPILOGUE` in `product.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Epilogue {
    Nothing,
    Gelu,
    /// Added to what is there.
    Add,
    Tanh,
}

impl Epilogue {
    pub const ALL: [Epilogue; 4] = [Epilogue::Nothing, Epilogue::Gelu, Epilogue::Add, Epilogue::Tanh];
}

pub struct Kernels {
    extras: Extras,
    /// By epilogue.
    matmul: [Kernel; 4],
    /// Where `matmul` takes integers.
    quantise: Option<Kernel>,
    norm: Kernel,
    attention: Kernel,
    /// For heads of more than [`NARROW`] numbers, where those are another's.
    wide_attention: Option<Kernel>,
    pool: Kernel,
    logit: Kernel,
}

/// Rows and outputs of what a workgroup makes: `ROWS` and `COLUMNS` of `product.wgsl`.
const TILE: [usize; 2] = [32, 64];

/// Numbers of a head that `attention.wgsl` takes where it is not `WIDE`.
const NARROW: usize = 32;

impl Kernels {
    /// Kernels that make use of `extras`.
    ///
    /// Errors: `Unsupported` for a kernel that the device does not take.
    pub async fn compile(device: &Device, sources: &Sources, extras: Extras) -> Result<Kernels> {
        let Sources { matmul, matmul_half, packed, product, attention, attention_half, heads, half, .. } = sources;
        let (integers, halves) = (extras.has(Extra::Packed), extras.has(Extra::Half));
        let product = match (integers, halves) {
            (true, _) => format!("{packed}{product}"),
            (false, true) => format!("{half}{matmul_half}{product}"),
            (false, false) => format!("{matmul}{product}"),
        };
        let matmul = async |epilogue| device.kernel("matmul", &product, &[("EPILOGUE", epilogue as u32)]).await;
        let [nothing, gelu, add, tanh] = Epilogue::ALL;
        let matmul = [matmul(nothing).await?, matmul(gelu).await?, matmul(add).await?, matmul(tanh).await?];
        let by_row = async |label, text: &str| {
            let text = match extras.has(Extra::Subgroups) {
                true => format!("enable subgroups;\n{text}{}", sources.reduce_subgroups),
                false => format!("{text}{}", sources.reduce),
            };
            device.kernel(label, &text, &[]).await
        };
        let quantise = match integers {
            true => Some(by_row("quantise", &sources.quantise).await?),
            false => None,
        };
        let (attention, wide_attention) = match halves {
            true => (device.kernel("attention", &format!("{half}{attention_half}{heads}"), &[]).await?, None),
            false => {
                let text = format!("{attention}{heads}");
                let plain = async |wide| device.kernel("attention", &text, &[("WIDE", wide)]).await;
                (plain(0).await?, Some(plain(1).await?))
            }
        };
        Ok(Kernels {
            extras,
            matmul,
            quantise,
            norm: by_row("norm", &sources.norm).await?,
            attention,
            wide_attention,
            pool: by_row("pool", &sources.pool).await?,
            logit: by_row("logit", &sources.logit).await?,
        })
    }

    /// What they make use of.
    pub fn extras(&self) -> Extras {
        self.extras
    }
}

/// Where rows become integers before they are multiplied.
pub(super) struct Integers {
    /// Two bytes a number.
    codes: Buffer,
    steps: Buffer,
}

impl Integers {
    /// Room for `rows` rows of `inputs` numbers, a multiple of four; none where kernels multiply the rows themselves.
    pub fn new(device: &Device, kernels: &Kernels, rows: usize, inputs: usize) -> Result<Option<Integers>> {
        if kernels.quantise.is_none() {
            return Ok(None);
        }
        let (codes, steps) = (device.storage(rows * inputs * 2)?, device.storage(rows * size_of::<f32>())?);
        Ok(Some(Integers { codes, steps }))
    }
}

/// Rows that are to be multiplied.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub rows: usize,
    /// `[rows, inputs of the layer]`
    pub numbers: &'a Buffer,
    /// As [`Integers::new`] has it.
    pub integers: Option<&'a Integers>,
}

/// A linear layer on the device.
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    codes: Buffer,
    affine: Buffer,
}

impl Linear {
    pub fn upload(device: &Device, linear: &layout::Linear) -> Result<Linear> {
        Ok(Linear {
            inputs: linear.inputs,
            outputs: linear.outputs,
            codes: device.upload_bytes(&linear.codes)?,
            affine: device.upload_floats(&linear.affine)?,
        })
    }
}

/// A layer normalisation on the device.
pub(super) struct Norm {
    width: usize,
    eps: f32,
    affine: Buffer,
}

impl Norm {
    pub fn upload(device: &Device, weight: &[f32], bias: &[f32], eps: f32) -> Result<Norm> {
        let affine = device.upload_floats(&layout::interleaved(weight, bias))?;
        Ok(Norm { width: weight.len(), eps, affine })
    }
}

impl Recording<'_> {
    /// `out` `[rows, outputs]`.
    pub fn multiply(
        &mut self,
        kernels: &Kernels,
        input: Input<'_>,
        linear: &Linear,
        epilogue: Epilogue,
        out: &Buffer,
    ) -> Result<()> {
        let Input { rows, numbers, integers } = input;
        let vectors = (linear.inputs / 4) as u32;
        let shape = [rows as u32, vectors, linear.outputs as u32, 0];
        let groups = [linear.outputs.div_ceil(TILE[1]), rows.div_ceil(TILE[0])];
        let product = &kernels.matmul[epilogue as usize];
        let Some(quantise) = &kernels.quantise else {
            return self.dispatch(product, shape, &[numbers, &linear.codes, &linear.affine, out], groups);
        };
        let Integers { codes, steps } = integers.ok_or_else(|| Error::internal("no room for integers"))?;
        self.dispatch(quantise, [vectors, 0, 0, 0], &[numbers, codes, steps], [rows, 1])?;
        self.dispatch(product, shape, &[codes, &linear.codes, &linear.affine, out, steps], groups)
    }

    /// Normalises `values` `[rows, padded width]` in place.
    pub fn normalise(&mut self, kernels: &Kernels, rows: usize, norm: &Norm, values: &Buffer) -> Result<()> {
        let shape = [rows as u32, norm.width as u32, padded(norm.width) as u32, norm.eps.to_bits()];
        self.dispatch(&kernels.norm, shape, &[&norm.affine, values], [rows, 1])
    }

    /// `tiles` as [`layout::Rows::tiles`] makes them, `count` of them; `qkv` `[rows, 3 * width]` to `out` `[rows, width]`.
    pub fn attend(
        &mut self,
        kernels: &Kernels,
        heads: Heads,
        (tiles, count): (&Buffer, usize),
        qkv: &Buffer,
        out: &Buffer,
    ) -> Result<()> {
        let scale = 1.0 / (heads.depth as f32).sqrt();
        let shape = [(heads.stride() / 4) as u32, (heads.width() / 4) as u32, scale.to_bits(), 0];
        let wide = kernels.wide_attention.as_ref().filter(|_| heads.stride() > NARROW);
        self.dispatch(wide.unwrap_or(&kernels.attention), shape, &[tiles, qkv, out], [count, heads.count])
    }

    /// `ranges` of rows of `states` `[rows, padded width]`, `count` of them, to `out` `[count, padded width]`.
    pub fn pool(
        &mut self,
        kernels: &Kernels,
        width: usize,
        normalize: bool,
        (ranges, count): (&Buffer, usize),
        states: &Buffer,
        out: &Buffer,
    ) -> Result<()> {
        let shape = [width as u32, padded(width) as u32, u32::from(normalize), 0];
        self.dispatch(&kernels.pool, shape, &[ranges, states, out], [count, 1])
    }

    /// `pooled` `[count, padded width]` to `out` `[count]`.
    pub fn logits(
        &mut self,
        kernels: &Kernels,
        count: usize,
        (weight, bias): (&Buffer, f32),
        width: usize,
        pooled: &Buffer,
        out: &Buffer,
    ) -> Result<()> {
        let shape = [width as u32, padded(width) as u32, bias.to_bits(), 0];
        self.dispatch(&kernels.logit, shape, &[weight, pooled, out], [count, 1])
    }
}
