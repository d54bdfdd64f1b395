//! The header of a GGUF file, the format in which language models are passed around: settings by name, then name, shape,
//! number format and place of each tensor. Everything in it is checked here before candle reads the file, which divides
//! by its alignment and multiplies its shapes without asking.
//!
//! Versions 2 and 3, which have the same layout; little-endian.

use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::limits;
use std::collections::BTreeMap;

const MAGIC: &[u8] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;

/// A setting, as far as anybody here asks for one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Integer(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    /// A list of something else, of which only the length is known.
    List(usize),
}

/// A number format of tensors: its code, how many numbers share a block, and the bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    code: u32,
    numbers: usize,
    bytes: usize,
}

/// F32, F16, Q4_0, Q4_1, Q8_0.
const FORMATS: [Format; 5] = [
    Format { code: 0, numbers: 1, bytes: 4 },
    Format { code: 1, numbers: 1, bytes: 2 },
    Format { code: 2, numbers: 32, bytes: 18 },
    Format { code: 3, numbers: 32, bytes: 20 },
    Format { code: 8, numbers: 32, bytes: 34 },
];

#[derive(Debug)]
pub struct Gguf {
    settings: BTreeMap<String, Value>,
    /// Shapes by name, the slowest dimension first: `[outputs, inputs]` of a matrix.
    tensors: BTreeMap<String, Vec<usize>>,
}

impl Gguf {
    /// Reads the header of a file of `size` bytes that begins with `head`.
    ///
    /// Errors: `Corrupt` for what is no such file or contradicts itself, `Unsupported` for other versions and number
    /// formats, `LimitExceeded` above the caps.
    pub fn read(head: &[u8], size: u64) -> Result<Gguf> {
        let mut reader = Reader::new(head);
        if reader.raw(MAGIC.len())? != MAGIC {
            return Err(Error::corrupt("a file that does not begin with \"GGUF\""));
        }
        match reader.u32()? {
            2 | 3 => {}
            version => return Err(Error::unsupported(format!("GGUF version {version}; supported are 2 and 3"))),
        }
        let tensors = bounded(reader.u64()?, limits::GGUF_TENSORS, "tensors")?;
        let settings = bounded(reader.u64()?, limits::GGUF_SETTINGS, "settings")?;
        let settings = read_settings(&mut reader, settings)?;
        let alignment = match settings.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(Value::Integer(alignment @ (8 | 16 | 32 | 64 | 128 | 256))) => *alignment as u64,
            Some(other) => return Err(Error::corrupt(format!("an alignment of {other:?}"))),
        };
        let mut found = BTreeMap::new();
        let mut places = Vec::new();
        for _ in 0..tensors {
            let name = text(&mut reader)?;
            let (shape, place) = read_tensor(&mut reader, alignment).map_err(|e| e.within(format!("tensor {name}")))?;
            places.push(place);
            if found.insert(name.clone(), shape).is_some() {
                return Err(Error::corrupt(format!("two tensors called {name}")));
            }
        }
        let data = ((head.len() - reader.remaining()) as u64).next_multiple_of(alignment);
        // No two tensors share a byte: what is held in memory is no more than the file.
        places.sort_unstable();
        let apart = places.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        let end = places.last().map_or(0, |place| place.1);
        if !apart || data.checked_add(end).is_none_or(|end| end > size) {
            return Err(Error::corrupt(format!("tensors that overlap, or end behind the file's {size} bytes")));
        }
        Ok(Gguf { settings, tensors: found })
    }

    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }

    pub fn text(&self, name: &str) -> Result<&str> {
        match self.setting(name) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(Error::corrupt(format!("setting {name} is {other:?}, expected text"))),
        }
    }

    /// A positive whole number of at most `most`.
    pub fn size(&self, name: &str, most: usize) -> Result<usize> {
        let found = match self.setting(name) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok().filter(|number| (1..=most).contains(number)),
            _ => None,
        };
        found.ok_or_else(|| {
            Error::corrupt(format!("setting {name} is {:?}, expected a number from 1 to {most}", self.setting(name)))
        })
    }

    /// A positive number.
    pub fn number(&self, name: &str) -> Result<f64> {
        match self.setting(name) {
            Some(Value::Float(number)) if number.is_finite() && *number > 0.0 => Ok(*number),
            other => Err(Error::corrupt(format!("setting {name} is {other:?}, expected a positive number"))),
        }
    }

    pub fn texts(&self, name: &str) -> Result<&[String]> {
        match self.setting(name) {
            Some(Value::Texts(texts)) => Ok(texts),
            _ => Err(Error::corrupt(format!("setting {name} is no list of texts"))),
        }
    }

    /// Demands a tensor of this shape.
    pub fn demand(&self, name: &str, shape: &[usize]) -> Result<()> {
        match self.tensors.get(name) {
            Some(found) if found == shape => Ok(()),
            Some(found) => Err(Error::corrupt(format!("tensor {name} has shape {found:?}, expected {shape:?}"))),
            None => Err(Error::corrupt(format!("tensor {name} is missing"))),
        }
    }

    pub fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

fn bounded(count: u64, most: usize, of: &str) -> Result<usize> {
    let fits = usize::try_from(count).ok().filter(|&count| count <= most);
    fits.ok_or_else(|| Error::limit(format!("a GGUF file with {count} {of}; at most {most}")))
}

fn read_settings(reader: &mut Reader, count: usize) -> Result<BTreeMap<String, Value>> {
    let mut settings = BTreeMap::new();
    for _ in 0..count {
        let name = text(reader)?;
        let kind = reader.u32()?;
        let value = value(reader, kind).map_err(|e| e.within(format!("setting {name}")))?;
        if settings.insert(name.clone(), value).is_some() {
            return Err(Error::corrupt(format!("two settings called {name}")));
        }
    }
    Ok(settings)
}

/// Type codes of settings: 8 is text, 9 a list, the others are numbers.
fn value(reader: &mut Reader, kind: u32) -> Result<Value> {
    Ok(match kind {
        0 => Value::Integer(reader.u8()?.into()),
        1 => Value::Integer((reader.u8()? as i8).into()),
        2 => Value::Integer(reader.u16()?.into()),
        3 => Value::Integer((reader.u16()? as i16).into()),
        4 => Value::Integer(reader.u32()?.into()),
        5 => Value::Integer(reader.i32()?.into()),
        6 => Value::Float(reader.f32()?.into()),
        7 => match reader.u8()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => return Err(Error::corrupt(format!("a truth value of {other}"))),
        },
        8 => Value::Text(text(reader)?),
        9 => list(reader)?,
        10 => {
            let number = reader.u64()?;
            Value::Integer(i64::try_from(number).map_err(|_| Error::corrupt(format!("the number {number}")))?)
        }
        11 => Value::Integer(reader.u64()? as i64),
        12 => Value::Float(reader.f64()?),
        other => return Err(Error::unsupported(format!("a value of type {other}"))),
    })
}

fn list(reader: &mut Reader) -> Result<Value> {
    let kind = reader.u32()?;
    let count = reader.u64()?;
    // Bytes that an element has at least; a text has its length.
    let each = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        other => return Err(Error::unsupported(format!("a list of values of type {other}"))),
    };
    let fits = usize::try_from(count).ok().filter(|n| n.checked_mul(each).is_some_and(|b| b <= reader.remaining()));
    let count = fits.ok_or_else(|| Error::corrupt(format!("a list of {count}, {} bytes left", reader.remaining())))?;
    if kind == 8 {
        return Ok(Value::Texts((0..count).map(|_| text(reader)).collect::<Result<_>>()?));
    }
    reader.raw(count * each)?;
    Ok(Value::List(count))
}

fn text(reader: &mut Reader) -> Result<String> {
    let len = reader.u64()?;
    let len = usize::try_from(len).map_err(|_| Error::corrupt(format!("a text of {len} bytes")))?;
    let text = std::str::from_utf8(reader.raw(len)?);
    text.map(str::to_owned).map_err(|e| Error::corrupt("text that is not UTF-8").with_source(e))
}

/// Shape of a tensor, and where its bytes begin and end behind the header.
fn read_tensor(reader: &mut Reader, alignment: u64) -> Result<(Vec<usize>, (u64, u64))> {
    let dims = reader.u32()?;
    if !(1..=2).contains(&dims) {
        return Err(Error::unsupported(format!("{dims} dimensions; vectors and matrices are supported")));
    }
    let mut shape = (0..dims).map(|_| reader.u64()).collect::<Result<Vec<u64>>>()?;
    let code = reader.u32()?;
    let start = reader.u64()?;
    let format = FORMATS.iter().find(|format| format.code == code);
    let format = format.ok_or_else(|| {
        Error::unsupported(format!("number format {code}; supported are F32, F16, Q4_0, Q4_1 and Q8_0"))
    })?;
    let wrong = || Error::corrupt(format!("shape {shape:?} at {start}"));
    // Rows are stored one after the other, each of whole blocks.
    if !start.is_multiple_of(alignment) || !shape[0].is_multiple_of(format.numbers as u64) {
        return Err(wrong());
    }
    let numbers = shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
    let numbers = numbers.filter(|&numbers| numbers > 0 && numbers <= limits::MODEL_BYTES).ok_or_else(wrong)?;
    let end = start.checked_add(numbers / format.numbers as u64 * format.bytes as u64).ok_or_else(wrong)?;
    shape.reverse();
    Ok((shape.into_iter().map(|size| size as usize).collect(), (start, end)))
}
