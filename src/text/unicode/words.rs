//! Words and what is between them, by UAX #29.

use super::kinds::{Grapheme, Word, Word::*};
use super::table::Lookup;

/// The words of `text` and everything between them, and where each begins, in bytes.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let table = Lookup::new();
    super::pieces(text, move |text| end(text, table))
}

/// What a mark within a word must be followed by.
#[derive(Clone, Copy)]
enum Need {
    Letter,
    Hebrew,
    Number,
    /// A letter may go on, but the mark belongs to the word without one.
    Nothing,
}

/// The end of the first word, or of what is no word.
fn end(text: &str, table: Lookup) -> usize {
    // Most words are of ASCII and end at a space.
    let bytes = text.as_bytes();
    let plain = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if plain > 0 && bytes.get(plain).is_none_or(|byte| byte.is_ascii() && !b".,:;'".contains(byte)) {
        return plain;
    }
    // What the word ends with, extending characters aside.
    let mut last = None;
    // A mark that must be followed by something, and its place.
    let mut pending = None;
    let (mut joiner, mut extended) = (false, false);
    for (at, c) in text.char_indices() {
        let kinds = table.of(c);
        let kind = kinds.word;
        let joined = std::mem::replace(&mut joiner, kind == Joiner) && kinds.grapheme == Grapheme::Pictograph;
        let Some(before) = last else {
            match kind {
                Return if text[1..].starts_with('\n') => return 2,
                Return | Newline => return c.len_utf8(),
                _ => last = Some(kind),
            }
            continue;
        };
        if matches!(kind, Extend | Joiner) {
            extended = true;
            continue;
        }
        if joined {
            (last, pending) = (Some(Other), None);
            continue;
        }
        if let Some((place, need)) = pending.take() {
            let met = match need {
                Need::Letter | Need::Nothing => matches!(kind, Letter | Hebrew),
                Need::Hebrew => kind == Hebrew,
                Need::Number => kind == Number,
            };
            match need {
                _ if met => last = Some(kind),
                Need::Nothing => return at,
                _ => return place,
            }
            continue;
        }
        match (before, kind) {
            (Regional, Regional) => last = Some(Other),
            (Space, Space) if extended => return at,
            (Space, Space) => {}
            _ if joins(before, kind) => last = Some(kind),
            _ => match need(before, kind) {
                Some(need) => pending = Some((at, need)),
                None => return at,
            },
        }
    }
    match pending {
        None | Some((_, Need::Nothing)) => text.len(),
        Some((place, _)) => place,
    }
}

/// Rules WB5, WB8 to WB10, WB13 to WB13b.
fn joins(before: Word, kind: Word) -> bool {
    let spelled = |kind| matches!(kind, Letter | Hebrew | Number | Connector);
    spelled(before) && spelled(kind)
        || matches!((before, kind), (Katakana, Katakana | Connector) | (Connector, Katakana))
}

/// Rules WB6, WB7, WB7a to WB7c, WB11 and WB12.
fn need(before: Word, kind: Word) -> Option<Need> {
    match (before, kind) {
        (Hebrew, Quote) => Some(Need::Nothing),
        (Hebrew, DoubleQuote) => Some(Need::Hebrew),
        (Letter | Hebrew, MidLetter | MidBoth | Quote) => Some(Need::Letter),
        (Number, MidNumber | MidBoth | Quote) => Some(Need::Number),
        _ => None,
    }
}
