//! One difference between the `tokenizers` library used here and the Python package: which characters are
//! punctuation, each of which BERT makes a word of its own. The Python package goes by an old version of Unicode, and
//! so did everyone who trained a model with it; the library goes by a new one. Characters on which they differ are
//! replaced, before the library sees them, by others on which they agree. None of either is in a vocabulary, so
//! the ids come out as in Python. `tests/native/tokenizer.rs` compares the two over all of Unicode.

use std::borrow::Cow;

/// Ranges of characters, in order, that are punctuation for the library and not for the Python package.
const NEW: [(char, char); 40] = [
    ('\u{61d}', '\u{61d}'),
    ('\u{9fd}', '\u{9fd}'),
    ('\u{a76}', '\u{a76}'),
    ('\u{c77}', '\u{c77}'),
    ('\u{c84}', '\u{c84}'),
    ('\u{1b4e}', '\u{1b4f}'),
    ('\u{1b7d}', '\u{1b7f}'),
    ('\u{2e43}', '\u{2e4f}'),
    ('\u{2e52}', '\u{2e5d}'),
    ('\u{10d6e}', '\u{10d6e}'),
    ('\u{10ead}', '\u{10ead}'),
    ('\u{10ed0}', '\u{10ed0}'),
    ('\u{10f55}', '\u{10f59}'),
    ('\u{10f86}', '\u{10f89}'),
    ('\u{113d4}', '\u{113d5}'),
    ('\u{113d7}', '\u{113d8}'),
    ('\u{1144b}', '\u{1144f}'),
    ('\u{1145a}', '\u{1145b}'),
    ('\u{1145d}', '\u{1145d}'),
    ('\u{11660}', '\u{1166c}'),
    ('\u{116b9}', '\u{116b9}'),
    ('\u{1183b}', '\u{1183b}'),
    ('\u{11944}', '\u{11946}'),
    ('\u{119e2}', '\u{119e2}'),
    ('\u{11a3f}', '\u{11a46}'),
    ('\u{11a9a}', '\u{11a9c}'),
    ('\u{11a9e}', '\u{11aa2}'),
    ('\u{11b00}', '\u{11b09}'),
    ('\u{11be1}', '\u{11be1}'),
    ('\u{11c41}', '\u{11c45}'),
    ('\u{11c70}', '\u{11c71}'),
    ('\u{11ef7}', '\u{11ef8}'),
    ('\u{11f43}', '\u{11f4f}'),
    ('\u{11fff}', '\u{11fff}'),
    ('\u{12ff1}', '\u{12ff2}'),
    ('\u{16d6d}', '\u{16d6f}'),
    ('\u{16e97}', '\u{16e9a}'),
    ('\u{16fe2}', '\u{16fe2}'),
    ('\u{1e5ff}', '\u{1e5ff}'),
    ('\u{1e95e}', '\u{1e95f}'),
];

/// The text as the library must see it, byte for byte as long as the original.
pub(super) fn as_in_python(text: &str) -> Cow<'_, str> {
    // The first byte of U+0600 and everything above; most texts end here.
    if text.bytes().all(|byte| byte < 0xd8) {
        return Cow::Borrowed(text);
    }
    match text.chars().any(|c| stand_in(c) != c) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.chars().map(stand_in).collect()),
    }
}

/// A character of the same length in UTF-8 that is in no vocabulary, and punctuation where `c` is in Python.
fn stand_in(c: char) -> char {
    match c {
        // Punctuation once, no more: the full stop and the separator of the same scripts.
        '\u{166d}' => '\u{166e}',
        '\u{111c9}' => '\u{111c8}',
        _ if is_new(c) => match c.len_utf8() {
            // Symbols: of N'Ko, Yi and Linear A.
            2 => '\u{7f6}',
            3 => '\u{a490}',
            _ => '\u{10137}',
        },
        _ => c,
    }
}

fn is_new(c: char) -> bool {
    let range = NEW[NEW.partition_point(|(first, _)| *first <= c).saturating_sub(1)];
    range.0 <= c && c <= range.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(as_in_python(text), expected);
        assert_eq!(text.len(), expected.len());
    }

    #[test]
    fn only_the_differing_characters_change_and_keep_their_length() {
        check("plain ASCII, é and Ж", "plain ASCII, é and Ж");
        check("中文。", "中文。");
        check("a\u{61d}b\u{2e43}\u{2e4f}\u{2e50}", "a\u{7f6}b\u{a490}\u{a490}\u{2e50}");
        check("\u{1e95f}\u{166d}\u{111c9}", "\u{10137}\u{166e}\u{111c8}");
    }
}
