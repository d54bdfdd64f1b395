//! Graphemes, the extended clusters of UAX #29: what readers take for one character.

use super::kinds::Grapheme::{self, *};
use super::table::Lookup;

/// The graphemes of `text` and where each begins, in bytes.
///
/// # Example
/// ```
/// let found: Vec<_> = nearfield::text::graphemes("e\u{301}🇩🇰\r\n").collect();
/// assert_eq!(found, [(0, "e\u{301}"), (3, "🇩🇰"), (11, "\r\n")]);
/// ```
pub fn graphemes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let table = Lookup::new();
    super::pieces(text, move |text| end(text, table))
}

/// What of the beginning of a grapheme decides how it goes on.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// A pictograph and what extends it.
    pictograph: bool,
    /// The same, and a joiner behind.
    joined: bool,
    /// A consonant and what extends it.
    consonant: bool,
    /// The same, with a linker among it.
    linked: bool,
    /// An odd number of regional indicators.
    odd: bool,
}

impl Seen {
    fn then(self, kind: Grapheme) -> Seen {
        let extends = matches!(kind, Extend | Linker | Joiner);
        Seen {
            pictograph: kind == Pictograph || self.pictograph && matches!(kind, Extend | Apart | Linker),
            joined: self.pictograph && kind == Joiner,
            consonant: kind == Consonant || self.consonant && extends,
            linked: self.consonant && (kind == Linker || self.linked && extends),
            odd: kind == Regional && !self.odd,
        }
    }
}

/// The end of the first grapheme.
fn end(text: &str, table: Lookup) -> usize {
    let (mut before, mut seen) = (None, Seen::default());
    for (at, c) in text.char_indices() {
        let kind = table.of(c).grapheme;
        if before.is_some_and(|before| !joins(before, kind, seen)) {
            return at;
        }
        before = Some(kind);
        seen = seen.then(kind);
    }
    text.len()
}

/// Rules GB3 to GB999.
fn joins(before: Grapheme, kind: Grapheme, seen: Seen) -> bool {
    match (before, kind) {
        (Return, LineFeed) => true,
        (Return | LineFeed | Control, _) | (_, Return | LineFeed | Control) => false,
        (Lead, Lead | Vowel | Open | Closed) | (Open | Vowel, Vowel | Trail) | (Closed | Trail, Trail) => true,
        (_, Extend | Apart | Linker | Joiner | Spacing) | (Prepend, _) => true,
        (_, Consonant) => seen.linked,
        (Joiner, Pictograph) => seen.joined,
        (Regional, Regional) => seen.odd,
        _ => false,
    }
}
