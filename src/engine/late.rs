//! Late chunking (Günther et al. 2024): the model reads as much of a document at once as it takes, and each chunk's
//! vector is the mean of the states of its own tokens, which have seen the text around them. A document that is longer
//! than the model's maximum is read in windows of whole chunks.

use super::write::model_input;
use super::Engine;
use crate::error::{Error, Result};
use crate::index::Unit;
use crate::model::{Embedder, Spanned};
use crate::pace::Pacer;
use crate::text::TokenCounter;
use std::ops::Range;

/// What the model reads at once, and which units of the document its spans are, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub read: Spanned,
    pub units: Vec<usize>,
}

/// A document as [`windows`] needs it.
pub(super) struct Whole<'a> {
    pub title: &'a str,
    pub text: &'a str,
    /// Bytes of the text: the chunks in order, behind them the sentences.
    pub units: &'a [(Range<usize>, Unit)],
}

/// Every unit once. `longest` is what the model takes in tokens.
pub(super) fn windows(whole: &Whole, longest: usize, counter: &dyn TokenCounter) -> Vec<Window> {
    let Whole { title, text, units } = whole;
    let room = longest.saturating_sub(counter.special_tokens() + counter.count(title));
    let chunks = units.iter().take_while(|(_, unit)| !unit.sentence).count();
    let costs: Vec<usize> = units[..chunks].iter().map(|(span, _)| counter.count(&text[span.clone()])).collect();
    let mut assigned = vec![false; units.len()];
    let mut windows = Vec::new();
    let mut first = 0;
    while first < chunks {
        let (mut end, mut tokens) = (first + 1, costs[first]);
        while end < chunks && tokens + costs[end] <= room {
            tokens += costs[end];
            end += 1;
        }
        let group = &units[first..end];
        let start = group.iter().map(|(span, _)| span.start).min().unwrap_or(0);
        let stop = group.iter().map(|(span, _)| span.end).max().unwrap_or(0);
        let input = model_input(title, "", &text[start..stop]);
        let shift = input.len() - (stop - start);
        let mut window = Window { read: Spanned { text: input, spans: Vec::new() }, units: Vec::new() };
        for (number, (span, unit)) in units.iter().enumerate() {
            let inside = match unit.sentence {
                true => start <= span.start && span.end <= stop,
                false => (first..end).contains(&number),
            };
            if inside && !std::mem::replace(&mut assigned[number], true) {
                window.read.spans.push(span.start - start + shift..span.end - start + shift);
                window.units.push(number);
            }
        }
        windows.push(window);
        first = end;
    }
    windows
}

impl Engine {
    pub(super) fn is_late(&self) -> bool {
        self.settings().levels.late
    }
}

/// Rows for all units of all documents, in order: document `i` has `counts[i]` units and the windows `windows[i]`.
/// Units that no window has get zeros.
pub(super) async fn embed_late(
    windows: &[Vec<Window>],
    counts: &[usize],
    embedder: &dyn Embedder,
    pacer: &dyn Pacer,
) -> Result<Vec<f32>> {
    let width = embedder.info().dims;
    let read: Vec<Spanned> = windows.iter().flatten().map(|window| window.read.clone()).collect();
    let spans: usize = read.iter().map(|read| read.spans.len()).sum();
    let vectors = embedder.embed_spans(&read, pacer).await?;
    if vectors.len() != spans * width || vectors.iter().any(|x| !x.is_finite()) {
        let message = format!("the embedder returned {} numbers for {spans} spans of width {width}", vectors.len());
        return Err(Error::invalid(message));
    }
    let mut rows = vec![0.0; counts.iter().sum::<usize>() * width];
    let (mut from, mut base) = (vectors.chunks_exact(width), 0);
    for (windows, count) in windows.iter().zip(counts) {
        for &unit in windows.iter().flat_map(|window| &window.units) {
            if let Some(row) = from.next() {
                rows[(base + unit) * width..(base + unit + 1) * width].copy_from_slice(row);
            }
        }
        base += count;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::WordCounter;

    #[test]
    fn windows_hold_as_many_chunks_as_the_model_takes() {
        let text = "one two three. four five. six seven eight nine. ten";
        let unit = |range: Range<usize>, sentence| (range, Unit { sentence, parent: None });
        let units =
            [unit(0..14, false), unit(15..25, false), unit(26..47, false), unit(48..51, false), unit(15..25, true)];
        let whole = Whole { title: "T", text, units: &units };
        let read = |longest| -> Vec<(String, Vec<usize>, Vec<String>)> {
            let shown = |window: Window| {
                let spans = window.read.spans.iter().map(|span| window.read.text[span.clone()].to_owned()).collect();
                (window.read.text, window.units, spans)
            };
            windows(&whole, longest, &WordCounter).into_iter().map(shown).collect()
        };
        let all = read(100);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].0, format!("T\n\n{text}"));
        assert_eq!(all[0].1, [0, 1, 2, 3, 4]);
        assert_eq!(all[0].2, ["one two three.", "four five.", "six seven eight nine.", "ten", "four five."]);
        let some = read(8);
        assert_eq!(some.iter().map(|(_, units, _)| units.clone()).collect::<Vec<_>>(), [vec![0, 1, 4], vec![2, 3]]);
        assert_eq!(some[1].2, ["six seven eight nine.", "ten"]);
        assert_eq!(read(1).len(), 4);
    }
}
