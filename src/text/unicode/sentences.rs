//! Sentences, by UAX #29.

use super::kinds::Sentence::{self, *};
use super::table::Lookup;

/// The sentences of `text` with the space behind each, and where each begins, in bytes.
pub fn sentences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let table = Lookup::new();
    super::pieces(text, move |text| end(text, table))
}

/// How far a possible end of a sentence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Mark,
    Closed,
    Spaced,
}

/// A terminator and what closes behind it.
#[derive(Clone, Copy)]
struct Stop {
    stage: Stage,
    /// It may as well abbreviate a word.
    dot: bool,
    /// A letter with case stands before it.
    cased: bool,
}

/// The end of the first sentence.
fn end(text: &str, table: Lookup) -> usize {
    let mut before = None;
    let mut stop: Option<Stop> = None;
    for (at, c) in text.char_indices() {
        let kind = table.of(c).sentence;
        match before {
            Some(Return) if kind == LineFeed => {}
            Some(Return | LineFeed | Separator) => return at,
            Some(_) if kind == Extend => continue,
            _ => {}
        }
        if let Some(stop) = stop {
            let more = goes_on(stop, kind) || stop.dot && small(&text[at..], table);
            if !more {
                return at;
            }
        }
        stop = match (kind, stop) {
            (Dot | Terminator, _) => {
                Some(Stop { stage: Stage::Mark, dot: kind == Dot, cased: matches!(before, Some(Lower | Upper)) })
            }
            (Close, Some(stop)) if stop.stage < Stage::Spaced => Some(Stop { stage: Stage::Closed, ..stop }),
            (Space, Some(stop)) => Some(Stop { stage: Stage::Spaced, ..stop }),
            _ => None,
        };
        before = Some(kind);
    }
    text.len()
}

/// Rules SB6, SB7, SB8a, SB9 and SB10.
fn goes_on(stop: Stop, kind: Sentence) -> bool {
    match kind {
        Number => stop.stage == Stage::Mark && stop.dot,
        Upper => stop.stage == Stage::Mark && stop.dot && stop.cased,
        Continue | Dot | Terminator | Space | Separator | Return | LineFeed => true,
        Close => stop.stage < Stage::Spaced,
        _ => false,
    }
}

/// Rule SB8: whether the next letter is a small one.
fn small(text: &str, table: Lookup) -> bool {
    let mut kinds = text.chars().map(|c| table.of(c).sentence);
    let decides =
        |kind: &Sentence| matches!(kind, Lower | Letter | Upper | Separator | Return | LineFeed | Terminator | Dot);
    kinds.find(decides) == Some(Lower)
}
