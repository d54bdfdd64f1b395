//! Walks the tags of a page, keeps the stack of open elements as far as text depends on it, and writes the text.

use super::elements::{self, Kind};
use super::tokens::{attributes, Token, Tokens};
use super::{Page, References};
use crate::text::chunk::outline::{Heading, Outline};
use std::ops::Range;

/// Which part of a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Main,
    Article,
    Body,
    /// The body with its boilerplate and what is hidden.
    Anything,
}

/// What stands between two pieces of text, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    /// White space of the page, by its place.
    Space(usize, usize),
    Tab,
    Line,
    Paragraph,
}

/// What an open element does to the text within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Drop,
    Main,
    Article,
    Preformatted,
    Table,
    Heading(u8),
    Title,
}

/// How many open elements have an effect.
#[derive(Default)]
struct Depths {
    dropped: usize,
    main: usize,
    article: usize,
    preformatted: usize,
    table: usize,
    title: usize,
}

impl Depths {
    fn of(&mut self, effect: Effect) -> Option<&mut usize> {
        match effect {
            Effect::Drop => Some(&mut self.dropped),
            Effect::Main => Some(&mut self.main),
            Effect::Article => Some(&mut self.article),
            Effect::Preformatted => Some(&mut self.preformatted),
            Effect::Table => Some(&mut self.table),
            Effect::Title => Some(&mut self.title),
            Effect::None | Effect::Heading(_) => None,
        }
    }
}

/// Inline elements are sought no deeper than this when they end: nested deeper they have no effect anyway.
const INLINE_DEPTH: usize = 32;

pub(super) struct Walk<'a> {
    html: &'a str,
    root: Root,
    references: &'a mut References,
    page: Page,
    stack: Vec<(u8, Effect)>,
    open: [u32; elements::COUNT],
    depths: Depths,
    gap: Gap,
    /// Level of the open heading and where its text begins in the plain text, once it has.
    heading: Option<(u8, Option<usize>)>,
    /// Depth of the outermost open table or preformatted text, and where its text begins in the plain text.
    solid: Option<(usize, Option<usize>)>,
    title: Option<String>,
    read: Amounts,
}

/// How much text was read overall, in `<main>` and in `<article>`, in characters without white space.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amounts {
    pub body: usize,
    pub main: usize,
    pub article: usize,
}

impl<'a> Walk<'a> {
    pub fn new(html: &'a str, root: Root, references: &'a mut References) -> Walk<'a> {
        Walk {
            html,
            root,
            references,
            page: Page { text: String::new(), outline: Outline::default(), pieces: Vec::new() },
            stack: Vec::new(),
            open: [0; elements::COUNT],
            depths: Depths::default(),
            gap: Gap::None,
            heading: None,
            solid: None,
            title: None,
            read: Amounts::default(),
        }
    }

    pub fn run(mut self) -> (Page, Amounts) {
        for token in Tokens::new(self.html) {
            match token {
                Token::Text(range) => self.text(range),
                Token::Open { name, attributes } => self.start(name, attributes),
                Token::Close { name } => self.end(name),
            }
        }
        while self.pop().is_some() {}
        let title = self.title.as_deref().map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
        self.page.outline.title = title.filter(|title| !title.is_empty());
        (self.page, self.read)
    }

    fn start(&mut self, name: Range<usize>, attributes: Range<usize>) {
        let Some(id) = elements::id(&self.html[name]) else { return };
        let kind = elements::kind(id);
        self.end_implied(kind);
        self.gap_around(kind);
        if matches!(kind, Kind::Break | Kind::Rule) {
            return;
        }
        let effect = self.effect(kind, &self.html[attributes]);
        if let Some(depth) = self.depths.of(effect) {
            *depth += 1;
        }
        match effect {
            Effect::Heading(level) if self.reads() => self.heading = Some((level, None)),
            Effect::Preformatted | Effect::Table if self.reads() && self.solid.is_none() => {
                self.solid = Some((self.stack.len(), None));
            }
            Effect::Title => self.title = Some(String::new()),
            _ => {}
        }
        self.stack.push((id, effect));
        self.open[id as usize] += 1;
    }

    /// Ends what the standard lets authors leave open: a paragraph before a block, an item before the next.
    fn end_implied(&mut self, kind: Kind) {
        while let Some(&(top, _)) = self.stack.last() {
            let implied = match elements::kind(top) {
                Kind::Inline | Kind::Unseen | Kind::Boilerplate => false,
                _ if top == elements::PARAGRAPH => !matches!(kind, Kind::Inline | Kind::Break | Kind::Unseen),
                Kind::Item => kind == Kind::Item,
                Kind::Cell => matches!(kind, Kind::Cell | Kind::Row),
                Kind::Row => kind == Kind::Row,
                Kind::Heading(_) => matches!(kind, Kind::Heading(_)),
                _ => false,
            };
            if !implied {
                return;
            }
            self.pop();
        }
    }

    fn end(&mut self, name: Range<usize>) {
        let Some(id) = elements::id(&self.html[name]) else { return };
        if self.open[id as usize] == 0 {
            return;
        }
        if elements::kind(id) == Kind::Inline {
            // An inline element cannot end the block that it was left open in.
            let inline = |(top, _): &&(u8, Effect)| elements::kind(*top) == Kind::Inline;
            let mut near = self.stack.iter().rev().take(INLINE_DEPTH).take_while(inline);
            if !near.any(|&(top, _)| top == id) {
                return;
            }
        }
        while self.pop().is_some_and(|popped| popped != id) {}
    }

    fn pop(&mut self) -> Option<u8> {
        let (id, effect) = self.stack.pop()?;
        self.open[id as usize] -= 1;
        self.gap_around(elements::kind(id));
        if let Some(depth) = self.depths.of(effect) {
            *depth -= 1;
        }
        match effect {
            Effect::Heading(_) => {
                if let Some((level, Some(start))) = self.heading.take() {
                    let range = start..self.page.text.len();
                    let text = self.page.text[range.clone()].to_owned();
                    self.page.outline.headings.push(Heading { range, level, text });
                }
            }
            _ if self.solid.is_some_and(|(depth, _)| depth == self.stack.len()) => {
                if let Some((_, Some(start))) = self.solid.take() {
                    self.page.outline.solids.push(start..self.page.text.len());
                }
            }
            _ => {}
        }
        Some(id)
    }

    fn effect(&self, kind: Kind, tag: &str) -> Effect {
        let all = self.root == Root::Anything;
        let role = attributes(tag).find(|(name, _)| name.eq_ignore_ascii_case("role")).map_or("", |(_, role)| role);
        let role_drops = ["navigation", "banner", "contentinfo", "complementary", "search"].contains(&role);
        match kind {
            Kind::Title if self.title.is_none() && self.depths.dropped == 0 => Effect::Title,
            Kind::Title => Effect::Drop,
            Kind::Unseen => Effect::Drop,
            _ if !all && (role_drops || hidden(tag)) => Effect::Drop,
            Kind::Boilerplate if !all => Effect::Drop,
            Kind::Header if !all && self.depths.main + self.depths.article == 0 => Effect::Drop,
            Kind::Main => Effect::Main,
            _ if role == "main" => Effect::Main,
            Kind::Article => Effect::Article,
            Kind::Preformatted => Effect::Preformatted,
            Kind::Table => Effect::Table,
            Kind::Heading(level) => Effect::Heading(level),
            _ => Effect::None,
        }
    }

    /// Whether text at this place is written.
    fn reads(&self) -> bool {
        let inside = match self.root {
            Root::Main => self.depths.main > 0,
            Root::Article => self.depths.article > 0,
            Root::Body | Root::Anything => true,
        };
        inside && self.depths.dropped == 0 && self.depths.title == 0
    }

    fn gap_around(&mut self, kind: Kind) {
        let gap = match kind {
            Kind::Inline | Kind::Title | Kind::Unseen => Gap::None,
            Kind::Cell => Gap::Tab,
            Kind::Break | Kind::Item | Kind::Row => Gap::Line,
            _ => Gap::Paragraph,
        };
        // Parts of a table end no paragraph.
        let gap = if self.depths.table > 0 && kind != Kind::Table { gap.min(Gap::Line) } else { gap };
        // Two line ends in a row are the blank line that the author meant.
        let twice = kind == Kind::Break && self.gap == Gap::Line && self.depths.preformatted == 0;
        self.gap = if twice { Gap::Paragraph } else { self.gap.max(gap) };
    }

    fn text(&mut self, range: Range<usize>) {
        if self.depths.title > 0 && self.depths.dropped == 0 {
            self.title_text(range);
        } else if self.reads() {
            let mut at = range.start;
            while at < range.end {
                at = self.piece(at..range.end);
            }
        }
    }

    /// Writes what the range begins with: a run of white space, a reference, or text up to the next of these.
    fn piece(&mut self, range: Range<usize>) -> usize {
        let rest = &self.html[range.clone()];
        let bytes = rest.as_bytes();
        if bytes[0] == b'&' {
            if let Some((len, text)) = self.references.decode(rest) {
                let text = text.to_owned();
                let source = range.start..range.start + len;
                self.before_text(&text, range.start);
                self.page.push_instead(&text, source.clone());
                return source.end;
            }
        }
        let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c');
        let pre = self.depths.preformatted > 0;
        if space(&bytes[0]) && (!pre || self.gap >= Gap::Line || self.page.text.is_empty()) {
            let len = bytes.iter().position(|b| !space(b)).unwrap_or(bytes.len());
            if pre {
                return self.leading_space(range.start..range.start + len);
            }
            self.gap = self.gap.max(Gap::Space(range.start, len));
            return range.start + len;
        }
        let ends = |b: &u8| *b == b'&' || (!pre && space(b));
        let len = 1 + bytes[1..].iter().position(ends).unwrap_or(bytes.len() - 1);
        self.before_text(&rest[..len], range.start);
        self.page.push_literal(self.html, range.start..range.start + len);
        range.start + len
    }

    /// White space that preformatted text begins with: its indentation counts, blank lines before it do not.
    fn leading_space(&mut self, range: Range<usize>) -> usize {
        let text = &self.html[range.clone()];
        let indent = text.rfind(['\n', '\r']).map_or(range.start, |at| range.start + at + 1);
        if indent < range.end {
            self.before_text("", indent);
            self.page.push_literal(self.html, indent..range.end);
        }
        range.end
    }

    /// Writes the gap before `text`, which begins at `at` in the page, and notes where headings and solids begin.
    fn before_text(&mut self, text: &str, at: usize) {
        match std::mem::replace(&mut self.gap, Gap::None) {
            _ if self.page.text.is_empty() => {}
            Gap::None => {}
            Gap::Space(start, 1) if self.html.as_bytes()[start] == b' ' => {
                self.page.push_literal(self.html, start..start + 1);
            }
            Gap::Space(start, len) => self.page.push_instead(" ", start..start + len),
            Gap::Tab => self.page.push_instead("\t", at..at),
            Gap::Line => self.page.push_instead("\n", at..at),
            Gap::Paragraph => self.page.push_instead("\n\n", at..at),
        }
        let at = self.page.text.len();
        if let Some((_, start @ None)) = &mut self.heading {
            *start = Some(at);
        }
        if let Some((_, start @ None)) = &mut self.solid {
            *start = Some(at);
        }
        let length = text.chars().filter(|c| !c.is_whitespace()).count();
        self.read.body += length;
        self.read.main += if self.depths.main > 0 { length } else { 0 };
        self.read.article += if self.depths.article > 0 { length } else { 0 };
    }

    fn title_text(&mut self, range: Range<usize>) {
        let Some(title) = &mut self.title else { return };
        let mut rest = &self.html[range];
        while let Some(at) = rest.find('&') {
            title.push_str(&rest[..at]);
            let (len, text) = self.references.decode(&rest[at..]).unwrap_or((1, "&"));
            title.push_str(text);
            rest = &rest[at + len..];
        }
        title.push_str(rest);
    }
}

/// Whether a tag says that its element is not shown, or only to the eye.
fn hidden(tag: &str) -> bool {
    let is = |name: &str, expected: &str| name.eq_ignore_ascii_case(expected);
    attributes(tag).any(|(name, value)| {
        let style = || value.to_ascii_lowercase().replace([' ', '\t', '\n'], "");
        (is(name, "hidden") && !is(value, "until-found"))
            || (is(name, "aria-hidden") && is(value, "true"))
            || (is(name, "style") && ["display:none", "visibility:hidden"].iter().any(|s| style().contains(s)))
    })
}
