//! The normaliser of SentencePiece models: a table of character sequences and what each becomes (Kudo and Richardson
//! 2018, section 3.2; NFKC with some spaces and controls besides). A charsmap is the length of a trie in bytes, the
//! trie, and the replacements, each ended by a zero byte.
//!
//! The trie is a double array (Aoe 1989; the layout is that of Darts-clone): a walk is at a place, whose unit gives
//! an offset; the place of the child by byte `c` is `place ^ offset ^ c`, if the unit there has label `c`.

use crate::error::{Error, Result};
use crate::text::graphemes;
use std::ops::Range;

pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

/// Longer clusters, in bytes, are looked up character by character.
const CLUSTER_BYTES: usize = 6;

impl Charsmap {
    /// Reads a `precompiled_charsmap` (decoded from base64).
    ///
    /// Errors: `Corrupt`. What was read cannot fail later: places outside the trie match nothing.
    pub fn read(bytes: &[u8]) -> Result<Charsmap> {
        let corrupt = |what: &str| Error::corrupt(format!("the charsmap of tokenizer.json {what}"));
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| corrupt("has no length"))?;
        let length = u32::from_le_bytes(*length) as usize;
        if !length.is_multiple_of(4) || length > rest.len() {
            return Err(corrupt(&format!("has {} bytes for a trie of {length}", rest.len())));
        }
        let (trie, replacements) = rest.split_at(length);
        let units = trie.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let replacements = std::str::from_utf8(replacements).map_err(|e| corrupt("is not UTF-8").with_source(e))?;
        Ok(Charsmap { units, replacements: replacements.to_string() })
    }

    /// What `key` becomes, by the shortest of its beginnings that the table has: the library `spm_precompiled`, by
    /// which ids of such models are made, replaces the whole key by it.
    fn replacement(&self, key: &str) -> Option<&str> {
        let unit = |place: u32| self.units.get(place as usize).copied();
        let mut place = offset(unit(0)?);
        for &byte in key.as_bytes() {
            place ^= u32::from(byte);
            let found = unit(place).filter(|unit| unit & (1 << 31 | 0xff) == u32::from(byte))?;
            place ^= offset(found);
            if found >> 8 & 1 == 1 {
                let at = (unit(place)? & !(1 << 31)) as usize;
                return self.replacements.get(at..)?.split('\0').next();
            }
        }
        None
    }

    /// Shows `each` the parts of `text` in order: where they stand, and what they become. Clusters of characters that
    /// belong together go first, then characters; what the table does not have stays as it is. Ends when `each` says
    /// false.
    pub fn normalise(&self, text: &str, mut each: impl FnMut(Range<usize>, &str) -> bool) {
        for (start, cluster) in graphemes(text) {
            if cluster.len() < CLUSTER_BYTES {
                if let Some(becomes) = self.replacement(cluster) {
                    if !each(start..start + cluster.len(), becomes) {
                        return;
                    }
                    continue;
                }
            }
            for (at, c) in cluster.char_indices() {
                let span = start + at..start + at + c.len_utf8();
                let alone = &text[span.clone()];
                if !each(span, self.replacement(alone).unwrap_or(alone)) {
                    return;
                }
            }
        }
    }
}

/// From a unit to the block of its children.
fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A trie with the one key "\t", which becomes "x": the root, the child, its value.
    fn tab() -> Vec<u8> {
        // The root's offset 1 puts the child at 1 ^ 9 = 8; the child's offset 1 puts its value at 8 ^ 1 = 9.
        let mut units = [0u32; 10];
        units[0] = 1 << 10;
        units[8] = 9 | 1 << 8 | 1 << 10;
        units[9] = 2 | 1 << 31;
        let mut bytes = 40u32.to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(b"y\0x\0");
        bytes
    }

    fn normalised(map: &Charsmap, text: &str) -> String {
        let mut out = String::new();
        map.normalise(text, |_, part| {
            out.push_str(part);
            true
        });
        out
    }

    #[test]
    fn what_the_table_has_is_replaced() {
        let map = Charsmap::read(&tab()).unwrap();
        assert_eq!(normalised(&map, "a\tb\t\té"), "axbxxé");
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        assert!(Charsmap::read(&[1, 0]).is_err());
        assert!(Charsmap::read(&[8, 0, 0, 0, 1]).is_err());
        assert!(Charsmap::read(&[0, 0, 0, 0, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(mut units in prop::collection::vec(any::<u8>(), 0..64), text in "\\PC{0,8}") {
            units.truncate(units.len() / 4 * 4);
            let mut bytes = (units.len() as u32).to_le_bytes().to_vec();
            bytes.extend(units);
            bytes.extend(b"some\0text");
            normalised(&Charsmap::read(&bytes).unwrap(), &text);
        }
    }
}
