//! CRC-32 of stored bytes (the polynomial of ISO-HDLC, as in zip and PNG), eight bytes at a time by eight tables
//! (Kounavis and Berry 2005, "slicing-by-8"). The tables are computed when they are first needed: as constants they
//! would be 16 KB that do not compress, in a download that every visitor makes.

use std::sync::OnceLock;

type Tables = [[u32; 256]; 8];

/// CRC-32 of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_after(0, bytes)
}

/// CRC-32 of bytes whose beginning has the CRC-32 `before` (0 for none) and whose rest is `bytes`.
pub fn crc32_after(before: u32, bytes: &[u8]) -> u32 {
    static TABLES: OnceLock<Box<Tables>> = OnceLock::new();
    let tables = TABLES.get_or_init(tables);
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut crc = !before;
    for &[a, b, c, d, e, f, g, h] in eights {
        let [a, b, c, d] = (u32::from_le_bytes([a, b, c, d]) ^ crc).to_le_bytes();
        crc = 0;
        for (table, byte) in tables.iter().rev().zip([a, b, c, d, e, f, g, h]) {
            crc ^= table[usize::from(byte)];
        }
    }
    !rest.iter().fold(crc, |crc, &byte| step(&tables[0], crc, byte))
}

fn step(table: &[u32; 256], crc: u32, byte: u8) -> u32 {
    let [low, ..] = crc.to_le_bytes();
    (crc >> 8) ^ table[usize::from(low ^ byte)]
}

/// `tables[n][b]` is what byte `b` contributes when `n` more bytes follow it.
fn tables() -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; 8]);
    for (entry, byte) in tables[0].iter_mut().zip(0u32..) {
        *entry = (0..8).fold(byte, |crc, _| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 });
    }
    for n in 1..8 {
        for byte in 0..256 {
            tables[n][byte] = step(&tables[0], tables[n - 1][byte], 0);
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32_after};
    use proptest::prelude::*;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn equal_to_the_library(bytes: Vec<u8>, at: prop::sample::Index) {
            prop_assert_eq!(crc32(&bytes), crc32fast::hash(&bytes));
            let (first, rest) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(crc32_after(crc32(first), rest), crc32(&bytes));
        }
    }
}
