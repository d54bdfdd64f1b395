//! BERT weights out of an ONNX file that was quantised dynamically to int8, as onnxruntime's tools write it. Only
//! initialisers and the wiring of nodes are read; nothing is executed.
//!
//! Linear layers are `MatMulInteger` nodes whose weights [in, out] go by invented names; the real name is that of
//! the bias which is added a few nodes later. Embedding tables keep their names, with the suffix `_quantized`. Each
//! quantised tensor `X_quantized` has an `X_scale` and an `X_zero_point`, of one element or of one for each output:
//! `w = (q - zero_point) * scale`.

use super::layout::{Expected, Storage};
use super::protobuf::Fields;
use super::weights::{normalise_name, quantise_row, QuantMatrix, Tensor, Weights};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// A quantised matrix of the file, in the orientation [out, in]: `w[row][col] = values[row * cols + col] *
/// scales[row]`, values being codes less their zero point (-255 to 255).
struct Integers {
    rows: usize,
    cols: usize,
    values: Vec<i16>,
    scales: Vec<f32>,
}

enum Found {
    Integers(Integers),
    Floats { shape: Vec<usize>, data: Vec<f32> },
}

/// The weights of a BERT ONNX file, by the names that Hugging Face's checkpoints use.
pub struct OnnxWeights {
    tensors: HashMap<String, Found>,
}

impl OnnxWeights {
    /// Errors: `Corrupt` for what is no ONNX graph, `Integrity` where the file ends too early, `Unsupported` for
    /// types of numbers that dynamic quantisation does not write.
    pub fn read(file: &[u8]) -> Result<OnnxWeights> {
        let graph = Graph::read(file).map_err(|e| e.within("ONNX file"))?;
        let mut tensors = HashMap::new();
        for (name, tensor) in &graph.initializers {
            if let Some(stem) = name.strip_suffix("_quantized").filter(|stem| stem.contains('.')) {
                let embedding = graph.integers(stem, tensor, Orientation::RowsAreEntries)?;
                tensors.insert(normalise_name(stem), Found::Integers(embedding));
            } else if tensor.data_type == FLOAT && name.contains('.') {
                let (shape, data) = (tensor.shape.clone(), tensor.floats()?);
                tensors.insert(normalise_name(name), Found::Floats { shape, data });
            }
        }
        for (name, codes) in graph.linear_layers() {
            let stem = codes.strip_suffix("_quantized").unwrap_or(codes);
            let linear = graph.integers(stem, &graph.initializers[codes], Orientation::ColumnsAreOutputs)?;
            tensors.insert(normalise_name(&name), Found::Integers(linear));
        }
        Ok(OnnxWeights { tensors })
    }

    /// The tensors that a model needs, quantised as this engine wants them. Codes stay what they are wherever they
    /// fit into -127..=127 once the zero point is taken off; other rows are quantised again.
    pub fn quantised(&self, expected: &[Expected]) -> Result<Weights> {
        self.collect(expected, |found, storage| match (found, storage) {
            (Found::Integers(matrix), Storage::Quantised | Storage::Table) => Ok(Tensor::Quant(matrix.symmetric())),
            (Found::Integers(matrix), Storage::Float) => Ok(matrix.floats()),
            (Found::Floats { shape, data }, Storage::Quantised) if shape.len() == 2 => {
                QuantMatrix::quantise(shape[0], shape[1], data).map(Tensor::Quant)
            }
            (Found::Floats { shape, data }, _) => Ok(Tensor::Float { shape: shape.clone(), data: data.clone() }),
        })
    }

    /// The same in full precision, for comparison.
    pub fn full_precision(&self, expected: &[Expected]) -> Result<Weights> {
        self.collect(expected, |found, _| match found {
            Found::Integers(matrix) => Ok(matrix.floats()),
            Found::Floats { shape, data } => Ok(Tensor::Float { shape: shape.clone(), data: data.clone() }),
        })
    }

    fn collect(&self, expected: &[Expected], make: impl Fn(&Found, Storage) -> Result<Tensor>) -> Result<Weights> {
        let mut weights = Weights::new();
        for Expected { name, shape, storage } in expected {
            let found = self.tensors.get(name);
            let found = found.ok_or_else(|| Error::corrupt(format!("tensor {name:?} is missing in the ONNX file")))?;
            let tensor = make(found, *storage)?;
            if tensor.shape() != *shape {
                let found = tensor.shape();
                return Err(Error::corrupt(format!("tensor {name:?} has shape {found:?}, expected {shape:?}")));
            }
            weights.insert(name, tensor)?;
        }
        Ok(weights)
    }
}

impl Integers {
    fn symmetric(&self) -> QuantMatrix {
        let mut data = Vec::with_capacity(self.values.len());
        let mut scales = Vec::with_capacity(self.rows);
        for (row, scale) in self.values.chunks_exact(self.cols).zip(&self.scales) {
            if row.iter().all(|value| (-127..=127).contains(value)) {
                data.extend(row.iter().map(|value| *value as i8));
                scales.push(*scale);
            } else {
                let numbers: Vec<f32> = row.iter().map(|value| f32::from(*value) * scale).collect();
                scales.push(quantise_row(&numbers, &mut data));
            }
        }
        QuantMatrix { rows: self.rows, cols: self.cols, data, scales }
    }

    fn floats(&self) -> Tensor {
        let rows = self.values.chunks_exact(self.cols).zip(&self.scales);
        let data = rows.flat_map(|(row, scale)| row.iter().map(move |value| f32::from(*value) * scale)).collect();
        Tensor::Float { shape: vec![self.rows, self.cols], data }
    }
}

enum Orientation {
    /// [entries, width], as embeddings are.
    RowsAreEntries,
    /// [in, out], as linear layers are: transposed.
    ColumnsAreOutputs,
}

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT8: u64 = 3;

/// `TensorProto`, of which dynamic quantisation writes large ones as raw bytes and single numbers as fields.
#[derive(Default)]
struct Initializer<'a> {
    data_type: u64,
    shape: Vec<usize>,
    raw: &'a [u8],
    integers: Vec<i64>,
    numbers: Vec<f32>,
}

#[derive(Default)]
struct Node<'a> {
    kind: &'a str,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
}

#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    initializers: HashMap<&'a str, Initializer<'a>>,
}

impl<'a> Graph<'a> {
    fn read(file: &'a [u8]) -> Result<Graph<'a>> {
        let mut graph = None;
        for field in Fields::new(file) {
            // ModelProto.graph
            if let (7, value) = field? {
                graph = Some(value.bytes()?);
            }
        }
        let message = graph.ok_or_else(|| Error::corrupt("no graph"))?;
        let mut graph = Graph::default();
        for field in Fields::new(message) {
            match field? {
                (1, node) => graph.nodes.push(Node::read(node.bytes()?)?),
                (5, tensor) => {
                    let (name, tensor) = Initializer::read(tensor.bytes()?)?;
                    graph.initializers.insert(name, tensor);
                }
                _ => {}
            }
        }
        Ok(graph)
    }

    /// Names of the linear layers' weights, each with the name of its codes.
    fn linear_layers(&self) -> Vec<(String, &'a str)> {
        let mut consumers: HashMap<&str, &Node> = HashMap::new();
        for node in &self.nodes {
            for input in &node.inputs {
                consumers.entry(input).or_insert(node);
            }
        }
        // The product is cast, multiplied by the scales, and has its bias added.
        let bias_after = |product: &Node<'a>| {
            let mut node = product;
            for _ in 0..4 {
                node = consumers.get(node.outputs.first()?)?;
                let is_bias = |input: &&&str| input.ends_with(".bias") && self.initializers.contains_key(**input);
                if let Some(bias) = node.inputs.iter().find(is_bias).filter(|_| node.kind == "Add") {
                    return bias.strip_suffix(".bias");
                }
            }
            None
        };
        let products = self.nodes.iter().filter(|node| node.kind == "MatMulInteger" && node.inputs.len() > 1);
        let products = products.filter(|node| self.initializers.contains_key(node.inputs[1]));
        products.filter_map(|node| Some((format!("{}.weight", bias_after(node)?), node.inputs[1]))).collect()
    }

    fn integers(&self, stem: &str, codes: &Initializer, orientation: Orientation) -> Result<Integers> {
        let side = |suffix: &str| {
            let name = format!("{stem}{suffix}");
            self.initializers.get(name.as_str()).ok_or_else(|| Error::corrupt(format!("tensor {name:?} is missing")))
        };
        let [first, second] = codes.shape[..] else {
            return Err(Error::corrupt(format!("tensor {stem:?} is no matrix: its shape is {:?}", codes.shape)));
        };
        let (rows, cols) = match orientation {
            Orientation::RowsAreEntries => (first, second),
            Orientation::ColumnsAreOutputs => (second, first),
        };
        // Only linear layers have a scale for each output; a table has one in all.
        let zero_points = per_row(stem, &side("_zero_point")?.codes()?, rows)?;
        let scales = per_row(stem, &side("_scale")?.floats()?, rows)?;
        if let Some(scale) = scales.iter().find(|scale| !scale.is_finite() || **scale < 0.0) {
            return Err(Error::corrupt(format!("tensor {stem:?} has the scale {scale}")));
        }
        let codes = codes.codes()?;
        if rows == 0 || cols == 0 || first.checked_mul(second) != Some(codes.len()) {
            let found = codes.len();
            return Err(Error::corrupt(format!("tensor {stem:?} has {found} codes for {first} x {second}")));
        }
        let mut values = Vec::with_capacity(codes.len());
        for (row, zero_point) in zero_points.iter().enumerate() {
            values.extend((0..cols).map(|col| match orientation {
                Orientation::RowsAreEntries => codes[row * cols + col] - zero_point,
                Orientation::ColumnsAreOutputs => codes[col * rows + row] - zero_point,
            }));
        }
        Ok(Integers { rows, cols, values, scales })
    }
}

fn per_row<T: Copy>(stem: &str, numbers: &[T], rows: usize) -> Result<Vec<T>> {
    match numbers {
        [number] => Ok(vec![*number; rows]),
        numbers if numbers.len() == rows => Ok(numbers.to_vec()),
        numbers => {
            let found = numbers.len();
            Err(Error::corrupt(format!("tensor {stem:?} has {found} scales or zero points for {rows} outputs")))
        }
    }
}

impl<'a> Node<'a> {
    fn read(message: &'a [u8]) -> Result<Node<'a>> {
        let mut node = Node::default();
        for field in Fields::new(message) {
            match field? {
                (1, input) => node.inputs.push(input.text()?),
                (2, output) => node.outputs.push(output.text()?),
                (4, kind) => node.kind = kind.text()?,
                _ => {}
            }
        }
        Ok(node)
    }
}

impl<'a> Initializer<'a> {
    fn read(message: &'a [u8]) -> Result<(&'a str, Initializer<'a>)> {
        let (mut name, mut tensor, mut dims) = ("", Initializer::default(), Vec::new());
        for field in Fields::new(message) {
            match field? {
                (1, dim) => dim.integers(&mut dims)?,
                (2, super::protobuf::Value::Number(kind)) => tensor.data_type = kind,
                (4, numbers) => numbers.floats(&mut tensor.numbers)?,
                (5, integers) => integers.integers(&mut tensor.integers)?,
                (8, text) => name = text.text()?,
                (9, raw) => tensor.raw = raw.bytes()?,
                _ => {}
            }
        }
        let shape = dims.iter().map(|dim| usize::try_from(*dim)).collect::<Result<_, _>>();
        tensor.shape =
            shape.map_err(|e| Error::corrupt(format!("shape {dims:?} of tensor {name:?}")).with_source(e))?;
        Ok((name, tensor))
    }

    /// int8 or uint8 codes, widened.
    fn codes(&self) -> Result<Vec<i16>> {
        let byte = |number: &i64| match i16::try_from(*number) {
            Ok(byte @ -128..=255) => Ok(byte),
            _ => Err(Error::corrupt(format!("{number} is no 8-bit number"))),
        };
        match (self.data_type, self.raw) {
            (INT8 | UINT8, []) => self.integers.iter().map(byte).collect(),
            (INT8, raw) => Ok(raw.iter().map(|byte| i16::from(*byte as i8)).collect()),
            (UINT8, raw) => Ok(raw.iter().map(|byte| i16::from(*byte)).collect()),
            (other, _) => Err(Error::unsupported(format!("codes of ONNX type {other}; supported are int8 and uint8"))),
        }
    }

    /// Numbers of a float tensor, checked to be finite and as many as the shape says.
    fn floats(&self) -> Result<Vec<f32>> {
        if self.data_type != FLOAT {
            return Err(Error::unsupported(format!("numbers of ONNX type {}; supported is float", self.data_type)));
        }
        let mut numbers = self.numbers.clone();
        super::protobuf::Value::Bytes(self.raw).floats(&mut numbers)?;
        let size = self.shape.iter().try_fold(1usize, |size, dim| size.checked_mul(*dim));
        match size == Some(numbers.len()) && numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => {
                let (found, shape) = (numbers.len(), &self.shape);
                Err(Error::corrupt(format!("{found} numbers, or one that is not finite, for the shape {shape:?}")))
            }
        }
    }
}
