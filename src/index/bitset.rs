//! A fixed-length set of ordinals: tombstones, filter results, the chunks a search may return.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};

const WORD: usize = 64;

/// Bits at and above `len` are always zero.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Bitset {
    len: u32,
    words: Vec<u64>,
}

impl Bitset {
    /// The empty set over `0..len`.
    pub fn new(len: u32) -> Bitset {
        Bitset { len, words: vec![0; (len as usize).div_ceil(WORD)] }
    }

    /// Every ordinal of `0..len`.
    pub fn full(len: u32) -> Bitset {
        let mut set = Bitset { len, words: vec![u64::MAX; (len as usize).div_ceil(WORD)] };
        set.trim();
        set
    }

    pub fn from_ones(len: u32, ones: impl IntoIterator<Item = u32>) -> Bitset {
        let mut set = Bitset::new(len);
        ones.into_iter().for_each(|bit| set.insert(bit));
        set
    }

    fn trim(&mut self) {
        let used = self.len as usize % WORD;
        if let (true, Some(last)) = (used > 0, self.words.last_mut()) {
            *last &= (1 << used) - 1;
        }
    }

    /// The size of the universe, not of the set: see [`Bitset::count`].
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no ordinal is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Ordinals in the set.
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Ordinals outside the universe are not in the set.
    #[inline]
    pub fn contains(&self, bit: u32) -> bool {
        self.words.get(bit as usize / WORD).is_some_and(|word| word >> (bit as usize % WORD) & 1 == 1)
    }

    /// Ordinals outside the universe are ignored.
    pub fn insert(&mut self, bit: u32) {
        if bit < self.len {
            self.words[bit as usize / WORD] |= 1 << (bit as usize % WORD);
        }
    }

    pub fn remove(&mut self, bit: u32) {
        if let Some(word) = self.words.get_mut(bit as usize / WORD) {
            *word &= !(1 << (bit as usize % WORD));
        }
    }

    /// Adds every ordinal of the range that lies in the universe.
    pub fn insert_range(&mut self, range: std::ops::Range<u32>) {
        let end = range.end.min(self.len);
        let mut bit = range.start;
        while bit < end {
            let (word, from) = (bit as usize / WORD, bit % WORD as u32);
            let until = (end - bit + from).min(WORD as u32);
            let below = |n: u32| if n == WORD as u32 { u64::MAX } else { (1 << n) - 1 };
            self.words[word] |= below(until) & !below(from);
            bit += until - from;
        }
    }

    fn zip(&mut self, other: &Bitset, op: impl Fn(u64, u64) -> u64) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter_mut().zip(others).for_each(|(word, other)| *word = op(*word, other));
        self.trim();
    }

    pub fn intersect(&mut self, other: &Bitset) {
        self.zip(other, |a, b| a & b);
    }

    pub fn unite(&mut self, other: &Bitset) {
        self.zip(other, |a, b| a | b);
    }

    pub fn subtract(&mut self, other: &Bitset) {
        self.zip(other, |a, b| a & !b);
    }

    /// Complement within the universe.
    pub fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.trim();
    }

    /// The ordinals in the set, ascending.
    pub fn ones(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some((index * WORD) as u32 + bit)
            })
        })
    }

    /// Appends the set: `len`, then whichever is smaller, gaps between the ones as varints (form 0) or the words
    /// (form 1).
    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(u64::from(self.len));
        let mut gaps = Writer::new();
        let mut next = 0;
        gaps.varint(u64::from(self.count()));
        for bit in self.ones() {
            gaps.varint(u64::from(bit - next));
            next = bit + 1;
        }
        if gaps.len() <= self.words.len() * 8 {
            writer.u8(0);
            writer.raw(&gaps.into_bytes());
        } else {
            writer.u8(1);
            self.words.iter().for_each(|&word| writer.u64(word));
        }
    }

    /// Reads a set over exactly `0..len`.
    ///
    /// # Errors
    /// `Corrupt` for another length, an ordinal outside it, or truncated bytes.
    pub fn decode(reader: &mut Reader, len: u32) -> Result<Bitset> {
        let found = reader.varint()?;
        if found != u64::from(len) {
            return Err(Error::corrupt(format!("a set over {found} ordinals where {len} belong")));
        }
        let mut set = Bitset::new(len);
        match reader.u8()? {
            0 => {
                let mut next = 0u64;
                for _ in 0..reader.count(1)? {
                    let bit = next.checked_add(reader.varint()?).filter(|&bit| bit < u64::from(len));
                    let bit = bit.ok_or_else(|| Error::corrupt(format!("a set with an ordinal beyond {len}")))?;
                    set.insert(bit as u32);
                    next = bit + 1;
                }
            }
            1 => {
                for word in &mut set.words {
                    *word = reader.u64()?;
                }
                let read = set.words.last().copied();
                set.trim();
                if set.words.last().copied() != read {
                    return Err(Error::corrupt(format!("a set with an ordinal beyond {len}")));
                }
            }
            form => return Err(Error::corrupt(format!("a set in the unknown form {form}"))),
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn sample() -> impl Strategy<Value = (u32, Vec<u32>, Vec<u32>)> {
        (0u32..400).prop_flat_map(|len| {
            let bits = || vec(0..len.max(1), 0..=(len as usize * 2).min(300));
            (Just(len), bits(), bits())
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_integers((len, a, b) in sample(), range in (0u32..450, 0u32..450)) {
            let tree = |bits: &[u32]| bits.iter().copied().filter(|&bit| bit < len).collect::<BTreeSet<u32>>();
            let (x, y) = (Bitset::from_ones(len, a.clone()), Bitset::from_ones(len, b.clone()));
            let (tx, ty) = (tree(&a), tree(&b));
            let same = |set: &Bitset, tree: BTreeSet<u32>| {
                prop_assert_eq!(set.ones().collect::<Vec<_>>(), tree.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(set.count() as usize, tree.len());
                prop_assert_eq!(set.is_empty(), tree.is_empty());
                prop_assert!((0..len + 70).all(|bit| set.contains(bit) == tree.contains(&bit)));
                Ok(())
            };
            same(&x, tx.clone())?;
            let after = |op: fn(&mut Bitset, &Bitset)| { let mut set = x.clone(); op(&mut set, &y); set };
            same(&after(Bitset::intersect), &tx & &ty)?;
            same(&after(Bitset::unite), &tx | &ty)?;
            same(&after(Bitset::subtract), &tx - &ty)?;
            let full: BTreeSet<u32> = (0..len).collect();
            same(&Bitset::full(len), full.clone())?;
            same(&after(|set, _| set.invert()), &full - &tx)?;
            let mut ranged = x.clone();
            ranged.insert_range(range.0..range.1);
            same(&ranged, tx.iter().copied().chain((range.0..range.1).filter(|&bit| bit < len)).collect())?;
            let mut removed = x.clone();
            b.iter().for_each(|&bit| removed.remove(bit));
            same(&removed, &tx - &ty)?;
        }

        #[test]
        fn comes_back_from_its_bytes((len, a, _) in sample()) {
            let set = Bitset::from_ones(len, a);
            let mut writer = Writer::new();
            set.encode(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(Bitset::decode(&mut reader, len).unwrap(), set);
            reader.end().unwrap();
            prop_assert!(Bitset::decode(&mut Reader::new(&bytes), len + 1).is_err());
            for cut in 0..bytes.len() {
                prop_assert!(Bitset::decode(&mut Reader::new(&bytes[..cut]), len).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..40), len in 0u32..200) {
            if let Ok(set) = Bitset::decode(&mut Reader::new(&bytes), len) {
                prop_assert!(set.ones().all(|bit| bit < len));
            }
        }
    }
}
