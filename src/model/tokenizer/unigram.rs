//! Unigram tokenisers in the manner of SentencePiece (Kudo and Richardson 2018), as the multilingual XLM-R models
//! have: text is normalised, every word gets a mark `▁` in place of the space before it, and each marked word is cut
//! into the pieces of the vocabulary that are most probable together.
//!
//! Text flows through: a word is cut as soon as it is complete, and reading ends when nobody wants more tokens. Of a
//! book only the first page is read when the model takes one page.

use super::charsmap::Charsmap;
use super::pieces::{Lattice, Pieces};
use super::Each;
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
}

impl Unigram {
    /// Shows `each` the tokens of a text without added tokens that begins at byte `start` of the whole, with their spans
    /// if those are wanted (0..0 otherwise).
    pub fn read(&self, text: &str, start: usize, spans: bool, each: Each) -> ControlFlow<()> {
        let sources = spans.then(Vec::new);
        let mut words = Words { unigram: self, lattice: Lattice::default(), word: String::new(), sources, each };
        words.text(text, start)
    }
}

/// Collects characters to marked words and words to tokens.
struct Words<'a, 'b> {
    unigram: &'a Unigram,
    lattice: Lattice,
    /// The word so far.
    word: String,
    /// For each of its bytes the span in the text that it came from, where those are wanted.
    sources: Option<Vec<Range<usize>>>,
    each: Each<'b>,
}

impl Words<'_, '_> {
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
            (self.each)(*id, span)?;
        }
        self.word.drain(..done);
        if let Some(sources) = &mut self.sources {
            sources.drain(..done);
        }
        ControlFlow::Continue(())
    }
}
