//! Which of the languages that have an analyser a text is in: by its script, and among languages that share one by
//! their function words and letters. The lists are those of the stop words, which are here anyway: tables of trigrams,
//! as libraries bring them, would weigh as much as all analysers together and tell dozens of languages apart that
//! would be analysed alike.

use super::language::stop_words;
use crate::sorting::sort_by;
use std::collections::HashMap;

/// Languages in scripts that several share.
const SHARED: [&str; 16] =
    ["ar", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "tr"];

/// Letters that only some of them have, and those. Each counts as part of a function word.
const LETTERS: [(&str, &[&str]); 15] = [
    ("ß", &["de"]),
    ("äö", &["de", "fi", "sv"]),
    ("ü", &["de", "hu", "tr"]),
    ("å", &["da", "no", "sv"]),
    ("æø", &["da", "no"]),
    ("ñ", &["es"]),
    ("ãõ", &["pt"]),
    ("ç", &["fr", "pt", "tr"]),
    ("êâî", &["fr", "pt", "ro"]),
    ("èùœûë", &["fr", "it", "nl"]),
    ("òì", &["it"]),
    ("áéíóú", &["es", "hu", "pt"]),
    ("ășțţ", &["ro"]),
    ("őű", &["hu"]),
    ("ığş", &["tr"]),
];

/// What a letter weighs beside a function word.
const LETTER: f32 = 0.3;

/// Characters of a text that are looked at.
const LOOK: usize = 4_000;

/// The least that is called certain, and how far the best must be ahead of the second.
const CERTAIN: f32 = 1.0;
const AHEAD: f32 = 1.5;

/// What a text seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    /// One of [`LANGUAGES`](super::LANGUAGES).
    pub language: &'static str,
    /// Whether little speaks for another: few words, as of a query, rarely say enough.
    pub certain: bool,
}

pub struct Detector {
    /// By word: a bit for each of [`SHARED`].
    words: HashMap<String, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Greek,
    Tamil,
    Thai,
    Hangul,
    Kana,
    Han,
    Other,
}

impl Script {
    const ALL: [Script; 10] = {
        use Script::*;
        [Latin, Cyrillic, Arabic, Greek, Tamil, Thai, Hangul, Kana, Han, Other]
    };

    fn of(letter: char) -> Script {
        match letter {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
            '\u{400}'..='\u{52f}' => Script::Cyrillic,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => Script::Arabic,
            '\u{b80}'..='\u{bff}' => Script::Tamil,
            '\u{e00}'..='\u{e7f}' => Script::Thai,
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => Script::Hangul,
            '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}' => Script::Kana,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}' => Script::Han,
            _ => Script::Other,
        }
    }
}

impl Default for Detector {
    fn default() -> Detector {
        let mut words: HashMap<String, u32> = HashMap::new();
        for (bit, language) in SHARED.iter().enumerate() {
            // Both apostrophes end a word here.
            for word in stop_words(language).split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
                *words.entry(word.to_owned()).or_default() |= 1 << bit;
            }
        }
        Detector { words }
    }
}

impl Detector {
    /// `None` for a text whose letters and words tell nothing: numbers, names, code, other languages.
    pub fn detect(&self, text: &str) -> Option<Guess> {
        let end = text.char_indices().nth(LOOK).map_or(text.len(), |(at, _)| at);
        let text = &text[..end];
        let mut letters = [0usize; Script::ALL.len()];
        text.chars().filter(|c| c.is_alphabetic()).for_each(|c| letters[Script::of(c) as usize] += 1);
        let count = |script: Script| letters[script as usize];
        let certainly = |language| Some(Guess { language, certain: true });
        let most = Script::ALL.into_iter().max_by_key(|script| count(*script)).filter(|script| count(*script) > 0)?;
        match most {
            // Japanese is written in both; a tenth of kana is less than any of its sentences has.
            Script::Han | Script::Kana if count(Script::Kana) * 10 >= count(Script::Han) => certainly("ja"),
            Script::Han | Script::Kana => certainly("zh"),
            Script::Hangul => certainly("ko"),
            Script::Thai => certainly("th"),
            Script::Tamil => certainly("ta"),
            Script::Greek => certainly("el"),
            Script::Latin | Script::Cyrillic | Script::Arabic => self.by_words(text),
            Script::Other => None,
        }
    }

    /// A word that several languages have counts for each of them by its share.
    fn by_words(&self, text: &str) -> Option<Guess> {
        let mut scores = [0f32; SHARED.len()];
        let mut add = |languages: u32, weight: f32| {
            let share = weight / languages.count_ones() as f32;
            (0..).zip(&mut scores).filter(|(bit, _)| languages >> bit & 1 == 1).for_each(|(_, score)| *score += share);
        };
        let lower = text.to_lowercase();
        for word in lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            if let Some(&languages) = self.words.get(word) {
                add(languages, 1.0);
            }
            for letter in word.chars().filter(|letter| !letter.is_ascii()) {
                let having = LETTERS.iter().find(|(letters, _)| letters.contains(letter));
                let bit = |language: &&str| SHARED.iter().position(|known| known == language).map_or(0, |at| 1 << at);
                if let Some((_, languages)) = having {
                    add(languages.iter().map(bit).sum(), LETTER);
                }
            }
        }
        let mut order: Vec<usize> = (0..SHARED.len()).collect();
        sort_by(&mut order, |&a, &b| scores[b].total_cmp(&scores[a]));
        let (best, second) = (scores[order[0]], scores[order[1]]);
        let certain = best >= CERTAIN && best >= second * AHEAD;
        (best > second).then_some(Guess { language: SHARED[order[0]], certain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: &str, text: &str) {
        assert_eq!(Detector::default().detect(text).map(|guess| guess.language), Some(language), "{text}");
    }

    #[test]
    fn sentences_are_recognised() {
        check("da", "Færgen sejler fra havnen klokken seks, og den kommer frem, før solen er stået op over øen.");
        check("de", "Die Fähre verlässt den Hafen um sechs Uhr und kommt vor Mittag auf der Insel an.");
        check("en", "The ferry leaves the harbour at six and reaches the island before noon.");
        check("es", "El barco sale del puerto a las seis y llega a la isla antes del mediodía.");
        check(
            "fi",
            "Lautta lähtee satamasta kuudelta, ja se on saarella ennen puoltapäivää, jos tuuli ei ole liian kova.",
        );
        check("fr", "Le bateau quitte le port à six heures et arrive sur l'île avant midi.");
        check("hu", "A komp hat órakor indul a kikötőből, és még dél előtt a szigetre ér, ha nem fúj nagyon a szél.");
        check("it", "Il traghetto parte dal porto alle sei e arriva sull'isola prima di mezzogiorno.");
        check("nl", "De veerboot vertrekt om zes uur uit de haven en komt voor de middag op het eiland aan.");
        check("no", "Fergen går fra havnen klokken seks, og den som ikke er der da, blir nødt til å vente til ni.");
        check("pt", "O barco sai do porto às seis e chega à ilha antes do meio-dia, se não houver vento.");
        check("ro", "Feribotul pleacă din port la ora șase și ajunge pe insulă înainte de prânz.");
        check("ru", "Паром отходит из порта в шесть часов и приходит на остров до полудня.");
        check("sv", "Färjan lämnar hamnen klockan sex och är framme på ön innan solen har gått upp.");
        check("tr", "Feribot saat altıda limandan kalkıyor ve öğleden önce adaya varıyor.");
        check("ar", "تغادر العبارة الميناء في السادسة وتصل إلى الجزيرة قبل الظهر.");
        check("el", "Το πλοίο φεύγει από το λιμάνι στις έξι.");
        check("ja", "船は六時に港を出て、昼前に島に着く。");
        check("ko", "배는 여섯 시에 항구를 떠난다.");
        check("ta", "படகு ஆறு மணிக்கு புறப்படும்.");
        check("th", "เรือออกจากท่าเวลาหกโมง");
        check("zh", "渡轮六点离开港口，中午前到达岛上。");
    }

    #[test]
    fn what_tells_nothing_is_not_guessed() {
        for text in ["", "1234 + 5", "€ … !", "HTTP/1.1 404", "שלום עולם", "नमस्ते दुनिया", "kernel.rs"]
        {
            assert_eq!(Detector::default().detect(text), None, "{text}");
        }
    }

    #[test]
    fn few_words_are_no_certainty() {
        let certain = |text: &str| Detector::default().detect(text).is_some_and(|guess| guess.certain);
        assert!(certain("Wo kann man die Fähre nehmen?") && certain("where does the ferry leave from"));
        assert!(!certain("ferry timetable") && !certain("restaurant de la gare"));
    }

    #[test]
    fn of_a_long_text_only_the_beginning_counts() {
        let text =
            format!("{} {}", "Das ist der Anfang, und er ist lang. ".repeat(200), "the end of it ".repeat(9_000));
        check("de", &text);
    }
}
