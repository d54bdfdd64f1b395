//! Takes one word or run at a time to its terms: compounds into parts, each part through folding, stop words and
//! stemmer. Words repeat, so what became of each is remembered in a small cache.

use super::super::unicode::graphemes;
use super::fold;
use super::language::Language;
use super::segment::Script;
use crate::limits::TERM_BYTES;
use std::ops::Range;

/// What the language's grammar hangs on a word with an apostrophe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clip {
    Nothing,
    /// `'s` at its end.
    Possessive,
    /// `l'`, `d'`, `qu'`, `dell'` … at its start.
    Elision,
}

/// Words in the cache. English text has some 90 % of its words among so many.
const SLOTS: usize = 4096;

/// Longest word that is worth a place in it, in bytes.
const SLOT_BYTES: usize = 32;

/// Buffers that live as long as the analyser.
#[derive(Default)]
pub(super) struct Scratch {
    /// By hash of the word: the word as written and its term, empty for a stop word.
    cache: Vec<(String, String)>,
    lower: String,
    folded: String,
    term: String,
    joined: String,
}

pub(super) struct Words<'a> {
    language: &'a Language,
    text: &'a str,
    scratch: &'a mut Scratch,
    emit: &'a mut dyn FnMut(&str, Range<usize>),
    /// The word before, for hyphens.
    last: Range<usize>,
}

impl<'a> Words<'a> {
    pub fn new(
        language: &'a Language,
        text: &'a str,
        scratch: &'a mut Scratch,
        emit: &'a mut dyn FnMut(&str, Range<usize>),
    ) -> Words<'a> {
        scratch.cache.resize(SLOTS, Default::default());
        Words { language, text, scratch, emit, last: 0..0 }
    }

    pub fn run(&mut self, range: Range<usize>, script: Script) {
        if script != Script::Spaced {
            return self.pairs(range);
        }
        self.hyphenated(&range);
        self.last = range.clone();
        let text = self.text;
        let word = &text[range.clone()];
        if self.symbolic(&range) || word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return self.term(range);
        }
        // Connectors at either end join nothing.
        let inner = word.trim_matches(|c| "_.:'’·".contains(c) || c == '\u{203f}');
        let start = range.start + (inner.as_ptr() as usize - word.as_ptr() as usize);
        self.compound(start..start + inner.len());
    }

    /// Numbers, abbreviations, and whatever has parts.
    fn compound(&mut self, range: Range<usize>) {
        let word = &self.text[range.clone()];
        let connector = |c: char| matches!(c, '_' | '.' | ':' | ';' | '·');
        if word.starts_with(|c: char| c.is_numeric()) && word.chars().all(|c| c.is_numeric() || c == '.' || c == ',') {
            return self.number(range);
        }
        if word.contains('.') && word.split('.').all(|part| part.chars().count() == 1) {
            return self.without(range, &['.']);
        }
        if word.contains(['\'', '’']) {
            return self.apostrophe(range);
        }
        if !word.contains(connector) && humps(word).nth(1).is_none() {
            return self.term(range);
        }
        self.whole(range.clone());
        self.parts(range, connector);
    }

    /// The parts of a word between its connectors, and their humps.
    fn parts(&mut self, range: Range<usize>, connector: impl Fn(char) -> bool) {
        let word = &self.text[range.clone()];
        for part in word.split(connector).filter(|part| !part.is_empty()) {
            let start = range.start + (part.as_ptr() as usize - word.as_ptr() as usize);
            // The last numbers of a version say nothing alone.
            let small = part.len() < 3 && part.bytes().all(|b| b.is_ascii_digit());
            if part.len() < word.len() && !small {
                self.term(start..start + part.len());
            }
            if humps(part).nth(1).is_some() {
                humps(part).for_each(|hump| self.term(start + hump.start..start + hump.end));
            }
        }
    }

    /// `1,000` is `1000`; commas that do not group by three separate.
    fn number(&mut self, range: Range<usize>) {
        let word = &self.text[range.clone()];
        let integer = word.split('.').next().unwrap_or(word);
        if integer.split(',').skip(1).all(|group| group.chars().count() == 3) {
            return self.without(range, &[',']);
        }
        self.whole(range.clone());
        self.parts(range, |c| c == ',');
    }

    /// `don't` may be a stop word, `dog's` is `dog`, `l'avion` is `avion`, `O'Neill` is `oneill` and `neill`.
    fn apostrophe(&mut self, range: Range<usize>) {
        let word = &self.text[range.clone()];
        self.scratch.lower.clear();
        fold::lower(capped(word), self.language.turkish, &mut self.scratch.lower);
        self.scratch.folded.clear();
        fold::fold(&self.scratch.lower, &mut self.scratch.folded);
        if self.language.stops(&self.scratch.folded) {
            return;
        }
        let marks = || word.match_indices(['\'', '’']);
        let ends = |at: usize, mark: &str| (range.start + at, range.start + at + mark.len());
        let (first, last) = (marks().next(), marks().next_back());
        if let (Clip::Possessive, Some((at, mark))) = (self.language.clip, last) {
            if matches!(&word[at + mark.len()..], "s" | "S") {
                return self.compound(range.start..ends(at, mark).0);
            }
        }
        if let (Clip::Elision, Some((at, mark))) = (self.language.clip, first) {
            const ELIDED: &str = " l d j m t s n c qu jusqu lorsqu puisqu quoiqu dell nell all dall sull un quell ";
            // Folding may have moved the mark; what is elided is short and plain, so it stands where it stood.
            let elided = self.scratch.folded.get(..at);
            if elided.is_some_and(|elided| ELIDED.contains(&format!(" {elided} "))) {
                return self.compound(ends(at, mark).1..range.end);
            }
        }
        self.without(range.clone(), &['\'', '’']);
        let mut start = range.start;
        for part in word.split(['\'', '’']) {
            if part.chars().nth(1).is_some() {
                self.term(start..start + part.len());
            }
            start += part.len();
            start += self.text[start..range.end].chars().next().map_or(0, char::len_utf8);
        }
    }

    /// A letter or two with `++` or `#` right behind, as languages are named.
    fn symbolic(&mut self, range: &Range<usize>) -> bool {
        let word = &self.text[range.clone()];
        if word.len() > 2 || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
            return false;
        }
        let behind = &self.text[range.end..];
        let symbol = if behind.starts_with("++") { "++" } else { "#" };
        let Some(after) = behind.strip_prefix(symbol) else { return false };
        if symbol == "#" && after.starts_with(|c: char| c.is_alphanumeric()) {
            return false;
        }
        self.whole(range.start..range.end + symbol.len());
        true
    }

    /// After `covid-`, before `19`: the word that both make.
    fn hyphenated(&mut self, range: &Range<usize>) {
        let gap = self.text.get(self.last.end..range.start);
        if self.last.is_empty() || !gap.is_some_and(|gap| matches!(gap, "-" | "‐" | "‑")) {
            return;
        }
        let (left, right) = (&self.text[self.last.clone()], &self.text[range.clone()]);
        let number = |word: &str| word.chars().all(char::is_numeric);
        let name = |word: &str| word.chars().all(char::is_alphabetic);
        let joins = match (number(left), number(right)) {
            (true, false) => name(right),
            (false, true) => name(left),
            _ => left.chars().nth(1).is_none() && name(left) && name(right),
        };
        if joins {
            self.without(self.last.start..range.end, &['-', '‐', '‑']);
        }
    }

    /// One term for all of the range, without some characters.
    fn without(&mut self, range: Range<usize>, marks: &[char]) {
        let mut joined = std::mem::take(&mut self.scratch.joined);
        joined.clear();
        joined.extend(capped(&self.text[range.clone()]).chars().filter(|c| !marks.contains(c)));
        self.word(&joined, range);
        self.scratch.joined = joined;
    }

    /// One term for all of the range, folded but not stemmed.
    fn whole(&mut self, range: Range<usize>) {
        let Scratch { lower, folded, .. } = &mut *self.scratch;
        lower.clear();
        folded.clear();
        fold::lower(capped(&self.text[range.clone()]), self.language.turkish, lower);
        fold::fold(lower, folded);
        if !folded.is_empty() {
            (self.emit)(capped(folded), range);
        }
    }

    /// One term for a simple word.
    fn term(&mut self, range: Range<usize>) {
        let text = self.text;
        self.word(&text[range.clone()], range);
    }

    fn word(&mut self, word: &str, range: Range<usize>) {
        if word.len() > SLOT_BYTES {
            self.make(word);
            if !self.scratch.term.is_empty() {
                (self.emit)(&self.scratch.term, range);
            }
            return;
        }
        let slot = slot(word);
        if self.scratch.cache[slot].0 != word {
            self.make(word);
            let Scratch { cache, term, .. } = &mut *self.scratch;
            let (key, value) = &mut cache[slot];
            key.clear();
            key.push_str(word);
            value.clear();
            value.push_str(term);
        }
        let term = &self.scratch.cache[slot].1;
        if !term.is_empty() {
            (self.emit)(term, range);
        }
    }

    /// Puts the term of a word into `scratch.term`, nothing for a stop word.
    fn make(&mut self, word: &str) {
        let Scratch { lower, folded, term, .. } = &mut *self.scratch;
        for buffer in [&mut *lower, &mut *folded, &mut *term] {
            buffer.clear();
        }
        fold::lower(capped(word), self.language.turkish, lower);
        fold::fold(lower, folded);
        if self.language.stops(folded) {
            return;
        }
        let stemmer = self.language.stemmer.as_ref();
        let input = if self.language.fold_first { &*folded } else { &*lower };
        match stemmer.filter(|(_, alphabet)| alphabet.has(input)) {
            Some((stemmer, _)) => fold::fold(&stemmer.stem(input), term),
            None => term.push_str(folded),
        }
        term.truncate(capped(term).len());
    }

    /// Every two neighbouring characters of a run, or its only one.
    fn pairs(&mut self, range: Range<usize>) {
        self.last = 0..0;
        let run = &self.text[range.clone()];
        let mut before: Option<Range<usize>> = None;
        let mut graphemes = graphemes(run).peekable();
        while let Some((offset, grapheme)) = graphemes.next() {
            let start = range.start + offset;
            let end = start + grapheme.len();
            match before.replace(start..end) {
                Some(before) => self.whole(before.start..end),
                None if graphemes.peek().is_none() => self.whole(start..end),
                None => {}
            }
        }
    }
}

/// The longest start of a word that is within the limit.
fn capped(word: &str) -> &str {
    let mut end = word.len().min(TERM_BYTES);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

/// The place of a word in the cache: FNV-1a.
fn slot(word: &str) -> usize {
    let hash = word.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 15) as usize % SLOTS
}

/// The parts of `camelCase` and `parseHTMLFile`: one ends where a lower-case letter meets an upper-case one, or
/// before the last of several upper-case letters if two lower-case ones follow. No part is a single letter, which
/// keeps `mRNA`, `iPhone` and `RNAi` whole.
fn humps(word: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    let mut chars = word.char_indices().peekable();
    let (mut before, mut length) = (' ', 0);
    std::iter::from_fn(move || {
        if start >= word.len() {
            return None;
        }
        for (at, c) in chars.by_ref() {
            let rest = &word[at + c.len_utf8()..];
            let mut ahead = rest.chars();
            let (next, second) = (ahead.next().unwrap_or(' '), ahead.next().unwrap_or(' '));
            let rises = before.is_lowercase() && c.is_uppercase() && (next.is_alphabetic());
            let falls = before.is_uppercase() && c.is_uppercase() && next.is_lowercase() && second.is_lowercase();
            let cut = length > 1 && (rises || falls);
            before = c;
            length = if cut { 1 } else { length + 1 };
            if cut {
                let hump = start..at;
                start = at;
                return Some(hump);
            }
        }
        let hump = start..word.len();
        start = word.len();
        Some(hump)
    })
}
