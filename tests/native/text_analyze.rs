//! Analysers and highlights from outside: what holds for any text in any language.

use nearfield::limits::TERM_BYTES;
use nearfield::text::{highlight, Analyzer, LANGUAGES};
use proptest::prelude::*;
use std::collections::HashSet;
use std::ops::Range;

/// Terms with the bytes that they came from.
fn analyze(language: &str, text: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    Analyzer::new(language).unwrap().analyze(text, &mut |term, span| found.push((term.to_owned(), span)));
    found
}

/// Whether a query and a document that say the same in other characters meet.
#[track_caller]
fn check_meet(language: &str, one: &str, other: &str) {
    let analyzer = Analyzer::new(language).unwrap();
    assert_eq!(analyzer.terms(one), analyzer.terms(other), "{one} and {other}");
}

#[test]
fn an_apostrophe_after_a_letter_that_folding_shortens() {
    assert!(!Analyzer::new("fr").unwrap().terms("𞹂'ਏ").is_empty());
}

#[test]
fn spellings_of_one_word_meet() {
    check_meet("en", "Résumé", "re\u{301}sume");
    check_meet("en", "the Panther's defences", "Panther defence");
    check_meet("de", "Füße", "FÜSSE");
    check_meet("de", "Mädchen", "Ma\u{308}dchen");
    check_meet("fr", "l’hôpital", "Hopital");
    check_meet("es", "naciones", "NACIÓN");
    check_meet("ru", "Ёжик", "ежика");
    check_meet("el", "Αθήνα", "ΑΘΗΝΑ");
    check_meet("tr", "İstanbul", "istanbul");
    check_meet("ar", "المدرسة", "مدرسه");
    check_meet("ja", "ﾊﾟｿｺﾝ", "パソコン");
    check_meet("ko", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글");
    check_meet("none", "２０２４", "2024");
    check_meet("none", "so\u{ad}ft", "soft");
}

#[test]
fn empty_and_binary_text() {
    for language in LANGUAGES {
        assert!(analyze(language, "").is_empty());
        assert!(analyze(language, " \0\u{1}\u{7f}\r\n\u{fffd}\u{301}…").is_empty());
    }
}

#[test]
fn ten_megabytes_are_analysed() {
    let sentence = "The quick brown fox, wörtlich; jumps over snake_case 天地玄黄 ไทย. ";
    let text = sentence.repeat((10 << 20) / sentence.len());
    let mut count = 0;
    Analyzer::new("en").unwrap().analyze(&text, &mut |_, _| count += 1);
    assert!(count > 1_000_000);
    for line in ["a", "é", "字", "_", "a_", "aB", "1,", "a'", "\u{301}", "🇩🇪", "ก"] {
        Analyzer::new("fr").unwrap().analyze(&line.repeat(1 << 20), &mut |term, _| count += term.len());
    }
}

/// Letters that stemmers look at, in no order that a language knows.
fn letters() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþăąćęğıłńőřșşțűž']{1,12}",
        "(in|un|be|ge)?[a-zäöüéè]{0,6}(ing|ed|s|es|ational|ement|heit|lich|issement|azione|mente|lerin|ssa|iden|isch)",
        "[а-яёђ]{1,12}",
        "[α-ωάέήίόύώϊϋΐΰ]{1,12}",
        "[\u{620}-\u{65f}]{1,12}",
        "[\u{b80}-\u{bff}]{1,12}",
    ]
}

fn soup() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        any::<String>(),
        "[a-cA-C0-9_.:;,'’+# \\n-]{0,60}",
        "[가-힣中文字ก-๎ຣကខᄒ一ァ-ー\u{301} a]{0,40}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn terms_and_spans_are_sound(
        text in prop_oneof![soup(), prop::collection::vec(letters(), 0..6).prop_map(|words| words.join(" "))],
        language in prop::sample::select(&LANGUAGES[..]),
    ) {
        for (term, span) in analyze(language, &text) {
            prop_assert!((1..=TERM_BYTES).contains(&term.len()), "{:?}", term);
            prop_assert!(!term.contains(char::is_whitespace) && !term.contains(char::is_control), "{:?}", term);
            prop_assert!(text.get(span.clone()).is_some_and(|source| !source.is_empty()), "{:?}", span);
        }
    }

    #[test]
    fn lines_are_independent(one in soup(), other in soup()) {
        let together = analyze("en", &format!("{one}\n{other}"));
        let shifted = analyze("en", &other).into_iter();
        let shifted = shifted.map(|(term, span)| (term, span.start + one.len() + 1..span.end + one.len() + 1));
        let apart: Vec<_> = analyze("en", &one).into_iter().chain(shifted).collect();
        prop_assert_eq!(together, apart);
    }

    #[test]
    fn what_was_analysed_before_changes_nothing(texts in prop::collection::vec(soup(), 1..5)) {
        let warm = Analyzer::new("de").unwrap();
        for text in texts.iter().chain(&texts) {
            prop_assert_eq!(warm.terms(text), Analyzer::new("de").unwrap().terms(text));
        }
    }

    #[test]
    fn every_text_highlights_its_own_terms(text in soup(), language in prop::sample::select(&["en", "zh", "ar"][..])) {
        let analyzer = Analyzer::new(language).unwrap();
        let terms: HashSet<String> = analyzer.terms(&text).into_iter().collect();
        let ranges = highlight(&text, &terms, &analyzer);
        prop_assert_eq!(ranges.is_empty(), terms.is_empty());
        let units: Vec<u16> = text.encode_utf16().collect();
        for range in &ranges {
            prop_assert!(range.start < range.end && range.end as usize <= units.len());
            prop_assert!(String::from_utf16(&units[range.start as usize..range.end as usize]).is_ok());
        }
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
}
