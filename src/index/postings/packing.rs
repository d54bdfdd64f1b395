//! 128 integers of equal width, bit after bit, lowest first.

/// Postings of a full block.
pub const BLOCK: usize = 128;

/// Bytes that must follow packed bits, whatever they hold: values are read eight bytes at a time.
pub const SLACK: usize = 8;

/// Bits that the largest value needs, 0..=32.
pub fn width(values: &[u32; BLOCK]) -> u8 {
    (32 - values.iter().fold(0, |all, value| all | value).leading_zeros()) as u8
}

/// Bytes of a block packed at this width.
pub fn packed_len(width: u8) -> usize {
    BLOCK / 8 * width as usize
}

/// Appends `packed_len(width)` bytes. Bits of a value above `width` are lost: take it from [`width`].
pub fn pack(values: &[u32; BLOCK], width: u8, out: &mut Vec<u8>) {
    let (mut word, mut held) = (0u64, 0);
    for &value in values {
        word |= u64::from(value) << held;
        held += u32::from(width);
        while held >= 8 {
            out.push(word as u8);
            word >>= 8;
            held -= 8;
        }
    }
}

/// Reads a block from the beginning of `bytes`, which hold it and [`SLACK`] more; from fewer, the values that are
/// missing are 0.
pub fn unpack(bytes: &[u8], width: u8, out: &mut [u32; BLOCK]) {
    let mask = ((1u64 << width) - 1) as u32;
    let width = width as usize;
    if width == 0 {
        return out.fill(0);
    }
    for (index, slot) in out.iter_mut().enumerate() {
        let bit = index * width;
        let word = bytes.get(bit / 8..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        *slot = (u64::from_le_bytes(word) >> (bit % 8)) as u32 & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back(bits in 0u32..=32, seed in proptest::collection::vec(any::<u32>(), BLOCK)) {
            let mut values = [0; BLOCK];
            values.iter_mut().zip(&seed).for_each(|(slot, &value)| *slot = (u64::from(value) & ((1 << bits) - 1)) as u32);
            let width = width(&values);
            prop_assert!(u32::from(width) <= bits);
            let mut bytes = Vec::new();
            pack(&values, width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(width));
            bytes.extend([0xff; SLACK]);
            let mut back = [7; BLOCK];
            unpack(&bytes, width, &mut back);
            prop_assert_eq!(back, values);
        }
    }

    #[test]
    fn too_few_bytes_are_zeros() {
        let mut out = [9; BLOCK];
        unpack(&[1, 2, 3], 7, &mut out);
        assert_eq!(out, [0; BLOCK]);
    }
}
