//! Reads what `build.rs` has packed. It is part of the module, so nothing is checked.

use std::ops::Range;

pub(super) struct Packed(pub &'static [u8]);

impl Packed {
    /// 0 behind the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    pub fn varint(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    /// A run of characters' numbers by the gap before it and its length; `end` is that of the run before and becomes its.
    pub fn run(&mut self, end: &mut u32) -> Range<u32> {
        let start = *end + self.varint();
        *end = start + self.varint();
        start..*end
    }

    /// The character so far from the one behind `last`.
    pub fn near(&mut self, last: char) -> char {
        let distance = self.varint();
        let distance = (distance >> 1) as i32 ^ -((distance & 1) as i32);
        char::from_u32((last as i32 + 1 + distance) as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// A list of characters after its length.
    pub fn chars(&mut self) -> Vec<char> {
        let mut last = '\0';
        let length = self.varint();
        let next = |_| {
            last = self.near(last);
            last
        };
        (0..length).map(next).collect()
    }
}
