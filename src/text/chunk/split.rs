//! Cuts a range of text into atoms: pieces that fit a budget, as large and as natural as a plan allows.

use super::super::unicode::{sentences, words};
use super::ruler::Ruler;
use std::ops::Range;

/// Where a text may be cut, from coarse to fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Behind blank lines.
    Paragraph,
    /// Behind line ends.
    Line,
    /// Between sentences by UAX #29; a single line end is a space here, as wrapped prose wants it.
    Sentence,
    /// Before words by UAX #29, with the punctuation around them.
    Word,
    /// Between graphemes, at the end of the budget.
    Grapheme,
}

/// The levels that are tried in turn.
pub(super) struct Plan {
    levels: &'static [Level],
    /// So many of the first levels are cut even where a larger piece would fit.
    always: usize,
    /// Where the overlap of two chunks may begin.
    pub overlap: Overlap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    Atoms,
    /// At a sentence, or else a line.
    Sentences,
}

impl Plan {
    pub const WORDS: Plan = Plan { levels: &[Level::Word, Level::Grapheme], always: 1, overlap: Overlap::Atoms };

    pub const SENTENCES: Plan = Plan {
        levels: &[Level::Paragraph, Level::Sentence, Level::Word, Level::Grapheme],
        always: 2,
        overlap: Overlap::Atoms,
    };

    pub const STRUCTURE: Plan = Plan {
        levels: &[Level::Paragraph, Level::Line, Level::Sentence, Level::Word, Level::Grapheme],
        always: 0,
        overlap: Overlap::Sentences,
    };

    /// For code and tables: rows before everything.
    pub const LINES: Plan =
        Plan { levels: &[Level::Line, Level::Word, Level::Grapheme], always: 0, overlap: Overlap::Sentences };
}

/// Consecutive pieces that make up `range`, each within `budget` unless it is a single grapheme.
pub(super) fn atoms(ruler: &Ruler, range: Range<usize>, plan: &Plan, budget: usize) -> Vec<Range<usize>> {
    let mut atoms = Vec::new();
    descend(ruler, range, plan.levels, plan.always, budget, &mut atoms);
    atoms
}

/// Recursion of at most as many calls as a plan has levels.
fn descend(
    ruler: &Ruler,
    range: Range<usize>,
    levels: &[Level],
    always: usize,
    budget: usize,
    out: &mut Vec<Range<usize>>,
) {
    let fits = always == 0 && ruler.cost(range.clone()) <= budget;
    let (false, [level, finer @ ..]) = (fits, levels) else {
        out.extend((!range.is_empty()).then_some(range));
        return;
    };
    let mut start = range.start;
    let mut cut = |end: usize| {
        if end > start && ruler.is_bound(end) {
            descend(ruler, start..end, finer, always.saturating_sub(1), budget, out);
            start = end;
        }
    };
    let text = &ruler.text[range.clone()];
    match level {
        Level::Paragraph => paragraph_ends(text, |end| cut(range.start + end)),
        Level::Line => line_ends(text, |end| cut(range.start + end)),
        Level::Sentence => sentence_ends(text, |end| cut(range.start + end)),
        Level::Word => word_ends(text, |end| cut(range.start + end)),
        Level::Grapheme => {
            let mut at = range.start;
            while at < range.end {
                at = ruler.take(at..range.end, budget);
                cut(at);
            }
        }
    }
    cut(range.end);
}

/// Ends of lines, line ends included.
fn line_ends(text: &str, mut cut: impl FnMut(usize)) {
    let bytes = text.as_bytes();
    for (at, mark) in text.match_indices(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        if mark != "\r" || bytes.get(at + 1) != Some(&b'\n') {
            cut(at + mark.len());
        }
    }
}

/// Ends of paragraphs, the blank lines behind them included.
fn paragraph_ends(text: &str, mut cut: impl FnMut(usize)) {
    let (mut start, mut blank) = (0, false);
    let mut line = |end: usize| {
        let is_blank = text[start..end].trim().is_empty();
        if blank && !is_blank && start > 0 {
            cut(start);
        }
        (start, blank) = (end, is_blank);
    };
    line_ends(text, &mut line);
    line(text.len());
}

/// Ends of the sentences of one paragraph.
fn sentence_ends(text: &str, mut cut: impl FnMut(usize)) {
    let unwrapped = text.replace(['\n', '\r'], " ");
    sentences(&unwrapped).for_each(|(start, sentence)| cut(start + sentence.len()));
}

/// Where sentences end, and where lines do, in text of any number of paragraphs.
pub(super) fn sentences_and_lines(text: &str) -> [Vec<usize>; 2] {
    let (mut sentences, mut lines, mut start) = (Vec::new(), Vec::new(), 0);
    let mut paragraph = |end: usize| {
        sentence_ends(&text[start..end], |at| sentences.push(start + at));
        start = end;
    };
    paragraph_ends(text, &mut paragraph);
    paragraph(text.len());
    line_ends(text, |end| lines.push(end));
    [sentences, lines]
}

/// Behind these a word may begin without white space.
const CLOSERS: &str = ".,;:!?-/)]}…–—»”’、。〉》」』】〕，．！？；：）］｝・।॥،؛؟";

fn word_ends(text: &str, mut cut: impl FnMut(usize)) {
    let mut before: Option<char> = None;
    for (start, piece) in words(text) {
        let first = piece.chars().next().unwrap_or(' ');
        let may_begin = match before {
            Some(before) if before.is_whitespace() => !first.is_whitespace(),
            Some(before) => first.is_alphanumeric() && (before.is_alphanumeric() || CLOSERS.contains(before)),
            None => false,
        };
        if may_begin {
            cut(start);
        }
        before = piece.chars().next_back();
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::WordCounter;
    use super::*;

    #[track_caller]
    fn check(plan: &Plan, budget: usize, text: &str, expected: &[&str]) {
        let ruler = Ruler::new(text, &WordCounter);
        let atoms = atoms(&ruler, 0..text.len(), plan, budget);
        assert_eq!(atoms.iter().map(|atom| &text[atom.clone()]).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn words_keep_their_punctuation() {
        check(&Plan::WORDS, 8, "He said (loudly): no!", &["He ", "said ", "(loudly): ", "no!"]);
        check(&Plan::WORDS, 8, "天地。玄黄", &["天", "地。", "玄", "黄"]);
        check(&Plan::WORDS, 8, "well-known, $5", &["well-", "known, ", "$5"]);
        check(&Plan::WORDS, 2, "a=====b", &["a=", "==", "==", "b"]);
    }

    #[test]
    fn sentences_run_across_line_ends_but_not_blank_lines() {
        check(&Plan::SENTENCES, 20, "One\ntwo. Three.\n\nFour\n", &["One\ntwo. ", "Three.\n\n", "Four\n"]);
        check(&Plan::SENTENCES, 20, "Title\r\n\r\nIt is 3.5 m.", &["Title\r\n\r\n", "It is 3.5 m."]);
        check(&Plan::SENTENCES, 2, "One two three.", &["One ", "two ", "three."]);
    }

    #[test]
    fn structure_takes_the_largest_that_fits() {
        check(&Plan::STRUCTURE, 9, "a b.\n\nc d.", &["a b.\n\nc d."]);
        check(&Plan::STRUCTURE, 4, "a b.\n\nc d.", &["a b.\n\n", "c d."]);
        check(&Plan::STRUCTURE, 4, "a b.\nc d.\n\ne f.", &["a b.\n", "c d.\n", "\n", "e f."]);
        check(&Plan::STRUCTURE, 3, "A b. C d.", &["A b. ", "C d."]);
        check(&Plan::STRUCTURE, 2, "a b c", &["a ", "b ", "c"]);
        check(&Plan::STRUCTURE, 1, "", &[]);
    }

    #[test]
    fn lines_come_first_in_code() {
        check(&Plan::LINES, 4, "a = 1.\nb. C = 2\r\n\r\n", &["a = 1.\n", "b. ", "C ", "= ", "2\r\n", "\r\n"]);
    }
}
