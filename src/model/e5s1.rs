//! Reads the container "E5S1" in which multilingual-e5-small is packaged with 4 bits a weight. All numbers are
//! little-endian.
//!
//! ```text
//! "E5S1", version u32
//! sizes of the encoder: hidden, layers, heads, intermediate, vocabulary, positions, types (i32), epsilon (f32), 32 (i32)
//! pieces, ids of <s>, </s>, <pad>, <unk> (i32), bytes of text u64,
//!     where each piece begins in the text and where the last ends (u32 each), their scores (f32 each), the text
//! a table of characters (count i32, bytes u32), not used here
//! number of tensors i32; for each its name (u16 and text), type u8 (0: f32, 1: blocks as in `table`), numbers u32,
//!     offset in the file and bytes (u64 each)
//! ```

use super::layout::Expected;
use super::table::{check_blocks, BlockTable};
use super::tokenizer::{UnigramSource, XLM_R_MASK};
use super::weights::{Tensor, Weights};
use crate::codec::Reader;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

pub struct E5s1<'a> {
    pub tokenizer: UnigramSource<'a>,
    tensors: BTreeMap<&'a str, Stored<'a>>,
}

enum Stored<'a> {
    Floats(&'a [u8]),
    Blocks(&'a [u8]),
}

impl<'a> E5s1<'a> {
    /// Reads everything but the numbers.
    ///
    /// Errors: `Corrupt`, `Unsupported` for another version.
    pub fn read(file: &'a [u8]) -> Result<E5s1<'a>> {
        let mut reader = Reader::new(file);
        if reader.raw(4)? != b"E5S1" {
            return Err(Error::corrupt("the file is no E5S1 container"));
        }
        match reader.u32()? {
            1 => {}
            other => return Err(Error::unsupported(format!("version {other} of the E5S1 container; supported is 1"))),
        }
        reader.raw(9 * 4)?;
        let tokenizer = read_vocabulary(&mut reader)?;
        let _characters = reader.i32()?;
        let bytes = reader.u32()? as usize;
        reader.raw(bytes)?;
        let mut tensors = BTreeMap::new();
        for _ in 0..size(reader.i32()?)? {
            let length = reader.u16()? as usize;
            let name = text(reader.raw(length)?)?;
            let (kind, _numbers) = (reader.u8()?, reader.u32()?);
            let (at, bytes) = (reader.u64()?, reader.u64()?);
            let end = at.checked_add(bytes).filter(|end| *end <= file.len() as u64);
            let end = end.ok_or_else(|| Error::corrupt(format!("tensor {name:?} ends after the file")))?;
            let data = &file[at as usize..end as usize];
            let stored = match kind {
                0 => Stored::Floats(data),
                1 => Stored::Blocks(data),
                other => return Err(Error::unsupported(format!("tensor {name:?} has type {other}"))),
            };
            tensors.insert(name, stored);
        }
        Ok(E5s1 { tokenizer, tensors })
    }

    /// The tensors of a model under their normalised names: the word embeddings as they are, all else in f32.
    pub fn weights(&self, expected: &[Expected]) -> Result<Weights> {
        let mut weights = Weights::new();
        for Expected { name, shape, .. } in expected {
            let stored = stored_name(name).and_then(|stored| self.tensors.get(stored.as_str()));
            let stored = stored.ok_or_else(|| Error::corrupt(format!("tensor {name:?} is missing")))?;
            weights.insert(name, tensor(stored, name, shape)?)?;
        }
        Ok(weights)
    }
}

fn read_vocabulary<'a>(reader: &mut Reader<'a>) -> Result<UnigramSource<'a>> {
    let count = size(reader.i32()?)?;
    let [begin, end, pad, unknown] = [reader.i32()?, reader.i32()?, reader.i32()?, reader.i32()?].map(|id| id as u32);
    let length = reader.u64()?;
    let bounds = reader.u32s(count.saturating_add(1))?;
    let scores = reader.f32s(count)?;
    let length = usize::try_from(length).map_err(|e| Error::corrupt("the length of the pieces").with_source(e))?;
    let all = reader.raw(length)?;
    let piece = |bounds: &[u32]| {
        let bytes = all.get(bounds[0] as usize..bounds[1] as usize);
        text(bytes.ok_or_else(|| Error::corrupt("a piece of the vocabulary lies outside of its text"))?)
    };
    let pieces: Vec<&str> = bounds.windows(2).map(piece).collect::<Result<_>>()?;
    let mask = pieces.iter().rposition(|piece| *piece == XLM_R_MASK).map(|id| id as u32);
    let special: Vec<u32> = [begin, pad, end, unknown].into_iter().chain(mask).collect();
    if let Some(id) = special.iter().find(|id| **id as usize >= pieces.len()) {
        return Err(Error::corrupt(format!("special token {id} of {} pieces", pieces.len())));
    }
    Ok(UnigramSource { pieces, scores, begin, end, unknown, special })
}

fn tensor(stored: &Stored, name: &str, shape: &[usize]) -> Result<Tensor> {
    let numbers: usize = shape.iter().product();
    let wrong = |bytes: usize| Error::corrupt(format!("tensor {name:?} of {shape:?} numbers has {bytes} bytes"));
    match *stored {
        Stored::Floats(bytes) if bytes.len() == numbers * 4 => {
            Ok(Tensor::Float { shape: shape.to_vec(), data: Reader::new(bytes).f32s(numbers)? })
        }
        Stored::Blocks(bytes) => {
            let &[rows, cols] = shape else { return Err(wrong(bytes.len())) };
            if BlockTable::row_bytes(cols).and_then(|row| row.checked_mul(rows)) != Some(bytes.len()) {
                return Err(wrong(bytes.len()));
            }
            check_blocks(bytes, 0)?;
            let table = BlockTable { rows, cols, data: bytes.to_vec() };
            if name == WORDS {
                return Ok(Tensor::Blocks(table));
            }
            let mut data = vec![0.0; numbers];
            for (row, out) in data.chunks_exact_mut(cols).enumerate() {
                table.dequantise_row(row, out);
            }
            Ok(Tensor::Float { shape: shape.to_vec(), data })
        }
        Stored::Floats(bytes) => Err(wrong(bytes.len())),
    }
}

const WORDS: &str = "embeddings.word_embeddings.weight";

/// What the container calls a tensor: "l0.q.w" for "encoder.layer.0.attention.self.query.weight".
fn stored_name(name: &str) -> Option<String> {
    let (path, part) = name.rsplit_once('.')?;
    let embedding = match path {
        "embeddings.word_embeddings" => return Some("emb.word".to_string()),
        "embeddings.position_embeddings" => return Some("emb.pos".to_string()),
        "embeddings.token_type_embeddings" => return Some("emb.type".to_string()),
        "embeddings.LayerNorm" => Some("emb.ln".to_string()),
        _ => None,
    };
    let short = match embedding {
        Some(name) => name,
        None => {
            let (layer, path) = path.strip_prefix("encoder.layer.")?.split_once('.')?;
            let short = match path {
                "attention.self.query" => "q",
                "attention.self.key" => "k",
                "attention.self.value" => "v",
                "attention.output.dense" => "ao",
                "attention.output.LayerNorm" => "aln",
                "intermediate.dense" => "fi",
                "output.dense" => "fo",
                "output.LayerNorm" => "oln",
                _ => return None,
            };
            format!("l{layer}.{short}")
        }
    };
    Some(format!("{short}.{}", if part == "bias" { "b" } else { "w" }))
}

fn size(number: i32) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::corrupt(format!("a count of {number}")))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| Error::corrupt("a name that is not UTF-8").with_source(e))
}
