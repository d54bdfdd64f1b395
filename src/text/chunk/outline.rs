//! Sections under headings: what Markdown and HTML have in common. Each section is chunked for itself, its heading
//! path as context; code blocks and tables stay whole where they fit.

use super::super::TokenCounter;
use super::pack::Packer;
use super::ruler::Ruler;
use super::split::{self, Plan};
use super::{Chunk, ChunkOptions};
use std::ops::Range;

/// Longest heading in a context, in bytes: every chunk below it carries it.
const HEADING_BYTES: usize = 256;

/// Parts of a heading path, which is also the nesting that HTML and Markdown know.
const LEVELS: usize = 6;

pub(super) struct Heading {
    /// Bytes of the heading, its markup included.
    pub range: Range<usize>,
    /// 1 for the top.
    pub level: u8,
    pub text: String,
}

#[derive(Default)]
pub(super) struct Outline {
    /// Where the text begins, behind any front matter.
    pub start: usize,
    pub headings: Vec<Heading>,
    /// Ranges to keep whole, in order and disjoint.
    pub solids: Vec<Range<usize>>,
    pub title: Option<String>,
}

impl Outline {
    /// What the text's headings call it: the first top heading, or a first heading that no later one is above.
    pub fn top_heading(&self) -> Option<String> {
        let top = self.headings.iter().map(|heading| heading.level).min()?;
        let heading = self.headings.iter().find(|heading| heading.level == top)?;
        let names_it = top == 1 || self.headings[0].level == top;
        Some(clean(&heading.text)).filter(|title| names_it && !title.is_empty())
    }
}

/// The chunks of `text` by its outline.
pub(super) fn chunks(text: &str, outline: &Outline, options: &ChunkOptions, counter: &dyn TokenCounter) -> Vec<Chunk> {
    let ruler = Ruler::new(text, counter);
    let mut packer = Packer::new(&ruler, counter, options);
    let mut solids = outline.solids.as_slice();
    let mut path: Vec<(u8, String)> = Vec::with_capacity(LEVELS);
    let mut context = String::new();
    let mut start = ruler.ceil(outline.start);
    // Whether the section so far is a heading without text, which opens the section below it.
    let mut open = false;
    for (i, heading) in outline.headings.iter().enumerate() {
        if !open {
            let end = ruler.floor(heading.range.start).max(start);
            section(&mut packer, &ruler, start..end, &mut solids, &context);
            start = end;
        }
        path.retain(|(level, _)| *level < heading.level);
        path.push((heading.level, clean(&heading.text)));
        open = outline.headings.get(i + 1).is_some_and(|next| {
            let between = text.get(heading.range.end..next.range.start);
            next.level > heading.level && between.is_none_or(|text| text.trim().is_empty())
        });
        if !open {
            context = shorten(&path, options.size / 4, counter);
        }
    }
    section(&mut packer, &ruler, start..text.len(), &mut solids, &context);
    packer.chunks
}

/// Chunks one section. `solids` advances past those that begin in it.
fn section(packer: &mut Packer, ruler: &Ruler, range: Range<usize>, solids: &mut &[Range<usize>], context: &str) {
    let budget = packer.budget(context);
    let mut atoms = Vec::new();
    let mut at = range.start;
    let mut add = |until: usize, plan: &Plan| {
        let until = ruler.floor(until.min(range.end)).max(at);
        atoms.extend(split::atoms(ruler, at..until, plan, budget));
        at = until;
    };
    while let [solid, later @ ..] = *solids {
        if solid.start >= range.end {
            break;
        }
        add(solid.start, &Plan::STRUCTURE);
        add(solid.end, &Plan::LINES);
        *solids = later;
    }
    add(range.end, &Plan::STRUCTURE);
    packer.pack(&atoms, &Plan::STRUCTURE, context, budget);
}

/// A heading on one line, its length capped.
fn clean(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = Ruler::graphemes(&line).floor(line.len().min(HEADING_BYTES));
    line[..end].trim_end().to_owned()
}

/// The path within `max` tokens: the outermost headings go first, then the end of the last one.
fn shorten(path: &[(u8, String)], max: usize, counter: &dyn TokenCounter) -> String {
    let parts: Vec<&str> = path.iter().map(|(_, text)| text.as_str()).filter(|text| !text.is_empty()).collect();
    for from in 0..parts.len() {
        let context = parts[from..].join(" > ");
        if counter.count(&context) <= max {
            return context;
        }
    }
    let Some(last) = parts.last() else { return String::new() };
    let ruler = Ruler::new(last, counter);
    let mut end = ruler.take(0..last.len(), max);
    loop {
        let context = last[..end].trim_end();
        if counter.count(context) <= max {
            return context.to_owned();
        }
        end = ruler.floor(end - 1);
    }
}
