//! Analysers: text to the terms of the lexical index. Documents and queries go through the same one.
//!
//! [`segment`] cuts text into words (UAX #29) and into runs of scripts that are written without spaces; [`word`]
//! takes compounds and identifiers apart; [`fold`] brings characters to one form; [`language`] knows stop words and
//! stemmers. The rules, in order:
//!
//! - Words are brought to NFKC and lower case; marks that only decorate (accents, vowel points) are dropped, letters
//!   such as `ß` and `ø` spelled out. Marks that are letters, as in Devanagari or Thai, stay.
//! - Stop words of the language are dropped, other words are stemmed by its Snowball algorithm. A word with digits,
//!   or in another script than the language's, stays as it is.
//! - Han, Hiragana and Katakana, Hangul, and Thai, Lao, Khmer and Burmese runs become overlapping pairs of
//!   characters, whatever the language; a run of one character is a term of its own.
//! - Joined words are found whole and by their parts: `snake_case`, `camelCase`, `node.js`, `std:io`, `O'Neill`.
//! - `covid-19`, `e-mail`: a hyphen beside a number or a single letter is also left out (`covid19`, `email`); other
//!   hyphens only separate.
//! - `C++`, `F#`: kept beside their letter. `U.S.A.` is `usa`, `1,000` is `1000`, `dog's` is `dog`.
//! - A collection may hold documents of several languages, each analysed by its own ([`several`]); [`detect`] tells
//!   which.
//! - Terms end at [`limits::TERM_BYTES`](crate::limits::TERM_BYTES).

mod detect;
mod fold;
mod language;
mod segment;
mod several;
mod word;

use crate::error::{Error, Result};
pub use detect::{Detector, Guess};
use language::Language;
pub use language::LANGUAGES;
pub use several::{Analyzers, AUTO};
use std::cell::Cell;
use std::ops::Range;

pub struct Analyzer {
    language: Language,
    /// Taken while in use: an `emit` that analyses other text finds an empty one.
    scratch: Cell<word::Scratch>,
}

impl Analyzer {
    /// By an ISO 639-1 code from [`LANGUAGES`], a region as in `en-GB` ignored; `none` neither stops nor stems.
    /// Fails with `InvalidInput` for any other.
    pub fn new(language: &str) -> Result<Analyzer> {
        Analyzer::check(language)?;
        let language = Language::new(language).ok_or_else(|| Error::internal("a known language"))?;
        Ok(Analyzer { language, scratch: Cell::default() })
    }

    /// `InvalidInput` for a language that [`Analyzer::new`] does not take.
    pub fn check(language: &str) -> Result<()> {
        match language::primary(language) {
            Some(_) => Ok(()),
            None => {
                let known = LANGUAGES.join(", ");
                Err(Error::invalid(format!("language {language:.20?}: known are {known}")))
            }
        }
    }

    /// Calls `emit` with every term of `text` and the bytes it came from, in about the order of the text: the parts
    /// of a compound follow the whole, spans may overlap.
    pub fn analyze(&self, text: &str, emit: &mut dyn FnMut(&str, Range<usize>)) {
        let mut scratch = self.scratch.take();
        let mut words = word::Words::new(&self.language, text, &mut scratch, emit);
        segment::runs(text, |range, script| words.run(range, script));
        self.scratch.set(scratch);
    }

    /// The terms of `text`, repetitions included.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        self.analyze(text, &mut |term, _| terms.push(term.to_owned()));
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TERM_BYTES;

    #[track_caller]
    fn check(language: &str, text: &str, expected: &[&str]) {
        assert_eq!(Analyzer::new(language).unwrap().terms(text), expected, "{text}");
    }

    #[test]
    fn english_words_are_stemmed_and_stopped() {
        check("en", "The runners were running quickly.", &["runner", "run", "quick"]);
        check("en", "It is what it is.", &[]);
        check("en", "The dog's bone, the dogs’ bones; don't", &["dog", "bone", "dog", "bone"]);
        check("en-GB", "Studies STUDY", &["studi", "studi"]);
        check("none", "The runners", &["the", "runners"]);
    }

    #[test]
    fn accents_fold_where_they_decorate() {
        check("en", "naïve café Ångström", &["naiv", "cafe", "angstrom"]);
        check("none", "e\u{301}te\u{301} ÉTÉ", &["ete", "ete"]);
        check("none", "Straße Æther Łódź", &["strasse", "aether", "lodz"]);
        check("none", "Άνθρωπος ΆΝΘΡΩΠΟΣ", &["ανθρωποσ", "ανθρωποσ"]);
        check("none", "ёлка мой мо\u{301}й", &["елка", "мой", "мой"]);
        check("none", "हिन्दी", &["हिन्दी"]);
        check("none", "שָׁלוֹם שלום", &["שלום", "שלום"]);
        check("none", "ﬁne Ｆｕｌｌ x² ٤٢", &["fine", "full", "x", "2", "42"]);
        check("tr", "ISPARTA ısparta", &["ispar", "ispar"]);
    }

    #[test]
    fn european_languages() {
        check("de", "Die Häuser größer Strassen Straßen", &["haus", "gross", "strass", "strass"]);
        check("fr", "l'avion d’été qu'il continuait", &["avion", "ete", "continu"]);
        check("es", "las canciones canción", &["cancion", "cancion"]);
        check("it", "dell'arte nell’acqua", &["arte", "acqua"]);
        check("ru", "книги и книга", &["книг", "книг"]);
        check("el", "τα βιβλία", &["βιβλ"]);
    }

    #[test]
    fn arabic_is_normalised_and_stemmed() {
        let analyzer = Analyzer::new("ar").unwrap();
        assert_eq!(analyzer.terms("كِتَابٌ"), analyzer.terms("كتـــاب"));
        assert_eq!(analyzer.terms("الكتاب"), analyzer.terms("كتاب"));
        assert_eq!(analyzer.terms("أحمد"), analyzer.terms("احمد"));
        check("ar", "في من على", &[]);
    }

    #[test]
    fn scripts_without_spaces_become_pairs() {
        check("zh", "人工智能", &["人工", "工智", "智能"]);
        check("en", "我 love 中文", &["我", "love", "中文"]);
        check("ja", "東京タワーへ", &["東京", "京タ", "タワ", "ワー", "ーへ"]);
        check("ja", "ｶﾞｲﾄﾞ", &["ガイ", "イド"]);
        check("ko", "한국어를 봐", &["한국", "국어", "어를", "봐"]);
        check("ko", "iPhone을 \u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}", &["iphone", "을", "한국"]);
        check("th", "กินข้าว", &["กิน", "นข้", "ข้า", "าว"]);
        check("zh", "天。地", &["天", "地"]);
        check("zh", "2024年", &["2024", "年"]);
    }

    #[test]
    fn compounds_are_found_whole_and_by_parts() {
        check("en", "covid-19", &["covid", "covid19", "19"]);
        check("en", "E-mails x-ray", &["e", "email", "mail", "x", "xray", "ray"]);
        check("en", "state-of-the-art", &["state", "art"]);
        check("en", "snake_case_names", &["snake_case_names", "snake", "case", "name"]);
        check("en", "_private__x", &["private__x", "privat", "x"]);
        check("en", "parseHTMLDocuments", &["parsehtmldocuments", "pars", "html", "document"]);
        check("en", "mRNA RNAi iPhone DNAs", &["mrna", "rnai", "iphon", "dnas"]);
        check("en", "C++ and C# or F#, c", &["c++", "c", "c#", "c", "f#", "f", "c"]);
        check("en", "C++11 a#b", &["c++", "c", "11", "b"]);
        check("en", "node.js www.example.com", &["node.js", "node", "js", "www.example.com", "www", "exampl", "com"]);
        check("en", "U.S.A. 1,000 3.14 v1.2.3", &["usa", "1000", "3.14", "v1.2.3", "v1"]);
        check("en", "2020,2021 3,14", &["2020,2021", "2020", "2021", "3,14"]);
        check("en", "O'Neill O’Neill", &["oneil", "neill", "oneil", "neill"]);
        check("en", "std::vec foo:bar", &["std", "vec", "foo:bar", "foo", "bar"]);
    }

    #[test]
    fn spans_are_those_of_the_source() {
        let text = "ÉTÉ getName x_y";
        let mut found = Vec::new();
        Analyzer::new("none").unwrap().analyze(text, &mut |term, span| found.push((term.to_owned(), &text[span])));
        let found: Vec<_> = found.iter().map(|(term, source)| (term.as_str(), *source)).collect();
        let expected = [("ete", "ÉTÉ"), ("getname", "getName"), ("get", "get"), ("name", "Name")];
        assert_eq!(found, [&expected[..], &[("x_y", "x_y"), ("x", "x"), ("y", "y")]].concat());
    }

    #[test]
    fn long_terms_are_cut_between_characters() {
        for word in ["a", "é", "ж", "ﷺ", "x_", "aB", "o'", "中\u{301}\u{302}\u{303}", "가", "1,"] {
            let terms = Analyzer::new("none").unwrap().terms(&word.repeat(1000));
            assert!(terms.iter().all(|term| (1..=TERM_BYTES).contains(&term.len())), "{word}");
        }
        assert_eq!(Analyzer::new("none").unwrap().terms(&"ж".repeat(1000)), ["ж".repeat(127)]);
    }

    #[test]
    fn an_emit_may_analyse() {
        let analyzer = Analyzer::new("en").unwrap();
        let mut inner = Vec::new();
        analyzer.analyze("one two", &mut |term, _| inner.extend(analyzer.terms(term)));
        assert_eq!(inner, ["one", "two"]);
    }

    #[test]
    fn unknown_languages_are_refused() {
        for language in ["", "xx", "english", "e"] {
            assert_eq!(Analyzer::new(language).err().unwrap().kind, crate::error::ErrorKind::InvalidInput);
        }
    }
}
