//! The header of a safetensors file: what the incoming one promises is checked against what the model needs, before
//! any weight is read, and the header of the quantised file is made from it. Every later step can trust the sizes.

use super::layout::{Expected, Storage};
use super::table::BlockTable;
use super::weights::normalise_name;
use crate::error::{Error, Result};
use crate::limits;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::{BTreeMap, HashMap};

/// Full-precision number formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Float {
    F32,
    F16,
    BF16,
}

impl Float {
    pub fn bytes(self) -> usize {
        match self {
            Float::F32 => 4,
            Float::F16 | Float::BF16 => 2,
        }
    }
}

/// What is to be done with the bytes of one tensor of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Not part of this model.
    Skip,
    /// A full-precision matrix that becomes int8.
    Quantise(Float),
    /// A matrix that is int8 already. Its scales are a [`Action::Keep`] under the name `<matrix>_scale`.
    Codes,
    /// A table that is in blocks of 4 bits already, as bytes: `[rows, bytes of a row]`.
    Blocks,
    /// Numbers that stay, as f32.
    Keep(Float),
}

/// A tensor of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub name: String,
    pub shape: Vec<usize>,
    /// Length in the source.
    pub bytes: usize,
    pub action: Action,
}

pub(super) struct Plan {
    /// In the order of the source's data, without holes.
    pub pieces: Vec<Piece>,
    /// Header of the quantised file, length prefix included. Its data: the codes or blocks of all matrices in the order of
    /// `pieces`, then all f32 tensors (scales among them) by name.
    pub output: Vec<u8>,
    /// Bytes of data in the source.
    pub data_bytes: usize,
}

pub(super) fn scale_name(matrix: &str) -> String {
    format!("{matrix}_scale")
}

/// Tensors in f32, each with its shape, by name.
pub(super) type Floats = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Reads a source header (without its length prefix) and checks it against the tensors that the model needs. `beside`
/// came from elsewhere and is written with the others.
pub(super) fn plan(header: &[u8], expected: &[Expected], beside: &Floats) -> Result<Plan> {
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|e| Error::corrupt("the header of the weights").with_source(e))?;
    let mut pieces = Vec::new();
    for key in metadata.offset_keys() {
        let info = metadata.info(&key).ok_or_else(|| Error::internal(format!("no entry for tensor {key:?}")))?;
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        pieces.push(Piece { name: normalise_name(&key), shape: info.shape.clone(), bytes, action: Action::Skip });
        let last = pieces.len() - 1;
        let wanted = wanted(&pieces[last].name, expected);
        if let Some((shape, storage)) = wanted {
            pieces[last].action = action(&pieces[last], info.dtype, &shape, storage)?;
        }
    }
    complete(&mut pieces, expected)?;
    let output = output_header(&pieces, beside)?;
    Ok(Plan { pieces, output, data_bytes: metadata.data_len() })
}

/// Shape and storage of a tensor that the model has, or of the scales of one of its matrices.
fn wanted(name: &str, expected: &[Expected]) -> Option<(Vec<usize>, Storage)> {
    if let Some(tensor) = expected.iter().find(|tensor| tensor.name == name) {
        return Some((tensor.shape.clone(), tensor.storage));
    }
    let matrix = expected.iter().find(|t| t.storage != Storage::Float && scale_name(&t.name) == name)?;
    Some((vec![matrix.shape[0]], Storage::Float))
}

fn action(piece: &Piece, dtype: Dtype, shape: &[usize], storage: Storage) -> Result<Action> {
    let name = &piece.name;
    if dtype == Dtype::U8 && storage == Storage::Table {
        let expected = BlockTable::row_bytes(shape[1]).map(|bytes| [shape[0], bytes]);
        return match expected.filter(|expected| piece.shape == expected) {
            Some(_) => Ok(Action::Blocks),
            None => {
                let found = &piece.shape;
                let what = format!("has {found:?} bytes, config.json asks for {shape:?} numbers in blocks of 4 bits");
                Err(Error::corrupt(format!("tensor {name:?} {what}")))
            }
        };
    }
    if piece.shape != shape {
        let found = &piece.shape;
        return Err(Error::corrupt(format!("tensor {name:?} has shape {found:?}, config.json asks for {shape:?}")));
    }
    let float = match dtype {
        Dtype::F32 => Float::F32,
        Dtype::F16 => Float::F16,
        Dtype::BF16 => Float::BF16,
        Dtype::I8 if storage != Storage::Float => return Ok(Action::Codes),
        other => {
            let supported = "F32, F16, BF16, and I8 for matrices";
            return Err(Error::unsupported(format!("tensor {name:?} has type {other}; supported are {supported}")));
        }
    };
    match storage {
        Storage::Quantised | Storage::Table => Ok(Action::Quantise(float)),
        Storage::Float => Ok(Action::Keep(float)),
    }
}

/// Every tensor that the model needs is there once; int8 matrices have scales, and no others do.
fn complete(pieces: &mut [Piece], expected: &[Expected]) -> Result<()> {
    let mut by_name: HashMap<&str, Action> = HashMap::new();
    for piece in pieces.iter().filter(|piece| piece.action != Action::Skip) {
        if by_name.insert(&piece.name, piece.action).is_some() {
            return Err(Error::corrupt(format!("tensor {:?} is there twice", piece.name)));
        }
    }
    let mut stray_scales = Vec::new();
    for tensor in expected {
        let scales = scale_name(&tensor.name);
        match by_name.get(tensor.name.as_str()) {
            None => {
                let (name, all) = (&tensor.name, pieces.len());
                return Err(Error::corrupt(format!("tensor {name:?} is missing among the {all} tensors of the file")));
            }
            Some(Action::Codes) if !by_name.contains_key(scales.as_str()) => {
                let name = &tensor.name;
                return Err(Error::corrupt(format!("tensor {scales:?} is missing: {name:?} is int8 without scales")));
            }
            Some(Action::Codes) => {}
            Some(_) => stray_scales.push(scales),
        }
    }
    for piece in pieces.iter_mut().filter(|piece| stray_scales.contains(&piece.name)) {
        piece.action = Action::Skip;
    }
    Ok(())
}

fn output_header(pieces: &[Piece], beside: &Floats) -> Result<Vec<u8>> {
    let mut matrices: Vec<(String, Dtype, &[usize])> = Vec::new();
    let mut floats: BTreeMap<String, &[usize]> =
        beside.iter().map(|(name, (shape, _))| (name.clone(), shape.as_slice())).collect();
    for piece in pieces {
        match piece.action {
            Action::Skip => {}
            Action::Keep(_) => drop(floats.insert(piece.name.clone(), &piece.shape)),
            Action::Blocks => matrices.push((piece.name.clone(), Dtype::U8, &piece.shape)),
            Action::Quantise(_) | Action::Codes => {
                matrices.push((piece.name.clone(), Dtype::I8, &piece.shape));
                floats.insert(scale_name(&piece.name), &piece.shape[..1]);
            }
        }
    }
    let floats = floats.into_iter().map(|(name, shape)| (name, Dtype::F32, shape));
    write_header(matrices.into_iter().chain(floats))
}

/// The header of a safetensors file whose data are these tensors one after the other.
pub(super) fn write_header<'a>(tensors: impl Iterator<Item = (String, Dtype, &'a [usize])>) -> Result<Vec<u8>> {
    let mut end = 0usize;
    let mut entries = Vec::new();
    for (name, dtype, shape) in tensors {
        let start = end;
        let bytes = shape.iter().try_fold(dtype.bitsize() / 8, |n, dim| n.checked_mul(*dim));
        end = bytes
            .and_then(|bytes| start.checked_add(bytes))
            .filter(|end| *end as u64 <= limits::MODEL_BYTES)
            .ok_or_else(|| Error::limit(format!("more than {} bytes of weights", limits::MODEL_BYTES)))?;
        entries.push((name, TensorInfo { dtype, shape: shape.to_vec(), data_offsets: (start, end) }));
    }
    let about = HashMap::from([("format".to_string(), "pt".to_string())]);
    let header = Metadata::new(Some(about), entries).and_then(|m| Ok(serde_json::to_vec(&m)?));
    let mut header = header.map_err(|e| Error::internal("the header of the quantised weights").with_source(e))?;
    // The format wants the data to begin at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(&header);
    Ok(out)
}
