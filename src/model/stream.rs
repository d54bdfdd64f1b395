//! Weights as they arrive: bytes of a safetensors file go in, cut anywhere, and two things come out. The quantised
//! file, piece by piece, for a cache; and at the end the tensors themselves, for the encoder. Full-precision
//! matrices are quantised a row at a time, so at no moment is a tensor, let alone the file, in memory at full
//! precision. A file that is already quantised passes through unchanged.
//!
//! ```text
//! Prefix (8 bytes) -> Header (JSON, checked against the model) -> Data (tensor by tensor) -> Done
//! ```

use super::config::ModelCard;
use super::header::{plan, scale_name, Action, Float, Floats, Plan};
use super::layout::{dense_tensors, expected_tensors, Expected};
use super::sniff::not_safetensors;
use super::table::{check_blocks, BlockTable, BLOCK_BYTES, BLOCK_NUMBERS};
use super::weights::{quantise_row, QuantMatrix, Tensor, Weights};
use crate::error::{Error, Result};
use crate::limits;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Matrices grow by this many codes at a time, so that a header alone cannot make us allocate much more than was
/// received, and so that growing never doubles a large table.
const GROW_CODES: usize = 16 << 20;

/// Reads one model's weights. After an error it is of no further use.
pub struct WeightStream {
    expected: Vec<Expected>,
    promised: Promised,
    source: Option<Sha256>,
    received: u64,
    total: Option<u64>,
    state: State,
    /// Bytes of the prefix, the header, or a row, that have not all come yet. Never more than
    /// `limits::SAFETENSORS_HEADER_BYTES`.
    partial: Vec<u8>,
    result: Gathered,
}

/// What the weights must turn out to be.
#[derive(Clone, Debug, Default)]
pub struct Promised {
    /// SHA-256 of the incoming file, hex.
    pub source_sha256: Option<String>,
    /// Digest of the quantised weights as in [`Finished::digest`]. Empty: unknown.
    pub digest: String,
}

pub struct Finished {
    pub weights: Weights,
    /// SHA-256, hex, over name, shape and content of every quantised tensor, by name: the same weights have the same
    /// digest whichever file, number format or order they came in.
    pub digest: String,
}

enum State {
    Prefix,
    Header { len: usize },
    Data { plan: Plan, piece: usize, open: Open },
    Done,
}

/// The tensor that is being read.
#[derive(Default)]
struct Open {
    /// Bytes of it that were taken from the source.
    taken: usize,
    codes: Vec<i8>,
    blocks: Vec<u8>,
    numbers: Vec<f32>,
}

#[derive(Default)]
struct Gathered {
    matrices: BTreeMap<String, (Vec<usize>, Vec<i8>)>,
    /// Shapes are those of the bytes.
    blocks: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    floats: Floats,
}

impl WeightStream {
    /// For the weights of one model. The digest in its card, where there is one, is demanded.
    pub fn new(card: &ModelCard) -> WeightStream {
        let promised = Promised { source_sha256: None, digest: card.digest.clone() };
        WeightStream::with(expected_tensors(card), promised)
    }

    pub fn with(expected: Vec<Expected>, promised: Promised) -> WeightStream {
        WeightStream {
            expected,
            source: promised.source_sha256.is_some().then(Sha256::new),
            promised,
            received: 0,
            total: None,
            state: State::Prefix,
            partial: Vec::new(),
            result: Gathered::default(),
        }
    }

    /// Takes the file of the dense head, which hubs keep apart (`2_Dense/model.safetensors`), before the first bytes of
    /// the rest. It becomes part of the quantised file.
    ///
    /// Errors: as of [`WeightStream::push`] and [`WeightStream::finish`], and `InvalidInput` for a model without one.
    pub fn add_dense(&mut self, file: &[u8]) -> Result<()> {
        let tensors = dense_tensors(&self.expected);
        if tensors.is_empty() {
            return Err(Error::invalid("weights of a dense head that the model does not have"));
        }
        let mut stream = WeightStream::with(tensors, Promised::default());
        let read = stream.push(file).and_then(|_| stream.ended().map(|()| stream.result));
        let read = read.map_err(|e| e.within("the dense head"))?;
        for (name, tensor) in read.floats {
            let name = format!("dense.{name}");
            self.expected.retain(|tensor| tensor.name != name);
            self.result.floats.insert(name, tensor);
        }
        Ok(())
    }

    /// Bytes received so far, and bytes in all once the header is known: for progress.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.received, self.total)
    }

    /// Takes the next bytes of the source and returns the next bytes of the quantised file (often none). All that is
    /// returned, concatenated, is that file; it is complete when the source is.
    ///
    /// Errors: `Network` for a web page or a Git LFS pointer in place of the weights, `Unsupported` for other file
    /// formats and number types, `Corrupt` for a missing tensor, a wrong shape or a weight that is not finite,
    /// `Integrity` for bytes after the end.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.received += bytes.len() as u64;
        if let Some(source) = &mut self.source {
            source.update(bytes);
        }
        while !bytes.is_empty() {
            match &mut self.state {
                State::Prefix => {
                    if fill(&mut self.partial, &mut bytes, 8) {
                        let len = header_length(&self.partial)?;
                        self.partial.clear();
                        self.state = State::Header { len };
                    }
                }
                State::Header { len } => {
                    if fill(&mut self.partial, &mut bytes, *len) {
                        let plan = plan(&std::mem::take(&mut self.partial), &self.expected, &self.result.floats)?;
                        let total = 8 + *len as u64 + plan.data_bytes as u64;
                        if total > limits::MODEL_BYTES {
                            let cap = limits::MODEL_BYTES;
                            return Err(Error::limit(format!("weights of {total} bytes; the limit is {cap}")));
                        }
                        self.total = Some(total);
                        out.extend_from_slice(&plan.output);
                        self.state = State::Data { plan, piece: 0, open: Open::default() };
                        self.close_pieces(&mut out)?;
                    }
                }
                State::Data { plan, piece, open } => {
                    let piece = &plan.pieces[*piece];
                    let rest = piece.bytes - open.taken;
                    let (now, later) = bytes.split_at(rest.min(bytes.len()));
                    bytes = later;
                    open.taken += now.len();
                    let name = &piece.name;
                    open.take(piece.action, &piece.shape, now, &mut self.partial, &mut out)
                        .map_err(|e| e.within(format!("tensor {name:?}")))?;
                    self.close_pieces(&mut out)?;
                }
                State::Done => {
                    let (extra, total) = (bytes.len(), self.received - bytes.len() as u64);
                    return Err(Error::integrity(format!("{extra} or more bytes after the {total} of the weights")));
                }
            }
        }
        Ok(out)
    }

    /// Puts complete tensors away (empty ones are complete at once); after the last of them come the f32 tensors.
    fn close_pieces(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let State::Data { plan, piece, open } = &mut self.state else { return Ok(()) };
        while let Some(done) = plan.pieces.get(*piece).filter(|piece| piece.bytes == open.taken) {
            let Open { codes, blocks, numbers, .. } = std::mem::take(open);
            let name = done.name.clone();
            match done.action {
                Action::Skip => {}
                Action::Keep(_) => drop(self.result.floats.insert(name, (done.shape.clone(), numbers))),
                Action::Blocks => drop(self.result.blocks.insert(name, (done.shape.clone(), blocks))),
                Action::Codes => drop(self.result.matrices.insert(name, (done.shape.clone(), codes))),
                Action::Quantise(_) => {
                    self.result.floats.insert(scale_name(&name), (done.shape[..1].to_vec(), numbers));
                    self.result.matrices.insert(name, (done.shape.clone(), codes));
                }
            }
            *piece += 1;
        }
        if *piece == plan.pieces.len() {
            for (_, numbers) in self.result.floats.values() {
                out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            self.state = State::Done;
        }
        Ok(())
    }

    /// The weights, once all bytes were pushed.
    ///
    /// Errors: `Integrity` for a file that ends too early or has another digest than was promised.
    pub fn finish(self) -> Result<Finished> {
        self.ended()?;
        if let (Some(found), Some(promised)) = (self.source, &self.promised.source_sha256) {
            same_digest("SHA-256 of the weights file", &hex(&found.finalize()), promised)?;
        }
        let digest = self.result.digest();
        if !self.promised.digest.is_empty() {
            same_digest("digest of the quantised weights", &digest, &self.promised.digest)?;
        }
        Ok(Finished { weights: self.result.into_weights()?, digest })
    }

    fn ended(&self) -> Result<()> {
        let received = self.received;
        match &self.state {
            State::Done => Ok(()),
            State::Prefix => Err(not_safetensors(&self.partial)
                .unwrap_or_else(|| Error::integrity(format!("the weights end after {received} bytes")))),
            State::Header { len } => {
                let header = 8 + len;
                let cut = format!("the weights end after {received} bytes, within their header of {header} bytes");
                Err(Error::integrity(cut))
            }
            State::Data { plan, piece, .. } => {
                let (total, name) = (self.total.unwrap_or_default(), &plan.pieces[*piece].name);
                let cut = format!("the weights end after {received} of {total} bytes, within tensor {name:?}");
                Err(Error::integrity(cut))
            }
        }
    }
}

impl Open {
    /// Bytes of the current tensor, cut anywhere: whole rows (or numbers) are used, the rest waits in `partial`.
    fn take(
        &mut self,
        action: Action,
        shape: &[usize],
        mut now: &[u8],
        partial: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let unit = match action {
            Action::Skip => return Ok(()),
            Action::Codes => 1,
            Action::Blocks => BLOCK_BYTES,
            Action::Keep(float) => float.bytes(),
            Action::Quantise(float) => shape[1] * float.bytes(),
        };
        if !partial.is_empty() {
            if !fill(partial, &mut now, unit) {
                return Ok(());
            }
            let whole = std::mem::take(partial);
            self.take_units(action, shape, &whole, out)?;
        }
        let whole = now.len() - now.len() % unit;
        self.take_units(action, shape, &now[..whole], out)?;
        partial.extend_from_slice(&now[whole..]);
        Ok(())
    }

    fn take_units(&mut self, action: Action, shape: &[usize], bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let before = self.codes.len();
        match action {
            Action::Blocks => {
                check_blocks(bytes, self.blocks.len() / BLOCK_BYTES)?;
                grow(&mut self.blocks, bytes.len(), shape)?;
                self.blocks.extend_from_slice(bytes);
                out.extend_from_slice(bytes);
            }
            Action::Skip => {}
            Action::Codes => {
                grow(&mut self.codes, bytes.len(), shape)?;
                if let Some(at) = bytes.iter().position(|byte| *byte == 0x80) {
                    let at = before + at;
                    return Err(Error::corrupt(format!("code {at} is -128; codes are -127 to 127")));
                }
                self.codes.extend(bytes.iter().map(|byte| *byte as i8));
            }
            Action::Keep(float) => read_floats(float, bytes, self.numbers.len(), &mut self.numbers)?,
            Action::Quantise(float) => {
                grow(&mut self.codes, bytes.len() / float.bytes(), shape)?;
                let mut row = Vec::with_capacity(shape[1]);
                for bytes in bytes.chunks_exact(shape[1] * float.bytes()) {
                    row.clear();
                    read_floats(float, bytes, self.numbers.len() * shape[1], &mut row)?;
                    self.numbers.push(quantise_row(&row, &mut self.codes));
                }
            }
        }
        out.extend(self.codes[before..].iter().map(|code| *code as u8));
        Ok(())
    }
}

impl Gathered {
    fn digest(&self) -> String {
        let mut all = Sha256::new();
        for (name, (shape, codes)) in &self.matrices {
            let mut content = Sha256::new();
            for block in codes.chunks(4096) {
                let bytes: Vec<u8> = block.iter().map(|code| *code as u8).collect();
                content.update(&bytes);
            }
            all.update(format!("{name} I8 {shape:?} {}\n", hex(&content.finalize())));
        }
        for (name, (shape, blocks)) in &self.blocks {
            all.update(format!("{name} Q4_0 {shape:?} {}\n", hex(&Sha256::digest(blocks))));
        }
        for (name, (shape, numbers)) in &self.floats {
            let mut content = Sha256::new();
            for block in numbers.chunks(1024) {
                let bytes: Vec<u8> = block.iter().flat_map(|number| number.to_le_bytes()).collect();
                content.update(&bytes);
            }
            all.update(format!("{name} F32 {shape:?} {}\n", hex(&content.finalize())));
        }
        hex(&all.finalize())
    }

    fn into_weights(mut self) -> Result<Weights> {
        let mut weights = Weights::new();
        for (name, (shape, data)) in self.matrices {
            let (_, scales) = self.floats.remove(&scale_name(&name)).unwrap_or_default();
            if let Some(row) = scales.iter().position(|scale| *scale < 0.0) {
                return Err(Error::corrupt(format!("tensor {name:?}: the scale of row {row} is negative")));
            }
            let matrix = QuantMatrix { rows: shape[0], cols: shape[1], data, scales };
            weights.insert(&name, Tensor::Quant(matrix))?;
        }
        for (name, (shape, data)) in self.blocks {
            let table = BlockTable { rows: shape[0], cols: shape[1] / BLOCK_BYTES * BLOCK_NUMBERS, data };
            weights.insert(&name, Tensor::Blocks(table))?;
        }
        for (name, (shape, data)) in self.floats {
            weights.insert(&name, Tensor::Float { shape, data })?;
        }
        Ok(weights)
    }
}

/// Moves bytes to `partial` until it has `len`; says whether it has.
fn fill(partial: &mut Vec<u8>, bytes: &mut &[u8], len: usize) -> bool {
    let missing = len.saturating_sub(partial.len()).min(bytes.len());
    let (now, later) = bytes.split_at(missing);
    partial.extend_from_slice(now);
    *bytes = later;
    partial.len() >= len
}

/// The length prefix, or what the file is instead.
fn header_length(prefix: &[u8]) -> Result<usize> {
    let bytes = <[u8; 8]>::try_from(prefix).map_err(|_| Error::internal("the length prefix has 8 bytes"))?;
    match usize::try_from(u64::from_le_bytes(bytes)) {
        Ok(0) => Err(Error::corrupt("the weights have an empty header")),
        Ok(len) if len <= limits::SAFETENSORS_HEADER_BYTES => Ok(len),
        _ => Err(not_safetensors(prefix).unwrap_or_else(|| {
            let (len, cap) = (u64::from_le_bytes(bytes), limits::SAFETENSORS_HEADER_BYTES);
            Error::corrupt(format!("no safetensors file: a header of {len} bytes, the limit is {cap}"))
        })),
    }
}

fn grow<T>(codes: &mut Vec<T>, by: usize, shape: &[usize]) -> Result<()> {
    let needed = codes.len() + by;
    if needed > codes.capacity() {
        let size = shape[0] * shape[1];
        let more = by.max(GROW_CODES).min(size - codes.len());
        codes
            .try_reserve_exact(more)
            .map_err(|e| Error::limit(format!("no memory for {size} bytes")).with_source(e))?;
    }
    Ok(())
}

/// Appends the numbers of `bytes` (a whole number of them); `first` is the index of the first within its tensor.
fn read_floats(float: Float, bytes: &[u8], first: usize, out: &mut Vec<f32>) -> Result<()> {
    let before = out.len();
    match float {
        Float::F32 => out.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        Float::F16 => out.extend(bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())),
        Float::BF16 => out.extend(bytes.chunks_exact(2).map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())),
    }
    match out[before..].iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::corrupt(format!("number {} is {}", first + at, out[before + at]))),
    }
}

fn same_digest(what: &str, found: &str, promised: &str) -> Result<()> {
    if found.eq_ignore_ascii_case(promised) {
        return Ok(());
    }
    Err(Error::integrity(format!("the {what} is {found}, expected {promised}")))
}

/// Lower-case hexadecimal, as digests are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
