//! Levels: a collection may hold sentences beside its chunks, each with a vector of its own, and what is found may be
//! shown within something larger, its parent. Documents need nothing stored: their vectors are means of their chunks'.

use super::write::model_input;
use crate::error::{Error, Result};
use crate::index::{ChunkEntry, ChunkRef, Segment, Unit};
use crate::search::retrieve::Place;
use crate::search::snapshot::Snapshot;
use crate::text::{sentences, TokenCounter};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is made of a document besides its chunks. Of documents that are added from now on: others stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Levels {
    /// Each sentence gets a vector too.
    pub sentences: bool,
    /// Tokens of the parents: neighbouring chunks that together have no more. Without, a chunk's parent is its section.
    pub parents: Option<usize>,
    /// The model reads whole documents, and units are pooled from what it makes of them (late chunking).
    pub late: bool,
}

impl Levels {
    pub(super) fn is_plain(&self) -> bool {
        *self == Levels::default()
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.parents {
            Some(0) => Err(Error::invalid("chunk.parents is 0 tokens, must be at least 1")),
            _ => Ok(()),
        }
    }

    /// The chunks of a text, with their parents, and its sentences behind them.
    pub(super) fn units(&self, text: &str, mut chunks: Vec<ChunkEntry>, counter: &dyn TokenCounter) -> Vec<ChunkEntry> {
        if let Some(size) = self.parents {
            assign_parents(text, &mut chunks, size, counter);
        }
        if self.sentences {
            let below: Vec<ChunkEntry> = chunks_sentences(text, &chunks);
            chunks.extend(below);
        }
        chunks
    }
}

/// Neighbours share a parent as long as they have at most `size` tokens together; a chunk that alone has more is its own.
fn assign_parents(text: &str, chunks: &mut [ChunkEntry], size: usize, counter: &dyn TokenCounter) {
    let costs: Vec<usize> = chunks.iter().map(|chunk| counter.count(&text[chunk.span.clone()])).collect();
    let mut first = 0;
    while first < chunks.len() {
        let (mut end, mut tokens) = (first + 1, costs[first]);
        while end < chunks.len() && tokens + costs[end] <= size {
            tokens += costs[end];
            end += 1;
        }
        let group = &mut chunks[first..end];
        let parent = hull(group.iter().map(|chunk| &chunk.span));
        group.iter_mut().for_each(|chunk| chunk.unit.parent = parent.clone());
        first = end;
    }
}

/// Each sentence once, in the first chunk that holds it, though chunks overlap.
fn chunks_sentences(text: &str, chunks: &[ChunkEntry]) -> Vec<ChunkEntry> {
    let (mut found, mut covered) = (Vec::new(), 0);
    for chunk in chunks {
        let start = chunk.span.start;
        for sentence in sentences(&text[chunk.span.clone()]) {
            let span = start + sentence.start..start + sentence.end;
            if span.start < covered {
                continue;
            }
            covered = span.end;
            let source = match chunk.source == chunk.span {
                true => span.clone(),
                // Where the text is not the one that came in, only the chunk's place in that is known.
                false => chunk.source.clone(),
            };
            let unit = Unit { sentence: true, parent: chunk.unit.parent.clone() };
            found.push(ChunkEntry { span, source, context: chunk.context.clone(), unit });
        }
    }
    found
}

/// What the model reads of a unit: of a sentence nothing but itself.
pub(super) fn unit_input(unit: &Unit, title: &str, context: &str, text: &str) -> String {
    match unit.sentence {
        true => text.to_owned(),
        false => model_input(title, context, text),
    }
}

/// The chunk that holds a sentence; of a chunk, itself.
pub(super) fn home(snapshot: &Snapshot, place: Place) -> Result<Place> {
    let segment = &snapshot.views[place.view as usize].segment;
    let found = segment.chunk(place.chunk)?;
    for chunk in segment.doc_chunks(found.doc).take_while(|_| found.unit.sentence) {
        let outer = segment.chunk(chunk)?;
        if !outer.unit.sentence && holds(&outer.span, &found.span) {
            return Ok(Place { chunk, ..place });
        }
    }
    Ok(place)
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// What is shown in place of a chunk when parents are asked for: the parent that was stored; else of a sentence its
/// chunk, and of a chunk its section, which are the neighbours under the same headings.
pub(super) fn parent(segment: &Segment, number: u32) -> Result<ChunkRef<'_>> {
    let found = segment.chunk(number)?;
    let siblings = segment.doc_chunks(found.doc);
    let mut chunks = Vec::new();
    for sibling in siblings.clone() {
        let chunk = segment.chunk(sibling)?;
        if !chunk.unit.sentence {
            chunks.push(chunk);
        }
    }
    let span = match &found.unit.parent {
        Some(parent) => Some(parent.clone()),
        None if found.unit.sentence => {
            chunks.iter().find(|chunk| holds(&chunk.span, &found.span)).map(|chunk| chunk.span.clone())
        }
        None => {
            let at = chunks.iter().position(|chunk| chunk.span == found.span).unwrap_or(0);
            let same = |chunk: &&ChunkRef| chunk.context == found.context;
            let before = chunks[..at].iter().rev().take_while(same);
            hull(before.chain(chunks[at..].iter().take_while(same)).map(|chunk| &chunk.span))
        }
    };
    let Some(span) = span else { return Ok(found) };
    let members: Vec<&ChunkRef> = chunks.iter().filter(|chunk| holds(&span, &chunk.span)).collect();
    let source = hull(members.iter().map(|chunk| &chunk.source)).unwrap_or(found.source);
    let context = members.iter().fold(found.context, |path, chunk| common_path(path, chunk.context));
    Ok(ChunkRef { doc: found.doc, span, source, context, unit: Unit::default() })
}

/// The smallest range that holds them all.
fn hull<'a>(ranges: impl Iterator<Item = &'a Range<usize>>) -> Option<Range<usize>> {
    ranges.cloned().reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}

/// The headings that two paths begin with.
fn common_path<'a>(a: &'a str, b: &str) -> &'a str {
    const BETWEEN: &str = " > ";
    let same = a.split(BETWEEN).zip(b.split(BETWEEN)).take_while(|(a, b)| a == b).count();
    let length: usize = a.split(BETWEEN).take(same).map(|heading| heading.len() + BETWEEN.len()).sum();
    &a[..length.saturating_sub(BETWEEN.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::WordCounter;

    fn entry(span: Range<usize>) -> ChunkEntry {
        ChunkEntry { source: span.clone(), span, context: "A > B".into(), unit: Unit::default() }
    }

    #[test]
    fn parents_are_as_many_neighbours_as_fit() {
        let text = "one two three four five six seven eight nine";
        let chunks = vec![entry(0..7), entry(8..18), entry(19..27), entry(28..44)];
        let parents = |size| -> Vec<Range<usize>> {
            let levels = Levels { parents: Some(size), ..Levels::default() };
            let units = levels.units(text, chunks.clone(), &WordCounter);
            units.into_iter().map(|entry| entry.unit.parent.unwrap()).collect()
        };
        assert_eq!(parents(4), [0..18, 0..18, 19..27, 28..44]);
        assert_eq!(parents(1), [0..7, 8..18, 19..27, 28..44]);
        assert_eq!(parents(100), vec![0..44; 4]);
    }

    #[test]
    fn every_sentence_is_there_once() {
        let text = "First one. Second one! A third? And the last.";
        // The second chunk repeats the end of the first.
        let chunks = vec![entry(0..22), entry(11..45)];
        let levels = Levels { sentences: true, ..Levels::default() };
        let units = levels.units(text, chunks, &WordCounter);
        let sentences: Vec<&str> =
            units.iter().filter(|unit| unit.unit.sentence).map(|unit| &text[unit.span.clone()]).collect();
        assert_eq!(sentences, ["First one.", "Second one!", "A third?", "And the last."]);
        assert!(units.iter().all(|unit| unit.source == unit.span));
    }

    #[test]
    fn paths_have_what_both_begin_with() {
        assert_eq!(common_path("A > B > C", "A > B > D"), "A > B");
        assert_eq!(common_path("A > B", "A > B"), "A > B");
        assert_eq!(common_path("AB > C", "A > C"), "");
        assert_eq!((common_path("", "A"), common_path("A", "")), ("", ""));
    }
}
