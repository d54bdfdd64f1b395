//! Tensors as the encoder takes them: matrices in int8 with one scale a row, everything small in f32. A loader puts
//! tensors in under their normalised names ([`normalise_name`]); the encoder takes each one out, exactly once, by
//! name and shape.

use super::table::{BlockTable, Table};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// A linear layer or embedding table `w[row][col] = data[row * cols + col] * scales[row]`, symmetric: codes are in
/// -127..=127, zero is exact, and `|w - code * scale| <= scale / 2` for the weights it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantMatrix {
    /// Outputs of a linear layer; entries of an embedding table.
    pub rows: usize,
    /// Inputs of a linear layer; width of an embedding.
    pub cols: usize,
    /// Row-major, `rows * cols` codes.
    pub data: Vec<i8>,
    /// One for each row, finite and not negative.
    pub scales: Vec<f32>,
}

/// Largest code: -128 is left unused so that a code and its negative are both representable.
pub const MAX_CODE: f32 = 127.0;

/// Quantises one row, appending its codes to `data`; returns its scale, `max |w| / 127`. Rows of zeros have scale 0.
/// The caller has checked that every number is finite.
pub fn quantise_row(row: &[f32], data: &mut Vec<i8>) -> f32 {
    let largest = row.iter().fold(0f32, |m, w| m.max(w.abs()));
    let scale = largest / MAX_CODE;
    // A subnormal maximum can give scale 0, or one whose inverse overflows: such a row is zero for every purpose.
    if !scale.is_normal() {
        data.resize(data.len() + row.len(), 0);
        return 0.0;
    }
    data.extend(row.iter().map(|w| (w / scale).round_ties_even().clamp(-MAX_CODE, MAX_CODE) as i8));
    scale
}

impl QuantMatrix {
    /// Quantises `rows * cols` finite numbers, row-major.
    pub fn quantise(rows: usize, cols: usize, values: &[f32]) -> Result<QuantMatrix> {
        if rows.checked_mul(cols) != Some(values.len()) {
            return Err(Error::invalid(format!("{} values for a matrix of {rows} x {cols}", values.len())));
        }
        if let Some(at) = values.iter().position(|w| !w.is_finite()) {
            return Err(Error::corrupt(format!("weight {at} of a matrix of {rows} x {cols} is not a finite number")));
        }
        let mut data = Vec::with_capacity(values.len());
        let scales = match cols {
            0 => vec![0.0; rows],
            _ => values.chunks_exact(cols).map(|row| quantise_row(row, &mut data)).collect(),
        };
        Ok(QuantMatrix { rows, cols, data, scales })
    }

    /// Codes of one row. `row < self.rows`.
    pub fn row(&self, row: usize) -> &[i8] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// One row as numbers, written to `out` (`cols` long): for embedding tables.
    pub fn dequantise_row(&self, row: usize, out: &mut [f32]) {
        let scale = self.scales[row];
        for (number, code) in out.iter_mut().zip(self.row(row)) {
            *number = f32::from(*code) * scale;
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    Quant(QuantMatrix),
    /// An embedding table at 4 bits a number.
    Blocks(BlockTable),
    Float {
        shape: Vec<usize>,
        data: Vec<f32>,
    },
}

impl Tensor {
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Tensor::Quant(matrix) => vec![matrix.rows, matrix.cols],
            Tensor::Blocks(table) => vec![table.rows, table.cols],
            Tensor::Float { shape, .. } => shape.clone(),
        }
    }

    fn storage(&self) -> &'static str {
        match self {
            Tensor::Quant(_) => "int8",
            Tensor::Blocks(_) => "in blocks of 4 bits",
            Tensor::Float { .. } => "f32",
        }
    }
}

/// A model's tensors by normalised name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    pub fn new() -> Weights {
        Weights::default()
    }

    /// Puts a tensor in under its normalised name. Two with the same name are an error.
    pub fn insert(&mut self, name: &str, tensor: Tensor) -> Result<()> {
        match self.tensors.insert(normalise_name(name), tensor) {
            None => Ok(()),
            Some(_) => Err(Error::corrupt(format!("tensor {name:?} is there twice"))),
        }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names and tensors that were not taken yet, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The word embeddings.
    pub fn take_table(&mut self, name: &str, rows: usize, cols: usize) -> Result<Table> {
        match self.take(name, &[rows, cols])? {
            Tensor::Quant(matrix) => Ok(Table::Int8(matrix)),
            Tensor::Blocks(table) => Ok(Table::Blocks(table)),
            Tensor::Float { .. } => Err(Error::corrupt(format!("tensor {name:?} should be quantised and is f32"))),
        }
    }

    /// A quantised matrix: every linear layer, and the position embeddings.
    pub fn take_matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<QuantMatrix> {
        match self.take(name, &[rows, cols])? {
            Tensor::Quant(matrix) => Ok(matrix),
            other => Err(Error::corrupt(format!("tensor {name:?} should be int8 and is {}", other.storage()))),
        }
    }

    /// Full-precision numbers of any shape, row-major: what is too small or too delicate to quantise, such as the token-type
    /// embeddings and the one row of a classifier.
    pub fn take_floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self.take(name, shape)? {
            Tensor::Float { data, .. } => Ok(data),
            other => Err(Error::corrupt(format!("tensor {name:?} should be f32 and is {}", other.storage()))),
        }
    }

    /// A bias, or the weights of a layer normalisation.
    pub fn take_vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        self.take_floats(name, &[len])
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.tensors.get(name).ok_or_else(|| Error::corrupt(format!("tensor {name:?} is missing")))?;
        if tensor.shape() != shape {
            let found = tensor.shape();
            return Err(Error::corrupt(format!("tensor {name:?} has shape {found:?}, expected {shape:?}")));
        }
        self.tensors.remove(name).ok_or_else(|| Error::internal(format!("tensor {name:?} vanished")))
    }
}

/// One name for each tensor, whichever library wrote the file: without the prefix of the whole model, and with the
/// LayerNorm names of PyTorch instead of TensorFlow's.
pub fn normalise_name(name: &str) -> String {
    let name = name.strip_prefix("bert.").unwrap_or(name);
    if let Some(stem) = name.strip_suffix("LayerNorm.gamma") {
        return format!("{stem}LayerNorm.weight");
    }
    if let Some(stem) = name.strip_suffix("LayerNorm.beta") {
        return format!("{stem}LayerNorm.bias");
    }
    name.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_name(name: &str, expected: &str) {
        assert_eq!(normalise_name(name), expected);
    }

    #[test]
    fn names_are_the_same_whoever_wrote_them() {
        check_name("bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight");
        check_name("embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias");
        check_name("bert.pooler.dense.bias", "pooler.dense.bias");
        check_name("classifier.weight", "classifier.weight");
    }

    fn two_tensors() -> Weights {
        let mut weights = Weights::new();
        weights.insert("bert.a", Tensor::Quant(QuantMatrix::quantise(2, 2, &[1.0, -2.0, 0.0, 0.0]).unwrap())).unwrap();
        weights.insert("b", Tensor::Float { shape: vec![2], data: vec![1.0, 2.0] }).unwrap();
        weights
    }

    #[test]
    fn a_tensor_is_put_in_once_and_taken_once() {
        let mut weights = two_tensors();
        let twice = weights.insert("a", Tensor::Float { shape: vec![0], data: vec![] });
        assert_eq!(twice.unwrap_err().context, "tensor \"a\" is there twice");
        let mut weights = two_tensors();
        assert_eq!(weights.take_matrix("a", 2, 2).unwrap().row(0), [64, -127]);
        assert_eq!(weights.take_matrix("a", 2, 2).unwrap_err().context, "tensor \"a\" is missing");
        assert_eq!(weights.take_vector("b", 2).unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn a_tensor_is_taken_only_in_its_own_shape_and_kind() {
        let shape = two_tensors().take_matrix("a", 2, 3).unwrap_err();
        assert_eq!(shape.context, "tensor \"a\" has shape [2, 2], expected [2, 3]");
        assert!(two_tensors().take_floats("a", &[2, 2]).unwrap_err().context.contains("should be f32"));
        assert!(two_tensors().take_matrix("b", 1, 2).unwrap_err().context.contains("shape [2]"));
    }

    #[test]
    fn a_row_of_zeros_or_of_next_to_nothing_is_zero() {
        let matrix = QuantMatrix::quantise(3, 2, &[0.0, -0.0, 1e-44, 0.0, f32::MIN_POSITIVE, 0.0]).unwrap();
        assert_eq!(matrix.scales, [0.0; 3]);
        assert_eq!(matrix.data, [0; 6]);
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        assert!(QuantMatrix::quantise(1, 2, &[1.0, f32::NAN]).unwrap_err().context.contains("weight 1"));
        assert!(QuantMatrix::quantise(1, 1, &[f32::INFINITY]).is_err());
        assert!(QuantMatrix::quantise(2, 2, &[1.0]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn codes_are_within_half_a_scale(values in prop::collection::vec(-3f32..3.0, 1..64), magnitude in -20i32..20) {
            let values: Vec<f32> = values.iter().map(|v| v * 2f32.powi(magnitude)).collect();
            let matrix = QuantMatrix::quantise(1, values.len(), &values).unwrap();
            let mut back = vec![0.0; values.len()];
            matrix.dequantise_row(0, &mut back);
            for (w, q) in values.iter().zip(&back) {
                prop_assert!((w - q).abs() <= matrix.scales[0] * 0.500_01);
            }
        }
    }
}
