//! Cuts text into words by UAX #29 and into runs of scripts that are written without spaces between words.

use super::super::unicode::words;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Words: everything that separates them by spaces.
    Spaced,
    /// Han, Bopomofo, Hiragana and Katakana, which Japanese mixes within words.
    Ideographic,
    Hangul,
    /// Thai, Lao, Khmer, Burmese.
    SouthEast,
}

use Script::*;

/// Calls `run` with every word and every longest run of a script without spaces, in order.
pub(super) fn runs(text: &str, mut run: impl FnMut(Range<usize>, Script)) {
    for stretch in stretches(text) {
        let (start, piece) = (stretch.start, &text[stretch]);
        match piece.is_ascii() {
            true => {
                let counts = |word: &str| word.bytes().any(|byte| byte.is_ascii_alphanumeric());
                words(piece).filter(|(_, word)| counts(word)).for_each(|(at, word)| {
                    run(start + at..start + at + word.len(), Spaced);
                });
            }
            false => mixed(piece, |range, script| run(start + range.start..start + range.end, script)),
        }
    }
}

/// Cuts text where a space is followed by an ASCII letter, which is a boundary of words in any text: into stretches
/// of ASCII as long as possible, and short ones around everything else.
fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let is_cut = move |at: usize| {
        at >= bytes.len() || (bytes[at - 1].is_ascii_whitespace() && bytes[at].is_ascii_alphanumeric())
    };
    // Where the next character beyond ASCII is, at or behind the last end.
    let mut foreign = 0;
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let next = |from: usize| bytes[from..].iter().position(|b| !b.is_ascii()).map_or(bytes.len(), |at| from + at);
        if foreign <= start {
            foreign = next(start);
        }
        let ascii_end = (start + 1..=foreign).rev().find(|&at| (at < foreign || foreign == bytes.len()) && is_cut(at));
        let end = ascii_end.or_else(|| (foreign + 1..=bytes.len()).find(|&at| is_cut(at))).unwrap_or(bytes.len());
        let stretch = start..end;
        start = end;
        Some(stretch)
    })
}

/// The runs of text in any scripts.
fn mixed(text: &str, mut run: impl FnMut(Range<usize>, Script)) {
    // A run of a script without spaces goes on over the boundaries of UAX #29.
    let mut pending: Option<(Range<usize>, Script)> = None;
    for (start, piece) in words(text) {
        let mut word = false;
        for (offset, c) in piece.char_indices() {
            let at = start + offset;
            let end = at + c.len_utf8();
            let script = script(c);
            match &mut pending {
                Some((range, same)) if range.end == at && (*same == script || joins(c)) => range.end = end,
                _ => {
                    if let Some((range, script)) = pending.take().filter(|(_, script)| *script != Spaced || word) {
                        run(range, script);
                    }
                    pending = Some((at..end, script));
                    word = false;
                }
            }
            word |= script == Spaced && c.is_alphanumeric();
        }
        // A word never goes on over a boundary.
        if pending.as_ref().is_some_and(|(_, script)| *script == Spaced) {
            if let Some((range, script)) = pending.take().filter(|_| word) {
                run(range, script);
            }
        }
    }
    if let Some((range, script)) = pending {
        run(range, script);
    }
}

/// Marks and format characters, which belong to whatever they follow.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// By blocks of Unicode, their digits and punctuation left out.
fn script(c: char) -> Script {
    match c {
        '\0'..='\u{e00}' => Spaced,
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' => SouthEast,
        '\u{e81}'..='\u{ece}' | '\u{edc}'..='\u{edf}' => SouthEast,
        '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}' | '\u{109a}'..='\u{109d}' => SouthEast,
        '\u{1780}'..='\u{17d3}' | '\u{17dd}' => SouthEast,
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{a960}'..='\u{a97f}' => Hangul,
        '\u{ac00}'..='\u{d7ff}' | '\u{ffa0}'..='\u{ffdc}' => Hangul,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' => Ideographic,
        '\u{3031}'..='\u{3035}' | '\u{3038}'..='\u{303b}' => Ideographic,
        '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' => Ideographic,
        '\u{3105}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' => Ideographic,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Ideographic,
        '\u{ff66}'..='\u{ff9f}' | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{323af}' => Ideographic,
        _ => Spaced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str, by: impl Fn(&str, &mut dyn FnMut(Range<usize>, Script))) -> Vec<(Range<usize>, Script)> {
        let mut found = Vec::new();
        by(text, &mut |range, script| found.push((range, script)));
        found
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Script)]) {
        let runs = found(text, |text, run| runs(text, run));
        assert_eq!(runs.into_iter().map(|(range, script)| (&text[range], script)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn runs_by_script() {
        check("It's 1.5 m—é!", &[("It's", Spaced), ("1.5", Spaced), ("m", Spaced), ("é", Spaced)]);
        check("東京タワーa", &[("東京タワー", Ideographic), ("a", Spaced)]);
        check("iPhone을 봐", &[("iPhone", Spaced), ("을", Hangul), ("봐", Hangul)]);
        check("ไทย 12 ລາວ", &[("ไทย", SouthEast), ("12", Spaced), ("ລາວ", SouthEast)]);
        check("か\u{3099}き", &[("か\u{3099}き", Ideographic)]);
        check("— … ©", &[]);
    }

    proptest! {
        #[test]
        fn stretches_change_nothing(text in prop_oneof!["[a-c1 \\n.'_é\u{301}\u{200d}字ไ🇩—-]{0,40}", "\\PC{0,60}"]) {
            prop_assert_eq!(found(&text, |text, run| runs(text, run)), found(&text, |text, run| mixed(text, run)));
        }
    }
}
