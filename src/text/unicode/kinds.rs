//! Kinds of characters that boundaries depend on (UAX #29), each with a character of that kind. `build.rs` includes this
//! file too: it finds out a character's kind by comparing where boundaries are around it and around these.

/// What matters between graphemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grapheme {
    Other,
    Return,
    LineFeed,
    Control,
    Extend,
    /// Extends, but not within a conjunct of an Indic script.
    Apart,
    /// Joins two consonants of an Indic script.
    Linker,
    Joiner,
    Regional,
    Prepend,
    Spacing,
    Lead,
    Vowel,
    Trail,
    /// A syllable of Hangul that a trailing consonant may follow, or one that has it: which of them, arithmetic says.
    Open,
    Closed,
    Pictograph,
    Consonant,
}

/// What matters between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Other,
    Return,
    Newline,
    /// Also format characters.
    Extend,
    Joiner,
    Katakana,
    Hebrew,
    Letter,
    Quote,
    DoubleQuote,
    MidBoth,
    MidLetter,
    MidNumber,
    Number,
    Connector,
    Regional,
    Space,
}

/// What matters between sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence {
    Other,
    Return,
    LineFeed,
    Separator,
    /// Also format characters.
    Extend,
    Space,
    Lower,
    Upper,
    Letter,
    Number,
    Dot,
    Continue,
    Terminator,
    Close,
}

impl Grapheme {
    pub const KINDS: [(Grapheme, char); 18] = [
        (Grapheme::Other, 'a'),
        (Grapheme::Return, '\r'),
        (Grapheme::LineFeed, '\n'),
        (Grapheme::Control, '\0'),
        (Grapheme::Extend, '\u{301}'),
        (Grapheme::Apart, '\u{200c}'),
        (Grapheme::Linker, '\u{94d}'),
        (Grapheme::Joiner, '\u{200d}'),
        (Grapheme::Regional, '\u{1f1e6}'),
        (Grapheme::Prepend, '\u{600}'),
        (Grapheme::Spacing, '\u{903}'),
        (Grapheme::Lead, '\u{1100}'),
        (Grapheme::Vowel, '\u{1161}'),
        (Grapheme::Trail, '\u{11a8}'),
        (Grapheme::Open, '\u{ac00}'),
        (Grapheme::Closed, '\u{ac01}'),
        (Grapheme::Pictograph, '\u{1f600}'),
        (Grapheme::Consonant, '\u{915}'),
    ];
}

impl Word {
    pub const KINDS: [(Word, char); 17] = [
        (Word::Other, '!'),
        (Word::Return, '\r'),
        (Word::Newline, '\n'),
        (Word::Extend, '\u{301}'),
        (Word::Joiner, '\u{200d}'),
        (Word::Katakana, '\u{30a2}'),
        (Word::Hebrew, '\u{5d0}'),
        (Word::Letter, 'a'),
        (Word::Quote, '\''),
        (Word::DoubleQuote, '"'),
        (Word::MidBoth, '.'),
        (Word::MidLetter, ':'),
        (Word::MidNumber, ','),
        (Word::Number, '0'),
        (Word::Connector, '_'),
        (Word::Regional, '\u{1f1e6}'),
        (Word::Space, ' '),
    ];
}

impl Sentence {
    pub const KINDS: [(Sentence, char); 14] = [
        (Sentence::Other, '+'),
        (Sentence::Return, '\r'),
        (Sentence::LineFeed, '\n'),
        (Sentence::Separator, '\u{2029}'),
        (Sentence::Extend, '\u{301}'),
        (Sentence::Space, ' '),
        (Sentence::Lower, 'a'),
        (Sentence::Upper, 'A'),
        (Sentence::Letter, '\u{5d0}'),
        (Sentence::Number, '0'),
        (Sentence::Dot, '.'),
        (Sentence::Continue, ','),
        (Sentence::Terminator, '!'),
        (Sentence::Close, ')'),
    ];
}
