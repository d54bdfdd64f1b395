//! Measures a text once, so that every later question about a range is answered in constant time: how many tokens
//! it has, whether a grapheme ends here, where a number of tokens ends.

use super::super::unicode::graphemes;
use super::super::TokenCounter;
use std::ops::Range;

/// A chunk has at most this many bytes for each token it may have: models make one token, or none, of a megabyte of
/// control characters or base64.
const TOKEN_BYTES: usize = 64;

/// Text is handed to the tokeniser in pieces of about this many bytes: its working memory is many times its input.
const SLAB_BYTES: usize = 64 << 10;

pub(super) struct Ruler<'a> {
    pub text: &'a str,
    starts: Ranks,
    ends: Ranks,
    /// One bit for each byte of the text and one for its end: set where a grapheme begins.
    bounds: Vec<u64>,
}

impl<'a> Ruler<'a> {
    pub fn new(text: &'a str, counter: &dyn TokenCounter) -> Ruler<'a> {
        let mut ruler = Ruler::graphemes(text);
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < text.len() {
            let slab = at..ruler.slab_end(at);
            // Counters are foreign code: whatever they say, values stay within the slab and in order.
            let (mut last_start, mut last_end) = (at, at);
            for (start, end) in counter.token_spans(&text[slab.clone()]) {
                last_start = start.saturating_add(at).clamp(last_start, slab.end);
                last_end = end.saturating_add(at).clamp(last_end, slab.end);
                starts.push(last_start as u32);
                ends.push(last_end as u32);
            }
            at = slab.end;
        }
        ruler.starts = Ranks::new(starts, text.len());
        ruler.ends = Ranks::new(ends, text.len());
        ruler
    }

    /// A ruler that knows graphemes only, and for which nothing has tokens.
    pub fn graphemes(text: &'a str) -> Ruler<'a> {
        Ruler { text, starts: Ranks::default(), ends: Ranks::default(), bounds: grapheme_bounds(text) }
    }

    /// What a range counts towards a budget of tokens. Tokens that reach into it from outside count in full.
    pub fn cost(&self, range: Range<usize>) -> usize {
        let tokens = self.starts.below(range.end).saturating_sub(self.ends.below(range.start + 1));
        tokens.max(range.len().div_ceil(TOKEN_BYTES))
    }

    /// Where the first `budget` tokens of a range end: a grapheme boundary, at least one grapheme after its start.
    pub fn take(&self, range: Range<usize>, budget: usize) -> usize {
        let token = self.ends.below(range.start + 1) + budget;
        let after = self.starts.sorted.get(token).map_or(range.end, |&start| start as usize);
        let end = after.min(range.end).min(range.start + budget * TOKEN_BYTES);
        match self.floor(end) {
            end if end > range.start => end,
            _ => self.ceil(range.start + 1).min(range.end),
        }
    }

    pub fn is_bound(&self, at: usize) -> bool {
        self.bounds[at / 64] >> (at % 64) & 1 == 1
    }

    /// The last grapheme boundary at or before `at`.
    pub fn floor(&self, at: usize) -> usize {
        (0..=at).rev().find(|&at| self.is_bound(at)).unwrap_or(0)
    }

    /// The first grapheme boundary at or after `at`.
    pub fn ceil(&self, at: usize) -> usize {
        (at..self.text.len()).find(|&at| self.is_bound(at)).unwrap_or(self.text.len())
    }

    /// The range without white space at its ends. A space that carries a combining mark is no white space.
    pub fn trim(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let start = range.start + (text.len() - text.trim_start().len());
        let end = range.start + text.trim_end().len();
        match start < end {
            true => self.floor(start)..self.ceil(end),
            false => range.start..range.start,
        }
    }

    /// Ends near `SLAB_BYTES` after `at`, behind white space if there is any nearby, so that no word is cut.
    fn slab_end(&self, at: usize) -> usize {
        if self.text.len() - at <= SLAB_BYTES {
            return self.text.len();
        }
        let bytes = self.text.as_bytes();
        let window = at + SLAB_BYTES / 2..at + SLAB_BYTES;
        let behind = |byte: fn(u8) -> bool| window.clone().rev().find(|&i| byte(bytes[i]) && self.is_bound(i + 1));
        let cut = behind(|b| b == b'\n').or_else(|| behind(|b| b.is_ascii_whitespace()));
        match cut.map_or_else(|| self.floor(window.end), |i| i + 1) {
            end if end > at => end,
            _ => self.ceil(at + 1),
        }
    }
}

/// Grapheme boundaries as bits. Between two ASCII characters there is one, except in a line end of two characters;
/// only the rest is worth the tables of the standard.
fn grapheme_bounds(text: &str) -> Vec<u64> {
    let bytes = text.as_bytes();
    let mut bounds = vec![0u64; text.len() / 64 + 1];
    let mut set = |at: usize| bounds[at / 64] |= 1 << (at % 64);
    let plain = |at: usize| bytes[at].is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii);
    let mut at = 0;
    while at < bytes.len() {
        let joined = bytes[at] == b'\n' && at > 0 && bytes[at - 1] == b'\r';
        if plain(at) {
            if !joined {
                set(at);
            }
            at += 1;
            continue;
        }
        // From here to the next ASCII character, which a preceding mark may still claim.
        let end = (at + 1..bytes.len()).find(|&end| plain(end)).map_or(bytes.len(), |end| end + 1);
        let skip = usize::from(joined);
        graphemes(&text[at..end]).skip(skip).for_each(|(offset, _)| set(at + offset));
        at = end;
    }
    set(text.len());
    bounds
}

/// Sorted numbers, and how many are below any number, by a small search in the block that it falls in.
#[derive(Default)]
struct Ranks {
    sorted: Vec<u32>,
    /// How many are below each multiple of `BLOCK`.
    blocks: Vec<u32>,
}

impl Ranks {
    const BLOCK: usize = 64;

    fn new(sorted: Vec<u32>, max: usize) -> Ranks {
        let mut blocks = Vec::with_capacity(max / Ranks::BLOCK + 3);
        let mut rank = 0;
        for block in 0..max / Ranks::BLOCK + 3 {
            let below = |value: &&u32| (**value as usize) < block * Ranks::BLOCK;
            rank += sorted[rank..].iter().take_while(below).count();
            blocks.push(rank as u32);
        }
        Ranks { sorted, blocks }
    }

    /// How many are below `value`, which is at most one above the largest possible.
    fn below(&self, value: usize) -> usize {
        let Some(&from) = self.blocks.get(value / Ranks::BLOCK) else { return self.sorted.len() };
        let to = self.blocks.get(value / Ranks::BLOCK + 1).map_or(self.sorted.len(), |&to| to as usize);
        from as usize + self.sorted[from as usize..to].partition_point(|&other| (other as usize) < value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::WordCounter;
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    #[test]
    fn cost_counts_every_token_that_is_touched() {
        let ruler = Ruler::new("one two, three", &WordCounter);
        assert_eq!(ruler.cost(0..14), 4);
        assert_eq!(ruler.cost(4..8), 2);
        assert_eq!(ruler.cost(5..6), 1);
        assert_eq!(ruler.cost(1..5), 2);
        assert_eq!(ruler.cost(3..4), 1);
    }

    #[test]
    fn take_ends_before_the_next_token() {
        let ruler = Ruler::new("one two, three", &WordCounter);
        assert_eq!(ruler.take(0..14, 1), 4);
        assert_eq!(ruler.take(0..14, 3), 9);
        assert_eq!(ruler.take(0..14, 9), 14);
        assert_eq!(ruler.take(9..14, 0), 10);
    }

    #[test]
    fn white_space_that_carries_a_mark_stays() {
        let ruler = Ruler::graphemes("  \u{301}a \u{301} ");
        assert_eq!(ruler.trim(0..9), 1..8);
        assert_eq!(Ruler::graphemes(" \r\n\u{3000}").trim(0..6), 0..0);
    }

    fn soup() -> impl Strategy<Value = String> {
        const PIECES: [&str; 14] =
            ["a", " ", "\r", "\n", "\r\n", "\u{301}", "\u{600}", "\u{200d}", "👩", "🇫", "ก", "ำ", "한", "\0"];
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn bounds_are_those_of_the_standard(text in prop_oneof![soup(), "\\PC{0,60}"]) {
            let ruler = Ruler::graphemes(&text);
            let mut expected: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
            expected.push(text.len());
            let bounds: Vec<usize> = (0..=text.len()).filter(|&at| ruler.is_bound(at)).collect();
            prop_assert_eq!(bounds, expected);
        }

        #[test]
        fn ranks_agree_with_counting(mut values in prop::collection::vec(0u32..300, 0..80)) {
            values.sort_unstable();
            let ranks = Ranks::new(values.clone(), 300);
            for at in 0..=301 {
                prop_assert_eq!(ranks.below(at), values.iter().filter(|&&v| (v as usize) < at).count());
            }
        }
    }
}
