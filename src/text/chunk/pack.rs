//! Joins neighbouring atoms into chunks and makes sure that each fits the model.

use super::super::TokenCounter;
use super::ruler::Ruler;
use super::split::{sentences_and_lines, Overlap, Plan};
use super::{passage, Chunk, ChunkOptions};
use std::ops::Range;

pub(super) struct Packer<'a> {
    ruler: &'a Ruler<'a>,
    counter: &'a dyn TokenCounter,
    /// Tokens for context and text: the size less the special tokens.
    room: usize,
    overlap: usize,
    pub chunks: Vec<Chunk>,
}

impl<'a> Packer<'a> {
    pub fn new(ruler: &'a Ruler<'a>, counter: &'a dyn TokenCounter, options: &ChunkOptions) -> Packer<'a> {
        let room = options.size.saturating_sub(counter.special_tokens()).max(1);
        Packer { ruler, counter, room, overlap: options.overlap, chunks: Vec::new() }
    }

    /// Tokens that are left for text beside `context`.
    pub fn budget(&self, context: &str) -> usize {
        let used = if context.is_empty() { 0 } else { self.counter.count(&passage(context, "")) };
        self.room.saturating_sub(used).max(1)
    }

    /// Appends the chunks of consecutive atoms, none of which exceeds `budget`, which is that of `context`.
    pub fn pack(&mut self, atoms: &[Range<usize>], plan: &Plan, context: &str, budget: usize) {
        let Some(first) = atoms.first() else { return };
        let (mut start, mut next, mut covered) = (first.start, 0, first.start);
        while next < atoms.len() {
            let head = next;
            next += 1;
            while next < atoms.len() && self.ruler.cost(start..atoms[next].end) <= budget {
                next += 1;
            }
            let end = atoms[next - 1].end;
            let span = self.ruler.trim(start..end);
            // Nothing but white space behind the last chunk would only repeat its end.
            if span.end > covered && !span.is_empty() {
                covered = span.end;
                self.push(span, context);
            }
            if let Some(following) = atoms.get(next) {
                // Behind the start of the last chunk, which is only the end of this one where that was divided.
                let start_of_last = self.chunks.last().map_or(0, |chunk| chunk.span.start);
                start = start.max(start_of_last);
                start = self.overlap_start(start..end, &atoms[head..next], following.end, plan, budget);
            }
        }
    }

    /// Where the next chunk begins, when the last one was `done`, made of `atoms` and what it repeated: as far back
    /// as the overlap allows and the atom that ends at `needed` leaves room for.
    fn overlap_start(
        &self,
        done: Range<usize>,
        atoms: &[Range<usize>],
        needed: usize,
        plan: &Plan,
        budget: usize,
    ) -> usize {
        let fits = |start: &usize| {
            *start > done.start
                && self.ruler.is_bound(*start)
                && self.ruler.cost(*start..done.end) <= self.overlap
                && self.ruler.cost(*start..needed) <= budget
        };
        let inside = || sentences_and_lines(&self.ruler.text[done.clone()]);
        let found = match plan.overlap {
            _ if self.overlap == 0 => None,
            // From the end, as far as they fit.
            Overlap::Atoms => atoms.iter().rev().map(|atom| atom.start).take_while(fits).last(),
            // From the start, the first that fits.
            Overlap::Sentences => inside().into_iter().find_map(|ends| {
                ends.into_iter().map(|end| done.start + end).find(|start| *start < done.end && fits(start))
            }),
        };
        found.unwrap_or(done.end)
    }

    /// Appends one chunk, or several where the tokens of its text alone are more than they were within the whole:
    /// a word that was cut, or a tokeniser for which neighbours matter.
    fn push(&mut self, span: Range<usize>, context: &str) {
        let mut rest = span;
        while !rest.is_empty() {
            let mut end = rest.end;
            loop {
                let count = self.counter.count(&passage(context, &self.ruler.text[rest.start..end]));
                if count <= self.room {
                    break;
                }
                match self.shorter(rest.start..end, count) {
                    shorter if shorter < end => end = shorter,
                    _ => break,
                }
            }
            let span = self.ruler.trim(rest.start..end);
            self.chunks.push(Chunk { source: span.clone(), span, context: context.to_owned() });
            rest = self.ruler.trim(end..rest.end);
        }
    }

    /// A nearer end for a range that has `count` tokens: in proportion, behind white space if that costs less than
    /// half of it. At least one grapheme.
    fn shorter(&self, range: Range<usize>, count: usize) -> usize {
        let keep = (range.len() as u64 * self.room as u64 / count as u64) as usize;
        let end = self.ruler.floor(range.start + keep.min(range.len() - 1));
        if end <= range.start {
            return self.ruler.ceil(range.start + 1);
        }
        let text = &self.ruler.text[range.start..end];
        let space = text.rfind(char::is_whitespace).map_or(0, |at| self.ruler.ceil(range.start + at + 1));
        match space > range.start + text.len() / 2 && space < range.end {
            true => space,
            false => end,
        }
    }
}
