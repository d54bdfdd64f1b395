//! How int8 weights lie in memory for the kernels, and the quantised activations they meet.
//!
//! Weights: [`PANEL`] outputs form a *panel*; a panel is a run of [`Step`]s, each holding 4 successive inputs of its
//! outputs, output-major. A 512-bit register takes a step of 16 outputs, a 128-bit register 4 outputs of it, and a
//! kernel walks a panel from front to back. Outputs and inputs are padded with zeros.

use super::lanes::{Code, ROW};
use super::math::Affine;
use std::ops::Range;

/// Outputs of a panel: 16, or 12 where that is what fits the registers best (see `relaxed.rs`).
pub const PANEL: usize = if cfg!(all(target_arch = "wasm32", target_feature = "relaxed-simd")) { 12 } else { 16 };
/// Inputs of a step.
pub const DEPTH: usize = 4;

/// `DEPTH` inputs of `PANEL` outputs: element `output * DEPTH + input`. 16 outputs are one cache line.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(target_arch = "wasm32", repr(C, align(16)))]
#[cfg_attr(not(target_arch = "wasm32"), repr(C, align(64)))]
pub struct Step(pub [i8; PANEL * DEPTH]);

/// `n` rounded up to the row padding.
pub fn padded(n: usize) -> usize {
    n.div_ceil(ROW) * ROW
}

/// One linear layer as its model has it: `y = w x + bias`, `w[i][j] = data[i * cols + j] * scales[i]`.
pub struct Linear<'a> {
    pub rows: usize,
    pub cols: usize,
    pub data: &'a [i8],
    pub scales: &'a [f32],
    pub bias: &'a [f32],
}

/// Linear layers over the same input, packed one after the other; the outputs of each are padded as rows are.
#[derive(Debug)]
pub struct Packed {
    inputs: usize,
    width: usize,
    steps: Vec<Step>,
    outputs: Vec<Output>,
}

/// What a panel's epilogue needs of its outputs: `y = (a.scale * scale) * sum + (a.offset * reach + bias)`, `sum`
/// being the integer product and `a` the activation row.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub scale: [f32; PANEL],
    /// scale * (sum of the output's weights): what the activations' offset is multiplied with.
    pub reach: [f32; PANEL],
    pub bias: [f32; PANEL],
}

impl Packed {
    /// Packs layers that agree in `cols` and whose slices have the lengths that their sizes say.
    pub fn new(layers: &[Linear<'_>]) -> Packed {
        let inputs = layers.first().map_or(0, |layer| padded(layer.cols));
        let width = layers.iter().map(|layer| padded(layer.rows)).sum::<usize>();
        let panels = width.div_ceil(PANEL);
        let empty = Output { scale: [0.0; PANEL], reach: [0.0; PANEL], bias: [0.0; PANEL] };
        let steps = vec![Step([0; PANEL * DEPTH]); panels * inputs / DEPTH];
        let mut packed = Packed { inputs, width, steps, outputs: vec![empty; panels] };
        let mut first = 0;
        for layer in layers {
            for row in 0..layer.rows {
                packed.set(first + row, layer, row);
            }
            first += padded(layer.rows);
        }
        packed
    }

    /// Puts one row of a layer where output `at` is.
    fn set(&mut self, at: usize, layer: &Linear<'_>, row: usize) {
        let (panel, lane) = (at / PANEL, at % PANEL);
        let depth = self.inputs / DEPTH;
        let weights = &layer.data[row * layer.cols..][..layer.cols];
        let steps = &mut self.steps[panel * depth..][..depth];
        // Whole steps by copies of known length, which are moves; the others are calls.
        let (fours, rest) = weights.as_chunks::<DEPTH>();
        for (step, four) in steps.iter_mut().zip(fours) {
            step.0[lane * DEPTH..][..DEPTH].copy_from_slice(four);
        }
        if let Some(step) = steps.get_mut(fours.len()) {
            step.0[lane * DEPTH..][..rest.len()].copy_from_slice(rest);
        }
        let sum: i32 = weights.iter().map(|&w| i32::from(w)).sum();
        let output = &mut self.outputs[panel];
        output.scale[lane] = layer.scales[row];
        output.reach[lane] = layer.scales[row] * sum as f32;
        output.bias[lane] = layer.bias[row];
    }

    /// Inputs, padded.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs, padded.
    pub fn outputs(&self) -> usize {
        self.width
    }

    /// Multiplications and additions for one row.
    pub fn operations(&self) -> usize {
        2 * self.inputs * self.outputs()
    }

    /// Weights of some (padded) outputs as numbers, `[outputs.len(), inputs]`, for those who compute without them.
    pub fn dequantised(&self, outputs: Range<usize>, inputs: usize) -> Vec<f32> {
        let row = |row: usize| {
            let scale = self.outputs[row / PANEL].scale[row % PANEL];
            self.row(row, inputs).map(move |code| f32::from(code) * scale)
        };
        outputs.flat_map(row).collect()
    }

    /// The codes of some (padded) outputs, `[outputs.len(), inputs]`.
    pub fn codes(&self, outputs: Range<usize>, inputs: usize) -> Vec<i8> {
        outputs.flat_map(|row| self.row(row, inputs)).collect()
    }

    /// Scales of some (padded) outputs.
    pub fn scales(&self, outputs: Range<usize>) -> Vec<f32> {
        outputs.map(|row| self.outputs[row / PANEL].scale[row % PANEL]).collect()
    }

    fn row(&self, row: usize, inputs: usize) -> impl Iterator<Item = i8> + '_ {
        let (panel, lane) = (row / PANEL, row % PANEL);
        let depth = self.inputs / DEPTH;
        let steps = &self.steps[panel * depth..][..depth];
        steps.iter().flat_map(move |step| &step.0[lane * DEPTH..][..DEPTH]).copied().take(inputs)
    }

    /// Biases of some (padded) outputs.
    pub fn biases(&self, outputs: Range<usize>) -> Vec<f32> {
        outputs.map(|row| self.outputs[row / PANEL].bias[row % PANEL]).collect()
    }

    pub fn memory_bytes(&self) -> usize {
        size_of_val(&self.steps[..]) + size_of_val(&self.outputs[..])
    }

    /// Panels in the order of their outputs.
    pub fn panels(&self) -> impl Iterator<Item = (&[Step], &Output)> {
        self.steps.chunks_exact((self.inputs / DEPTH).max(1)).zip(&self.outputs)
    }
}

/// Rows of quantised activations. The buffers grow to the largest shape they were given and stay.
#[derive(Debug, Default)]
pub struct Activations {
    rows: usize,
    width: usize,
    codes: Vec<Code>,
    affine: Vec<Affine>,
}

impl Activations {
    /// Takes on a new shape; the contents are those of no particular row until written.
    pub fn reshape(&mut self, rows: usize, width: usize) {
        (self.rows, self.width) = (rows, padded(width));
        self.codes.resize(self.codes.len().max(rows * self.width), 0);
        self.affine.resize(self.affine.len().max(rows), Affine::default());
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Elements of a row, padding included.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn row(&self, row: usize) -> &[Code] {
        &self.codes[row * self.width..][..self.width]
    }

    pub fn affine(&self, row: usize) -> Affine {
        self.affine[row]
    }

    /// Codes of one row, and how they are to be read.
    pub fn row_mut(&mut self, row: usize) -> (&mut [Code], &mut Affine) {
        (&mut self.codes[row * self.width..][..self.width], &mut self.affine[row])
    }

    pub fn memory_bytes(&self) -> usize {
        size_of_val(&self.codes[..]) + size_of_val(&self.affine[..])
    }
}
