//! The libraries that know the standard are the oracle, for every character.

use super::kinds::{Grapheme, Sentence, Word};
use super::*;
use proptest::prelude::*;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

fn composed(text: &str) -> String {
    let mut out = String::new();
    nfkc(text, &mut |c| out.push(c));
    out
}

#[track_caller]
fn check_form(text: &str) {
    assert_eq!(composed(text), text.nfkc().collect::<String>(), "{}", text.escape_unicode());
}

#[test]
fn every_character_has_the_form_of_the_standard() {
    for c in '\0'..=char::MAX {
        check_form(c.encode_utf8(&mut [0; 4]));
    }
}

#[test]
fn every_character_composes_with_what_is_around_it() {
    for c in ('\0'..='\u{32fff}').chain('\u{e0000}'..='\u{e0fff}') {
        check_form(&format!("e{c}\u{301}a\u{316}{c}\u{300}{c}\u{1161}{c}\u{11a8}\u{1100}{c}\u{93c}{c}\u{345}"));
    }
}

#[test]
fn letters_lose_the_marks_that_canonical_decomposition_parts_from_them() {
    for c in ('\u{c0}'..='\u{24f}')
        .chain('\u{1e00}'..='\u{1eff}')
        .chain('\u{370}'..='\u{3ff}')
        .chain('\u{1f00}'..='\u{1fff}')
    {
        for c in c.nfkc() {
            let mut letters = String::new();
            decompose_canonical(c, |part| letters.extend((!is_combining_mark(part)).then_some(part)));
            if !is_combining_mark(c) {
                assert_eq!(undecorated(c).to_string(), letters, "{c:?}");
            }
        }
    }
}

#[cfg(feature = "neural")]
#[test]
fn bert_knows_of_every_character_what_the_libraries_say() {
    use unicode_categories::UnicodeCategories;
    let table = BertCharacters::get();
    for c in '\0'..=char::MAX {
        let expected = match c {
            '\t' | '\n' | '\r' => BertKind::Plain,
            c if c.is_other() || c == char::REPLACEMENT_CHARACTER => BertKind::Control,
            c if c.is_mark_nonspacing() => BertKind::Mark,
            c if c.is_ascii_punctuation() || c.is_punctuation() => BertKind::Punctuation,
            _ => BertKind::Plain,
        };
        assert_eq!(table.kind(c), expected, "{c:?}");
        let mut unmarked = String::new();
        table.push_unmarked(c, &mut unmarked);
        assert_eq!(unmarked, c.nfd().filter(|part| !part.is_mark_nonspacing()).collect::<String>(), "{c:?}");
    }
}

type Pieces<'a> = Vec<(usize, &'a str)>;

#[track_caller]
fn check_boundaries(text: &str) {
    let shown = || text.escape_unicode();
    assert_eq!(graphemes(text).collect::<Pieces>(), text.grapheme_indices(true).collect::<Pieces>(), "{}", shown());
    assert_eq!(words(text).collect::<Pieces>(), text.split_word_bound_indices().collect::<Pieces>(), "{}", shown());
    let expected: Pieces = text.split_sentence_bound_indices().collect();
    assert_eq!(sentences(text).collect::<Pieces>(), expected, "{}", shown());
}

#[test]
fn every_character_bounds_as_the_standard_says() {
    let likes = Grapheme::KINDS.map(|(_, like)| like).into_iter();
    let likes = likes.chain(Word::KINDS.map(|(_, like)| like)).chain(Sentence::KINDS.map(|(_, like)| like));
    let likes: Vec<char> = likes.collect();
    for c in '\0'..=char::MAX {
        // All characters meet some of the others, those beyond the planes in use very few.
        let step = if c < '\u{33000}' { 3 } else { 97 };
        let text: String = likes.iter().skip(c as usize % step).step_by(step).flat_map(|&like| [like, c]).collect();
        check_boundaries(&text);
    }
}

/// Characters of all kinds, and some of two.
fn soup() -> impl Strategy<Value = String> {
    let likes = Grapheme::KINDS.map(|(_, like)| like).into_iter();
    let likes = likes.chain(Word::KINDS.map(|(_, like)| like)).chain(Sentence::KINDS.map(|(_, like)| like));
    let likes: Vec<char> = likes.chain("Ⓜ©ﷺＡ１ｶﾞé\u{300}\u{316}\u{345}\u{ad}\u{85}\u{b}5aZé字".chars()).collect();
    prop::collection::vec(prop::sample::select(likes), 0..24).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn boundaries_are_those_of_the_standard(text in prop_oneof![soup(), "\\PC{0,40}"]) {
        check_boundaries(&text);
    }

    #[test]
    fn forms_are_those_of_the_standard(text in prop_oneof![soup(), "\\PC{0,40}", "[e\u{300}-\u{36f}\u{1100}-\u{11ff}가각]{0,12}"]) {
        check_form(&text);
    }
}
