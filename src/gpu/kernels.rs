//! The kernels compiled for one device, and how each is called.

use super::device::{Buffer, Device, Kernel, Recording};
use super::layout::{self, Heads};
use crate::error::Result;
use crate::kernel::padded;

/// The texts of the kernels; another in place of one is how tests show that [`super::probe`] looks.
#[derive(Clone, Debug)]
pub struct Sources {
    pub matmul: String,
    pub norm: String,
    pub attention: String,
    pub pool: String,
    pub logit: String,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources {
            matmul: include_str!("matmul.wgsl").into(),
            norm: include_str!("norm.wgsl").into(),
            attention: include_str!("attention.wgsl").into(),
            pool: include_str!("pool.wgsl").into(),
            logit: include_str!("logit.wgsl").into(),
        }
    }
}

/// What follows a product: values of `EPILOGUE` in `matmul.wgsl`.
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
    /// By epilogue.
    matmul: [Kernel; 4],
    norm: Kernel,
    attention: Kernel,
    pool: Kernel,
    logit: Kernel,
}

/// Rows and outputs of a tile of `matmul.wgsl`.
const TILE: [usize; 2] = [32, 64];

impl Kernels {
    /// Errors: `Unsupported` for a kernel that the device does not take.
    pub async fn compile(device: &Device, sources: &Sources) -> Result<Kernels> {
        let matmul = async |epilogue: Epilogue| {
            let constants = [("EPILOGUE", epilogue as u32)];
            device.kernel("matmul", &sources.matmul, &constants).await
        };
        let [nothing, gelu, add, tanh] = Epilogue::ALL;
        Ok(Kernels {
            matmul: [matmul(nothing).await?, matmul(gelu).await?, matmul(add).await?, matmul(tanh).await?],
            norm: device.kernel("norm", &sources.norm, &[]).await?,
            attention: device.kernel("attention", &sources.attention, &[]).await?,
            pool: device.kernel("pool", &sources.pool, &[]).await?,
            logit: device.kernel("logit", &sources.logit, &[]).await?,
        })
    }
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
    /// `out` `[rows, outputs]` of `x` `[rows, inputs]`.
    pub fn multiply(
        &mut self,
        kernels: &Kernels,
        rows: usize,
        x: &Buffer,
        linear: &Linear,
        epilogue: Epilogue,
        out: &Buffer,
    ) -> Result<()> {
        let shape = [rows as u32, (linear.inputs / 4) as u32, linear.outputs as u32, 0];
        let groups = [linear.outputs.div_ceil(TILE[1]), rows.div_ceil(TILE[0])];
        let buffers = [x, &linear.codes, &linear.affine, out];
        self.dispatch(&kernels.matmul[epilogue as usize], shape, &buffers, groups)
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
        self.dispatch(&kernels.attention, shape, &[tiles, qkv, out], [count, heads.count])
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
