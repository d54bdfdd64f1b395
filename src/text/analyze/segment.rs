//! Cuts text into words by UAX #29 and into runs of scripts that are written without spaces between words.

use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

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
    // A run of a script without spaces goes on over the boundaries of UAX #29.
    let mut pending: Option<(Range<usize>, Script)> = None;
    for (start, piece) in text.split_word_bound_indices() {
        if piece.is_ascii() {
            if let Some((range, script)) = pending.take() {
                run(range, script);
            }
            if piece.bytes().any(|b| b.is_ascii_alphanumeric()) {
                run(start..start + piece.len(), Spaced);
            }
            continue;
        }
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
