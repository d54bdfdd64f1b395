//! Takes little-endian values from a slice. Every read is checked against what remains, and a declared count is
//! checked before anything of that size is allocated: a short or lying input is `Corrupt`, never a panic.

use crate::error::{Error, Result};

#[derive(Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! take {
    ($($name:ident: $type:ty),*) => {$(
        pub fn $name(&mut self) -> Result<$type> {
            let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| self.short(size_of::<$type>()))?;
            self.rest = rest;
            Ok(<$type>::from_le_bytes(*head))
        }
    )*};
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    take!(u8: u8, u16: u16, u32: u32, u64: u64, i32: i32, f32: f32, f64: f64);

    fn short(&self, wanted: usize) -> Error {
        Error::corrupt(format!("{wanted} bytes expected, {} left", self.rest.len()))
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::corrupt("a variable-length integer above 64 bits"))
    }

    /// A varint that counts things of at least `each` bytes that follow: refused if they cannot all be there.
    pub fn count(&mut self, each: usize) -> Result<usize> {
        let count = self.varint()?;
        let fits =
            usize::try_from(count).ok().filter(|n| n.checked_mul(each.max(1)).is_some_and(|b| b <= self.rest.len()));
        fits.ok_or_else(|| Error::corrupt(format!("{count} items declared, {} bytes left", self.rest.len())))
    }

    pub fn raw(&mut self, len: usize) -> Result<&'a [u8]> {
        if len > self.rest.len() {
            return Err(self.short(len));
        }
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(head)
    }

    pub fn blob(&mut self) -> Result<&'a [u8]> {
        let len = self.count(1)?;
        self.raw(len)
    }

    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.blob()?).map_err(|e| Error::corrupt("text that is not UTF-8").with_source(e))
    }

    pub fn u32s(&mut self, count: usize) -> Result<Vec<u32>> {
        let bytes = self.array(count, 4)?;
        Ok(bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
    }

    /// Finite numbers only: NaN and infinity are `Corrupt`.
    pub fn f32s(&mut self, count: usize) -> Result<Vec<f32>> {
        let bytes = self.array(count, 4)?;
        let values: Vec<f32> = bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(Error::corrupt("a number that is not finite")),
        }
    }

    /// The bytes of `count` items of so many bytes each.
    pub fn array(&mut self, count: usize, each: usize) -> Result<&'a [u8]> {
        let len = count.checked_mul(each).ok_or_else(|| Error::corrupt(format!("{count} items overflow memory")))?;
        self.raw(len)
    }

    /// Skips zeros up to a multiple of `alignment`, counted from `start`, the slice this reader began with.
    pub fn align(&mut self, start: &[u8], alignment: usize) -> Result<()> {
        let position = start.len() - self.rest.len();
        let padding = self.raw(position.next_multiple_of(alignment) - position)?;
        match padding.iter().all(|&b| b == 0) {
            true => Ok(()),
            false => Err(Error::corrupt("padding that is not zero")),
        }
    }

    /// Everything was read.
    pub fn end(self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Error::corrupt(format!("{left} bytes too many"))),
        }
    }
}
