//! Just enough of the protobuf wire format to walk a message: fields come as (number, value), in order, borrowed
//! from the bytes. A message is a sequence of keys, `number << 3 | wire type`, each followed by its value.

use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Wire types 0, 1 and 5: a number. Of floats, the bits.
    Number(u64),
    /// Wire type 2: text, a nested message, or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Number(_) => Err(Error::corrupt("protobuf: a number where bytes belong")),
        }
    }

    pub fn text(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|e| Error::corrupt("protobuf: text").with_source(e))
    }

    /// A repeated integer field: one value, or several packed into bytes. Appends to `out`.
    pub fn integers(self, out: &mut Vec<i64>) -> Result<()> {
        match self {
            Value::Number(number) => out.push(number as i64),
            Value::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    out.push(varint(&mut bytes)? as i64);
                }
            }
        }
        Ok(())
    }

    /// A repeated `float` field, single or packed. Appends to `out`.
    pub fn floats(self, out: &mut Vec<f32>) -> Result<()> {
        match self {
            Value::Number(bits) => out.push(f32::from_bits(bits as u32)),
            Value::Bytes(bytes) if bytes.len().is_multiple_of(4) => {
                out.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            }
            Value::Bytes(bytes) => {
                return Err(Error::corrupt(format!("protobuf: {} bytes of packed floats", bytes.len())));
            }
        }
        Ok(())
    }
}

/// The fields of one message.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn field(&mut self) -> Result<(u64, Value<'a>)> {
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => Value::Number(little_endian(take(&mut self.rest, 8)?)),
            2 => {
                let len = varint(&mut self.rest)?;
                let len = usize::try_from(len).map_err(|e| Error::corrupt("protobuf: a length").with_source(e))?;
                Value::Bytes(take(&mut self.rest, len)?)
            }
            5 => Value::Number(little_endian(take(&mut self.rest, 4)?)),
            other => return Err(Error::corrupt(format!("protobuf: wire type {other}"))),
        };
        Ok((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            // What follows a broken field has no meaning.
            self.rest = &[];
        }
        Some(field)
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    if len > rest.len() {
        let left = rest.len();
        return Err(Error::integrity(format!("protobuf: a field of {len} bytes where {left} are left: truncated?")));
    }
    let (taken, later) = rest.split_at(len);
    *rest = later;
    Ok(taken)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Error::corrupt("protobuf: a number longer than 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], expected: &[(u64, Value)]) {
        let fields: Vec<_> = Fields::new(message).map(|field| field.unwrap()).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn every_wire_type_is_read() {
        check(&[], &[]);
        check(&[0x08, 0x96, 0x01], &[(1, Value::Number(150))]);
        check(&[0x12, 3, b'a', b'b', b'c'], &[(2, Value::Bytes(b"abc"))]);
        check(&[0x1d, 0, 0, 0x80, 0x3f], &[(3, Value::Number(0x3f80_0000))]);
        check(&[0x21, 1, 0, 0, 0, 0, 0, 0, 1], &[(4, Value::Number(1 << 56 | 1))]);
    }

    #[test]
    fn packed_and_single_numbers_are_the_same() {
        let mut integers = Vec::new();
        Value::Bytes(&[1, 0x80, 1]).integers(&mut integers).unwrap();
        Value::Number(u64::MAX).integers(&mut integers).unwrap();
        assert_eq!(integers, [1, 128, -1]);
        let mut floats = Vec::new();
        Value::Bytes(&[0, 0, 0x80, 0x3f]).floats(&mut floats).unwrap();
        Value::Number(0x4000_0000).floats(&mut floats).unwrap();
        assert_eq!(floats, [1.0, 2.0]);
        assert!(Value::Bytes(&[0; 5]).floats(&mut floats).is_err());
    }

    #[test]
    fn broken_messages_are_errors_and_end() {
        for message in [&[0x08][..], &[0x12, 5, 1], &[0x0b], &[0x08; 1], &[0xff; 12], &[0x1d, 0, 0], &[0x12, 0xff]] {
            let mut fields = Fields::new(message);
            assert!(fields.next().unwrap().is_err(), "{message:?}");
            assert!(fields.next().is_none());
        }
    }
}
