//! The outline of a Markdown text: headings, code blocks and tables by their place, front matter by its title.

use super::outline::{Heading, Outline};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

pub(super) fn outline(text: &str) -> Outline {
    let (start, title) = front_matter(text);
    let mut outline = Outline { start, title, ..Outline::default() };
    let mut depth = 0usize;
    let mut heading: Option<Heading> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    for (event, range) in Parser::new_ext(&text[start..], options).into_offset_iter() {
        let range = start + range.start..start + range.end;
        match event {
            // A heading within a list or a quotation is no part of the document's structure.
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                heading = Some(Heading { range, level: level as u8, text: String::new() });
                depth += 1;
            }
            Event::Start(tag) => {
                let whole = matches!(tag, Tag::CodeBlock(_) | Tag::Table(_));
                // One inside the other, as code in a table's cell cannot be, would be covered already.
                if whole && outline.solids.last().is_none_or(|last| last.end <= range.start) {
                    outline.solids.push(range);
                }
                depth += 1;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                if let (TagEnd::Heading(_), 0) = (end, depth) {
                    outline.headings.extend(heading.take());
                }
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.text.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut heading {
                    heading.text.push(' ');
                }
            }
            _ => {}
        }
    }
    outline.title = outline.title.take().or_else(|| outline.top_heading());
    outline
}

/// Where the text begins behind front matter, which is YAML between lines of `---` (or TOML between lines of `+++`)
/// at the very top, and the title that it states.
fn front_matter(text: &str) -> (usize, Option<String>) {
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let start = at;
    let mut lines = text[at..].split_inclusive('\n');
    let fence = lines.next().unwrap_or("");
    at += fence.len();
    let (fence, separator) = match fence.trim_end() {
        "---" => ("---", ':'),
        "+++" => ("+++", '='),
        _ => return (start, None),
    };
    let mut title = None;
    for (i, line) in lines.enumerate() {
        at += line.len();
        let bare = line.trim_end();
        if bare == fence || (fence == "---" && bare == "...") {
            return (at, title);
        }
        let entry = bare.split_once(separator);
        let continued = bare.is_empty() || line.starts_with([' ', '\t', '#', '-', '[', ']', '}']);
        if (i == 0 && bare.is_empty()) || (entry.is_none() && !continued) {
            break; // a thematic break and prose, not front matter
        }
        if let (None, Some(("title", value))) = (&title, entry.map(|(key, value)| (key.trim_end(), value.trim()))) {
            title = Some(unquote(value)).filter(|title| !title.is_empty());
        }
    }
    (start, None)
}

/// The text of a YAML or TOML scalar on one line.
fn unquote(value: &str) -> String {
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match (quoted('"'), quoted('\'')) {
        (Some(inner), _) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        (_, Some(inner)) => inner.replace("''", "'"),
        _ => value.to_owned(),
    }
}
