//! Unigram tokenisers in the manner of SentencePiece (Kudo and Richardson 2018), as the multilingual XLM-R models
//! have: text is normalised, every word gets a mark `▁` in place of the space before it, and each marked word is cut
//! into the pieces of the vocabulary that are most probable together.
//!
//! Text flows through: a word is cut as soon as it is complete, and reading ends when nobody wants more tokens. Of a
//! book only the first page is read when the model takes one page.

use super::charsmap::Charsmap;
use super::pieces::{Lattice, Pieces};
use std::ops::{ControlFlow, Range};

/// Stands for the space before a word.
pub(super) const MARK: char = '▁';

/// Chinese is written without spaces: a whole document can be one word. Beyond so many bytes the pieces that are
/// complete are given out, but for the last [`MARGIN_BYTES`], where what follows could still change the best way.
const WORD_BYTES: usize = 16 << 10;
const MARGIN_BYTES: usize = 4 << 10;

pub(super) struct Unigram {
    pub pieces: Pieces,
    pub charsmap: Option<Charsmap>,
    /// Several spaces count as one.
    pub squeeze: bool,
    /// White space separates words and is dropped. Without: every single space becomes a mark.
    pub splits_at_space: bool,
    /// Longest first.
    pub added: Vec<Added>,
    pub single: Vec<Part>,
    pub pair: Vec<Part>,
}

/// A token that is recognised in the text as it is written, such as `<mask>`.
pub(super) struct Added {
    pub content: String,
    pub id: u32,
    /// It takes the white space before it, or after it, with it.
    pub strip_left: bool,
    pub strip_right: bool,
}

/// What a model is given, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A special token.
    Token { id: u32, kind: u32 },
    /// The tokens of the first text, or of the second.
    Text { second: bool, kind: u32 },
}

impl Unigram {
    pub fn vocabulary(&self) -> usize {
        let added = self.added.iter().map(|added| added.id);
        let special = self.single.iter().chain(&self.pair).filter_map(|part| match part {
            Part::Token { id, .. } => Some(*id),
            Part::Text { .. } => None,
        });
        let largest = added.chain(special).max();
        self.pieces.len().max(largest.map_or(0, |id| id as usize + 1))
    }

    pub fn special_tokens(&self) -> usize {
        special(&self.single)
    }

    pub fn encode(&self, text: &str, max_tokens: usize) -> Vec<u32> {
        let room = max_tokens.saturating_sub(special(&self.single));
        self.assemble(&self.single, &self.plain_ids(text, room), &[]).0
    }

    pub fn encode_bare(&self, text: &str, max_tokens: usize) -> Vec<u32> {
        let mut ids = Vec::new();
        self.read(text, false, |id, _| {
            if ids.len() < max_tokens && id != self.pieces.unknown() {
                ids.push(id);
            }
            ids.len() < max_tokens
        });
        ids
    }

    pub fn encode_pair(&self, first: &str, second: &str, max_tokens: usize) -> (Vec<u32>, Vec<u32>) {
        let room = max_tokens.saturating_sub(special(&self.pair));
        let enough = room.saturating_add(1);
        let (mut one, mut two) = (self.plain_ids(first, enough), self.plain_ids(second, enough));
        let (short, long) = (one.len().min(two.len()), one.len().max(two.len()));
        if short + long > room {
            // The longer one is cut to what the shorter one leaves; if that is less than the shorter one, both are.
            let (small, large) = match short <= room / 2 {
                true => (short, room - short),
                false => (room / 2, room - room / 2),
            };
            let first_is_longer = match short == enough {
                true => self.count(first) > self.count(second),
                false => one.len() > two.len(),
            };
            one.truncate(if first_is_longer { large } else { small });
            two.truncate(if first_is_longer { small } else { large });
        }
        self.assemble(&self.pair, &one, &two)
    }

    pub fn token_spans(&self, text: &str) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        self.read(text, true, |_, span| {
            spans.push((span.start, span.end));
            true
        });
        spans
    }

    pub fn count(&self, text: &str) -> usize {
        let mut count = 0;
        self.read(text, false, |_, _| {
            count += 1;
            true
        });
        count
    }

    /// The first ids of a text, at most `most`, without special tokens around them.
    fn plain_ids(&self, text: &str, most: usize) -> Vec<u32> {
        let mut ids = Vec::new();
        if most > 0 {
            self.read(text, false, |id, _| {
                ids.push(id);
                ids.len() < most
            });
        }
        ids
    }

    fn assemble(&self, template: &[Part], first: &[u32], second: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut ids, mut kinds) = (Vec::new(), Vec::new());
        for part in template {
            let kind = match *part {
                Part::Token { id, kind } => {
                    ids.push(id);
                    kind
                }
                Part::Text { second: is_second, kind } => {
                    ids.extend_from_slice(if is_second { second } else { first });
                    kind
                }
            };
            kinds.resize(ids.len(), kind);
        }
        (ids, kinds)
    }

    /// Shows `each` the tokens of `text` in order until it says false, with their spans in `text` if those are wanted
    /// (0..0 otherwise).
    fn read(&self, text: &str, spans: bool, each: impl FnMut(u32, Range<usize>) -> bool) {
        let mut words = Words {
            unigram: self,
            lattice: Lattice::default(),
            word: String::new(),
            sources: spans.then(Vec::new),
            each,
        };
        let mut at = 0;
        loop {
            let (end, added) = match self.next_added(text, at) {
                Some((start, added)) => (start, Some(added)),
                None => (text.len(), None),
            };
            let mut part = &text[at..end];
            if added.is_some_and(|added| added.strip_left) {
                part = part.trim_end();
            }
            if words.text(part, at).is_break() {
                return;
            }
            let Some(added) = added else { return };
            let start = at + part.len();
            at = end + added.content.len();
            if added.strip_right {
                at = text.len() - text[at..].trim_start().len();
            }
            if !(words.each)(added.id, if spans { start..at } else { 0..0 }) {
                return;
            }
        }
    }

    /// The next added token in `text` from byte `at` on, and where it begins.
    fn next_added(&self, text: &str, at: usize) -> Option<(usize, &Added)> {
        let begins = |byte: u8| self.added.iter().any(|added| added.content.as_bytes().first() == Some(&byte));
        let candidates = text.bytes().enumerate().skip(at).filter(|(_, byte)| begins(*byte));
        candidates.into_iter().find_map(|(start, _)| {
            let rest = &text.as_bytes()[start..];
            let found = self.added.iter().find(|added| rest.starts_with(added.content.as_bytes()))?;
            Some((start, found))
        })
    }
}

fn special(template: &[Part]) -> usize {
    template.iter().filter(|part| matches!(part, Part::Token { .. })).count()
}

/// Collects characters to marked words and words to tokens.
struct Words<'a, F> {
    unigram: &'a Unigram,
    lattice: Lattice,
    /// The word so far.
    word: String,
    /// For each of its bytes the span in the text that it came from, where those are wanted.
    sources: Option<Vec<Range<usize>>>,
    each: F,
}

impl<F: FnMut(u32, Range<usize>) -> bool> Words<'_, F> {
    /// Reads a text without added tokens that begins at byte `start` of the whole.
    fn text(&mut self, text: &str, start: usize) -> ControlFlow<()> {
        let Unigram { charsmap, squeeze, splits_at_space, .. } = self.unigram;
        let (mut begins, mut last) = (true, '\0');
        let mut flow = ControlFlow::Continue(());
        let mut take = |span: Range<usize>, part: &str| {
            let span = start + span.start..start + span.end;
            for c in part.chars() {
                let repeated = *squeeze && c == ' ' && last == ' ';
                last = c;
                if repeated {
                    continue;
                }
                if *splits_at_space && c.is_whitespace() {
                    begins = true;
                    continue;
                }
                let c = if c == ' ' { MARK } else { c };
                flow = self.character(c, begins, &span);
                begins = false;
                if flow.is_break() {
                    return false;
                }
            }
            true
        };
        match charsmap {
            Some(charsmap) => charsmap.normalise(text, take),
            None => {
                text.char_indices().all(|(at, c)| take(at..at + c.len_utf8(), &text[at..at + c.len_utf8()]));
            }
        }
        flow?;
        self.flush(true)
    }

    fn character(&mut self, c: char, begins: bool, span: &Range<usize>) -> ControlFlow<()> {
        if begins || c == MARK {
            self.flush(true)?;
        }
        if begins && c != MARK {
            self.push(MARK, span);
        }
        self.push(c, span);
        match self.word.len() >= WORD_BYTES {
            true => self.flush(false),
            false => ControlFlow::Continue(()),
        }
    }

    fn push(&mut self, c: char, span: &Range<usize>) {
        self.word.push(c);
        if let Some(sources) = &mut self.sources {
            sources.resize(self.word.len(), span.clone());
        }
    }

    /// Gives out the tokens of the word: all, or all but the last few of a word that goes on.
    fn flush(&mut self, ended: bool) -> ControlFlow<()> {
        let tokens = self.unigram.pieces.segment(&self.word, &mut self.lattice);
        let margin = if ended { 0 } else { MARGIN_BYTES.max(2 * self.unigram.pieces.longest()) };
        let sure = self.word.len().saturating_sub(margin);
        let mut done = 0;
        for (id, range) in tokens {
            // One endless unknown token has no end to wait for.
            if range.end > sure && !(done == 0 && range.end == self.word.len()) {
                break;
            }
            done = range.end;
            let span = match &self.sources {
                Some(sources) => sources[range.start].start..sources[range.end - 1].end,
                None => 0..0,
            };
            if !(self.each)(*id, span) {
                return ControlFlow::Break(());
            }
        }
        self.word.drain(..done);
        if let Some(sources) = &mut self.sources {
            sources.drain(..done);
        }
        ControlFlow::Continue(())
    }
}
