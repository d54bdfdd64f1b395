//! Many short strings with their ids, of which those are found that a text begins with.
//!
//! A trie of 250,000 pieces would take many times their own size. They are kept sorted instead, end to end: all that
//! begin with the same bytes stand side by side, so that one more byte of text narrows a range by two binary searches.

pub(super) struct Sorted {
    /// In order.
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<u32>,
    ids: Vec<u32>,
    /// How many begin with a smaller byte, for each byte and for 256.
    first: Vec<u32>,
}

impl Sorted {
    /// Sorts strings, each with its id. If one is there twice, that one is the error. Together they have less than
    /// 4 GiB.
    pub fn new(mut strings: Vec<(&[u8], u32)>) -> Result<Sorted, &[u8]> {
        strings.sort_unstable_by_key(|(bytes, _)| *bytes);
        if let Some(twice) = strings.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(twice[0].0);
        }
        let mut bytes = Vec::with_capacity(strings.iter().map(|(bytes, _)| bytes.len()).sum());
        let (mut ends, mut first) = (Vec::with_capacity(strings.len()), vec![0; 257]);
        for (string, _) in &strings {
            bytes.extend_from_slice(string);
            ends.push(bytes.len() as u32);
            // An empty string is found nowhere; it counts as smaller than every byte.
            first[string.first().map_or(0, |byte| usize::from(*byte) + 1)] += 1;
        }
        for byte in 1..first.len() {
            first[byte] += first[byte - 1];
        }
        Ok(Sorted { bytes, ends, ids: strings.iter().map(|(_, id)| *id).collect(), first })
    }

    /// The ids, in the order of their strings.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Shows `each` the strings with which `text` begins, the shortest first: length in bytes and place in the order.
    pub fn prefixes(&self, text: &[u8], mut each: impl FnMut(usize, usize)) {
        let Some(&byte) = text.first() else { return };
        let (mut low, mut high) = (self.first[usize::from(byte)] as usize, self.first[usize::from(byte) + 1] as usize);
        for depth in 1.. {
            if low == high {
                return;
            }
            // The string that has no more bytes than these comes before all that have.
            let start = if low == 0 { 0 } else { self.ends[low - 1] };
            if (self.ends[low] - start) as usize == depth {
                each(depth, low);
                low += 1;
            }
            let Some(&byte) = text.get(depth) else { return };
            low = self.bound(low, high, depth, |found| found < byte);
            high = self.bound(low, high, depth, |found| found == byte);
        }
    }

    /// The first place in `low..high` whose byte number `depth` is not `before` any longer.
    fn bound(&self, mut low: usize, mut high: usize, depth: usize, before: impl Fn(u8) -> bool) -> usize {
        while low < high {
            let middle = low + (high - low) / 2;
            let start = if middle == 0 { 0 } else { self.ends[middle - 1] as usize };
            match before(self.bytes[start + depth]) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}
