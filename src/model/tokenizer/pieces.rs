//! The pieces of a Unigram vocabulary with their scores, and the segmentation of a word into pieces that has the
//! greatest sum of scores (Kudo 2018, section 3.2; Viterbi's algorithm).
//!
//! A trie of 250,000 pieces would take many times their own size. They are kept sorted instead, end to end: all that
//! begin with the same bytes stand side by side, so that one more byte of text narrows a range by two binary searches.

use crate::error::{Error, Result};
use std::ops::Range;

/// What an unknown character costs more than the worst piece.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(super) struct Pieces {
    /// In order of their bytes.
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<u32>,
    ids: Vec<u32>,
    scores: Vec<f64>,
    /// How many pieces begin with a smaller byte, for each byte and for 256.
    first: Vec<u32>,
    unknown: u32,
    unknown_score: f64,
    /// Length of the longest piece in bytes.
    longest: usize,
}

/// Pieces of a word from its beginning to here: the best way.
#[derive(Clone, Copy)]
struct Node {
    score: f64,
    /// Where the last piece begins; `usize::MAX` as long as there is no way.
    from: usize,
    id: u32,
}

/// Buffers of [`Pieces::segment`].
#[derive(Default)]
pub(super) struct Lattice {
    nodes: Vec<Node>,
    found: Vec<(u32, Range<usize>)>,
}

impl Pieces {
    /// `bytes` are the pieces in the order of their ids, `ends` where each ends.
    ///
    /// Errors: `Corrupt` for a piece that is there twice, a score that is not finite, or an unknown token that is
    /// none of the pieces.
    pub fn new(bytes: &[u8], ends: &[u32], scores: &[f64], unknown: u32) -> Result<Pieces> {
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::corrupt(format!("tokenizer.json: the score of piece {at} is {}", scores[at])));
        }
        if unknown as usize >= ends.len() {
            let count = ends.len();
            return Err(Error::corrupt(format!("tokenizer.json: the unknown token is {unknown} of {count} pieces")));
        }
        let piece = |id: u32| {
            let start = id.checked_sub(1).map_or(0, |before| ends[before as usize]);
            &bytes[start as usize..ends[id as usize] as usize]
        };
        let mut ids: Vec<u32> = (0..ends.len() as u32).collect();
        ids.sort_unstable_by_key(|id| piece(*id));
        let (mut sorted, mut sorted_ends) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(ids.len()));
        let (mut first, mut longest) = (vec![0; 257], 0);
        for (at, &id) in ids.iter().enumerate() {
            let bytes = piece(id);
            if at > 0 && bytes == piece(ids[at - 1]) {
                let text = String::from_utf8_lossy(bytes);
                return Err(Error::corrupt(format!("tokenizer.json: the piece {text:?} is there twice")));
            }
            sorted.extend_from_slice(bytes);
            sorted_ends.push(sorted.len() as u32);
            longest = longest.max(bytes.len());
            // An empty piece matches nothing; it counts as smaller than every byte.
            first[bytes.first().map_or(0, |byte| usize::from(*byte) + 1)] += 1;
        }
        for byte in 1..first.len() {
            first[byte] += first[byte - 1];
        }
        let worst = scores.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(Pieces {
            bytes: sorted,
            ends: sorted_ends,
            scores: ids.iter().map(|id| scores[*id as usize]).collect(),
            ids,
            first,
            unknown,
            unknown_score: worst - UNKNOWN_PENALTY,
            longest,
        })
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Shows `each` the pieces with which `text` begins: length in bytes and place in the sorted order.
    fn prefixes(&self, text: &[u8], mut each: impl FnMut(usize, usize)) {
        let Some(&byte) = text.first() else { return };
        let (mut low, mut high) = (self.first[usize::from(byte)] as usize, self.first[usize::from(byte) + 1] as usize);
        for depth in 1.. {
            if low == high {
                return;
            }
            // The piece that has no more bytes than these comes before all that have.
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

    /// Ids of the best segmentation of `word`, each with its span. Unknown characters side by side are one token.
    pub fn segment<'a>(&self, word: &str, lattice: &'a mut Lattice) -> &'a [(u32, Range<usize>)] {
        let Lattice { nodes, found } = lattice;
        nodes.clear();
        nodes.resize(word.len() + 1, Node { score: 0.0, from: usize::MAX, id: self.unknown });
        for (start, c) in word.char_indices() {
            let here = nodes[start].score;
            let mut offer = |end: usize, score: f64, id: u32| {
                let node = &mut nodes[end];
                if node.from == usize::MAX || score > node.score {
                    *node = Node { score, from: start, id };
                }
            };
            let mut known = false;
            self.prefixes(&word.as_bytes()[start..], |length, place| {
                offer(start + length, self.scores[place] + here, self.ids[place]);
                known |= length == c.len_utf8();
            });
            if !known {
                offer(start + c.len_utf8(), self.unknown_score + here, self.unknown);
            }
        }
        found.clear();
        let mut end = word.len();
        while end > 0 {
            let Node { from, id, .. } = nodes[end];
            match found.last_mut() {
                Some((last, span)) if *last == self.unknown && id == self.unknown => span.start = from,
                _ => found.push((id, from..end)),
            }
            end = from;
        }
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(list: &[(&str, f64)]) -> Result<Pieces> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (piece, _) in list {
            bytes.extend_from_slice(piece.as_bytes());
            ends.push(bytes.len() as u32);
        }
        let scores: Vec<f64> = list.iter().map(|(_, score)| *score).collect();
        Pieces::new(&bytes, &ends, &scores, 0)
    }

    #[track_caller]
    fn check(list: &[(&str, f64)], word: &str, expected: &[&str]) {
        let mut lattice = Lattice::default();
        let pieces = pieces(list).unwrap();
        let found: Vec<&str> = pieces.segment(word, &mut lattice).iter().map(|(_, span)| &word[span.clone()]).collect();
        assert_eq!(found, expected);
    }

    const LIST: [(&str, f64); 8] =
        [("<unk>", 0.0), ("", 0.0), ("a", -2.0), ("b", -2.5), ("ab", -3.0), ("abc", -9.0), ("c", -4.0), ("é", -1.0)];

    #[test]
    fn the_best_sum_wins() {
        check(&LIST, "abc", &["ab", "c"]);
        check(&LIST, "aé", &["a", "é"]);
        check(&LIST, "", &[]);
        check(&LIST, "xyaz", &["xy", "a", "z"]);
        check(&LIST, "ü", &["ü"]);
    }

    #[test]
    fn what_makes_no_vocabulary_is_refused() {
        assert!(pieces(&[("a", 0.0), ("b", 0.0), ("a", 1.0)]).err().unwrap().context.contains("\"a\" is there twice"));
        assert!(pieces(&[("a", f64::NAN)]).err().unwrap().context.contains("score of piece 0"));
        assert!(pieces(&[]).err().unwrap().context.contains("unknown token"));
    }

    /// Greatest sum over all segmentations, by trying each.
    fn exhaustive(list: &[(String, f64)], unknown: f64, word: &str) -> f64 {
        let Some(c) = word.chars().next() else { return 0.0 };
        let mut best = f64::NEG_INFINITY;
        for (piece, score) in list {
            if let Some(rest) = word.strip_prefix(piece.as_str()) {
                best = best.max(score + exhaustive(list, unknown, rest));
            }
        }
        match list.iter().any(|(piece, _)| piece.chars().eq([c])) {
            true => best,
            false => best.max(unknown + exhaustive(list, unknown, &word[c.len_utf8()..])),
        }
    }

    proptest! {
        #[test]
        fn no_segmentation_has_a_greater_sum(
            list in prop::collection::btree_map("[abé]{1,4}", -20i32..0, 1..12),
            word in "[abéx]{0,9}",
        ) {
            let list: Vec<(String, f64)> = list.into_iter().map(|(piece, score)| (piece, f64::from(score))).collect();
            let borrowed: Vec<(&str, f64)> = list.iter().map(|(piece, score)| (piece.as_str(), *score)).collect();
            let all: Vec<(&str, f64)> = [("<unk>", 0.0)].into_iter().chain(borrowed).collect();
            let pieces = pieces(&all).unwrap();
            let mut lattice = Lattice::default();
            let mut end = 0;
            let mut sum = 0.0;
            for (id, span) in pieces.segment(&word, &mut lattice) {
                prop_assert_eq!(span.start, end);
                end = span.end;
                sum += match id {
                    0 => pieces.unknown_score * word[span.clone()].chars().count() as f64,
                    id => {
                        prop_assert_eq!(all[*id as usize].0, &word[span.clone()]);
                        all[*id as usize].1
                    }
                };
            }
            prop_assert_eq!(end, word.len());
            prop_assert_eq!(sum, exhaustive(&list, pieces.unknown_score, &word));
        }
    }
}
