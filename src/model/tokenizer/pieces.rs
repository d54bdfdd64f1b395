//! The pieces of a Unigram vocabulary with their scores, and the segmentation of a word into pieces that has the
//! greatest sum of scores (Kudo 2018, section 3.2; Viterbi's algorithm).

use super::sorted::Sorted;
use crate::error::{Error, Result};
use std::ops::Range;

/// What an unknown character costs more than the worst piece.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(super) struct Pieces {
    sorted: Sorted,
    /// In the order of the pieces' bytes.
    scores: Vec<f64>,
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
        let starts = [0].into_iter().chain(ends.iter().copied());
        let pieces = starts.zip(ends).map(|(start, end)| &bytes[start as usize..*end as usize]);
        let longest = pieces.clone().map(<[u8]>::len).max().unwrap_or(0);
        let sorted = Sorted::new(pieces.zip(0..).collect()).map_err(|twice| {
            let text = String::from_utf8_lossy(twice);
            Error::corrupt(format!("tokenizer.json: the piece {text:?} is there twice"))
        })?;
        let worst = scores.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(Pieces {
            scores: sorted.ids().iter().map(|id| scores[*id as usize]).collect(),
            sorted,
            unknown,
            unknown_score: worst - UNKNOWN_PENALTY,
            longest,
        })
    }

    pub fn len(&self) -> usize {
        self.scores.len()
    }

    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    pub fn longest(&self) -> usize {
        self.longest
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
            self.sorted.prefixes(&word.as_bytes()[start..], |length, place| {
                offer(start + length, self.scores[place] + here, self.sorted.ids()[place]);
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
