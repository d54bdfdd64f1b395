//! What the Unicode standard says about characters: normal form KC, where graphemes, words and sentences end, and what
//! BERT's tokenisers ask. `build.rs` asks the libraries that know it about every character and packs their answers into
//! small tables, which are unpacked when they are first needed. Results are those of the libraries, which the tests
//! compare with.

#[cfg(feature = "neural")]
mod bert;
mod forms;
mod graphemes;
mod kinds;
mod packed;
mod replaced;
mod runs;
mod sentences;
mod table;
#[cfg(test)]
mod tests;
mod words;

#[cfg(feature = "neural")]
pub use bert::{BertCharacters, BertKind};
pub(super) use forms::{nfkc, undecorated};
pub use graphemes::graphemes;
pub(super) use sentences::sentences;
pub(super) use words::words;

/// The pieces of `text` with their places, where `end` tells how long the first piece of a text is that is not empty.
fn pieces<'a>(text: &'a str, end: impl Fn(&str) -> usize + 'a) -> impl Iterator<Item = (usize, &'a str)> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let piece = &rest[..end(rest)];
        at += piece.len();
        Some((at - piece.len(), piece))
    })
}
