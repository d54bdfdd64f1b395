//! Packs what the engine needs of Unicode into small tables, `kinds.bin`, `forms.bin` and `bert.bin`, which
//! `src/text/unicode/` includes. The libraries that know the standard lay their tables out for speed: 83 KB (gzip) in a
//! module that browsers download for the first two, where these are 13 KB. Nothing here reads a library's tables: they
//! are asked what they do with every character, so that an update of theirs is one of ours.
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use unicode_categories::UnicodeCategories;
use unicode_normalization::char::{canonical_combining_class, compose, decompose_canonical};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

#[allow(dead_code)]
#[path = "src/text/unicode/kinds.rs"]
mod kinds;

use kinds::{Grapheme, Sentence, Word};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/text/unicode/kinds.rs");
    let folder = std::env::var_os("OUT_DIR").expect("cargo says where the tables go");
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(Path::new(&folder).join(name), bytes);
    for (name, table) in [("kinds.bin", kinds()), ("forms.bin", forms()), ("bert.bin", bert())] {
        write(name, table).expect("the tables can be written");
    }
}

/// Planes that have characters; of the others, all are alike.
const PLANES: [RangeInclusive<char>; 2] = ['\0'..='\u{32fff}', '\u{e0000}'..='\u{e0fff}'];

/// Hangul's syllables are a matter of arithmetic.
const SYLLABLES: RangeInclusive<char> = '\u{ac00}'..='\u{d7a3}';

/// Separates what is asked in one go: no rule looks across it.
const WALL: char = '\u{2029}';

/// Where boundaries are around a character, in surroundings that tell all kinds apart.
struct Probe<'a> {
    /// `x` stands for the character, `|` for the places that are asked about.
    around: &'a [&'a str],
    boundaries: fn(&str, &mut dyn FnMut(usize)),
}

impl Probe<'_> {
    fn answers(&self, c: char) -> u64 {
        let (mut text, mut places) = (String::new(), Vec::new());
        for around in self.around {
            around.chars().for_each(|next| match next {
                'x' => text.push(c),
                '|' => places.push(text.len()),
                next => text.push(next),
            });
            text.push(WALL);
        }
        let (mut answers, mut next) = (0, 0);
        (self.boundaries)(&text, &mut |at| {
            while places.get(next).is_some_and(|&place| place < at) {
                next += 1;
            }
            if places.get(next) == Some(&at) {
                answers |= 1 << next;
            }
        });
        answers
    }

    /// A function that gives a character's place in `kinds`.
    fn place<K: Copy>(&self, kinds: &[(K, char)]) -> impl Fn(char) -> u8 + '_ {
        let mut known = BTreeMap::new();
        for (place, &(_, like)) in (0..).zip(kinds) {
            let same = known.insert(self.answers(like), place);
            assert_eq!(same, None, "the kind of {like:?} is another's");
        }
        move |c| *known.get(&self.answers(c)).unwrap_or_else(|| panic!("{c:?} is of a kind that is not known"))
    }
}

#[rustfmt::skip]
const GRAPHEMES: Probe = Probe {
    around: &[
        "a|x|a", "\r|x|\n", "a|x|\u{301}", "\u{1100}|x|\u{1161}", "\u{1161}|x|\u{11a8}", "\u{11a8}|x|\u{11a8}",
        "\u{1f1e6}|x", "\u{1f600}x\u{200d}|\u{1f600}", "\u{1f600}x|\u{1f600}", "\u{1f600}\u{200d}|x",
        "\u{915}\u{94d}|x|\u{915}", "\u{915}|x|\u{915}",
    ],
    boundaries: |text, found| text.grapheme_indices(true).for_each(|(at, _)| found(at)),
};

#[rustfmt::skip]
const WORDS: Probe = Probe {
    around: &[
        "a|x|a", "1|x|1", "\u{5d0}|x|\u{5d0}", "\u{5d0}|x|!", "\u{30a2}|x|\u{30a2}", "_|x|!", "\u{1f1e6}|x", " |x| ",
        "a:|x|!", "!|x|\n", "!|x|\u{301}", "!x|\u{1f600}", "x|'!",
    ],
    boundaries: |text, found| text.split_word_bound_indices().for_each(|(at, _)| found(at)),
};

#[rustfmt::skip]
const SENTENCES: Probe = Probe {
    around: &[
        "!|x|A", "!|x|)", "! |x|A", ".|x", "a.|x", ". |x", ". |x|a", "+|x|a", "\r|x|\n", "+|x|A",
    ],
    boundaries: |text, found| text.split_sentence_bound_indices().for_each(|(at, _)| found(at)),
};

/// The number of different triples of kinds and the triples; then for each run of characters of one triple the number
/// of its triple, then the lengths of the runs. What comes after the last is as it is.
fn kinds() -> Vec<u8> {
    let grapheme = GRAPHEMES.place(&Grapheme::KINDS);
    let word = WORDS.place(&Word::KINDS);
    let sentence = SENTENCES.place(&Sentence::KINDS);
    let triple = |c: char| [grapheme(c), word(c), sentence(c)];
    let (none, syllable) = (triple('\u{50000}'), triple(*SYLLABLES.start()));
    let mut triples: Vec<[u8; 3]> = Vec::new();
    let mut runs: Vec<(u8, u32)> = Vec::new();
    for c in '\0'..='\u{e1000}' {
        let found = match c {
            c if SYLLABLES.contains(&c) => syllable,
            c if PLANES.iter().any(|plane| plane.contains(&c)) => triple(c),
            _ => none,
        };
        let place = triples.iter().position(|known| *known == found).unwrap_or_else(|| {
            triples.push(found);
            triples.len() - 1
        }) as u8;
        // Surrogates are no characters, but are counted.
        let length = if c == '\u{e000}' { 0x801 } else { 1 };
        match runs.last_mut() {
            Some(run) if run.0 == place => run.1 += length,
            _ if length > 1 => panic!("the characters around the surrogates differ"),
            _ => runs.push((place, length)),
        }
    }
    let mut out = vec![triples.len() as u8];
    out.extend(triples.into_iter().flatten());
    varint(runs.len() as u32, &mut out);
    out.extend(runs.iter().map(|run| run.0));
    runs.iter().for_each(|run| varint(run.1, &mut out));
    out
}

/// Three lists, each after its length: runs of characters with one combining class (the gap before, length, class);
/// pairs that compose, by what they become (its distance from the one before, that of the first from the first before,
/// the second's place in a list of seconds, which comes before: its length and distances); characters that NFKC takes
/// apart or replaces in runs (gap, length), and for each what it becomes: lengths, then distances of characters.
fn forms() -> Vec<u8> {
    let all = || PLANES.into_iter().flatten();
    let mut classes = Vec::new();
    let mut pairs: Vec<[char; 3]> = Vec::new();
    let mut replaced: Vec<(char, Vec<char>)> = Vec::new();
    for c in all().filter(|c| !SYLLABLES.contains(c)) {
        lengthen(&mut classes, c, canonical_combining_class(c));
        pairs.extend(pair(c).map(|[first, second]| [c, first, second]));
        let form: Vec<char> = [c].into_iter().nfkc().collect();
        if form != [c] {
            replaced.push((c, form));
        }
    }
    let mut out = Vec::new();
    runs_of(&classes, &mut out);
    let mut seconds: Vec<char> = pairs.iter().map(|pair| pair[2]).collect();
    seconds.sort_unstable();
    seconds.dedup();
    distances(seconds.iter().copied(), &mut out);
    varint(pairs.len() as u32, &mut out);
    let mut last = ['\0'; 2];
    for [whole, first, second] in pairs {
        distance(last[0], whole, &mut out);
        distance(last[1], first, &mut out);
        out.push(seconds.iter().position(|known| *known == second).expect("it was collected") as u8);
        last = [whole, first];
    }
    forms_of(&replaced, &mut out);
    out
}

/// A run of characters that have the same value: the first one's number, how many they are, and the value.
type Run = (u32, u32, u8);

/// Adds a character. Those whose value is 0 are in no run.
fn lengthen(runs: &mut Vec<Run>, c: char, value: u8) {
    match runs.last_mut() {
        Some((start, length, same)) if *start + *length == c as u32 && *same == value => *length += 1,
        _ if value == 0 => {}
        _ => runs.push((c as u32, 1, value)),
    }
}

/// Their number, and of each the gap before it, its length and its value.
fn runs_of(runs: &[Run], out: &mut Vec<u8>) {
    varint(runs.len() as u32, out);
    let mut end = 0;
    for &(start, length, value) in runs {
        varint(start - end, out);
        varint(length, out);
        out.push(value);
        end = start + length;
    }
}

/// Runs of characters (gap, length), and for each what it becomes: lengths, then distances of characters.
fn forms_of(replaced: &[(char, Vec<char>)], out: &mut Vec<u8>) {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for c in replaced.iter().map(|(c, _)| *c as u32) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == c => *length += 1,
            _ => runs.push((c, 1)),
        }
    }
    varint(runs.len() as u32, out);
    let mut end = 0;
    for (start, length) in runs {
        varint(start - end, out);
        varint(length, out);
        end = start + length;
    }
    replaced.iter().for_each(|(_, form)| varint(form.len() as u32, out));
    distances(replaced.iter().flat_map(|(_, form)| form.iter().copied()), out);
}

/// What BERT's tokenisers know: runs of characters of one kind (gap, length, kind; kinds as in `bert.rs`), then
/// characters that a canonical decomposition without nonspacing marks changes, as in [`forms`].
///
/// The categories are those of an old version of Unicode, as in the Python package `tokenizers`: models were trained so.
fn bert() -> Vec<u8> {
    let mut runs = Vec::new();
    let mut replaced: Vec<(char, Vec<char>)> = Vec::new();
    for c in '\0'..=char::MAX {
        let kind = match c {
            '\t' | '\n' | '\r' => 0,
            '\u{fffd}' => 1,
            c if c.is_other() => 1,
            c if c.is_mark_nonspacing() => 2,
            c if c.is_ascii_punctuation() || c.is_punctuation() => 3,
            _ => 0,
        };
        lengthen(&mut runs, c, kind);
        if !SYLLABLES.contains(&c) {
            let form: Vec<char> = [c].into_iter().nfd().filter(|part| !part.is_mark_nonspacing()).collect();
            match kind {
                2 => assert!(form.is_empty(), "{c:?} is a mark and leaves something"),
                _ if form != [c] => replaced.push((c, form)),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    runs_of(&runs, &mut out);
    forms_of(&replaced, &mut out);
    out
}

/// The two characters of which a character is composed, if they compose to it again.
fn pair(c: char) -> Option<[char; 2]> {
    let mut parts = Vec::new();
    decompose_canonical(c, |part| parts.push(part));
    let second = parts.pop()?;
    let first: Vec<char> = parts.into_iter().nfc().collect();
    match first[..] {
        [first] if compose(first, second) == Some(c) => Some([first, second]),
        _ => None,
    }
}

/// Their number, and each one's distance from the character after the one before.
fn distances(chars: impl Iterator<Item = char> + Clone, out: &mut Vec<u8>) {
    varint(chars.clone().count() as u32, out);
    let mut last = '\0';
    for c in chars {
        distance(last, c, out);
        last = c;
    }
}

/// Small for what stands behind `last` in the standard; negative ones are odd.
fn distance(last: char, c: char, out: &mut Vec<u8>) {
    let distance = c as i32 - last as i32 - 1;
    varint((distance << 1 ^ distance >> 31) as u32, out);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
