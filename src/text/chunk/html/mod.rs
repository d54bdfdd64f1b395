//! HTML to plain text, with the way back: which bytes of the page each byte of the text came from.
//!
//! [`tokens`] reads the page as tags and text, [`elements`] says what each element means for text, [`walk`] keeps the
//! stack of open elements and decides what is read, and the writer here puts it down. A page is read for its `<main>`
//! if that has text, else for its `<article>`s if they hold most of it, else whole; in each case without navigation,
//! headers, footers, forms and whatever is hidden. If nothing is left, whatever a browser would show is taken.

mod elements;
mod references;
mod tokens;
mod walk;

use super::outline::Outline;
use references::References;
use std::ops::Range;
use walk::{Root, Walk};

pub(super) struct Page {
    pub text: String,
    pub outline: Outline,
    pieces: Vec<Piece>,
}

/// A run of plain text that came from one run of the page. It ends where the next one begins.
struct Piece {
    plain: u32,
    source: u32,
    source_len: u32,
    /// Byte for byte the same; otherwise a character reference, or white space that stands for tags.
    literal: bool,
}

pub(super) fn extract(html: &str) -> Page {
    let mut references = References::default();
    let mut read = |root| Walk::new(html, root, &mut references).run();
    let (whole, found) = read(Root::Body);
    let root = match () {
        _ if found.main > 0 => Root::Main,
        _ if found.article > 0 && found.article >= found.body / 2 => Root::Article,
        _ if found.body > 0 => Root::Body,
        _ => Root::Anything,
    };
    let mut page = if root == Root::Body { whole } else { read(root).0 };
    page.outline.title = page.outline.title.take().or_else(|| page.outline.top_heading());
    page
}

impl Page {
    /// The bytes of the page that a range of the plain text came from.
    pub fn source(&self, plain: &Range<usize>) -> Range<usize> {
        if plain.is_empty() {
            return 0..0;
        }
        let first = self.piece(plain.start);
        let last = self.piece(plain.end - 1);
        let (Some(first), Some(last)) = (first, last) else { return 0..0 };
        let start = first.source as usize + if first.literal { plain.start - first.plain as usize } else { 0 };
        let end = match last.literal {
            true => last.source as usize + (plain.end - last.plain as usize),
            false => (last.source + last.source_len) as usize,
        };
        start..end
    }

    fn piece(&self, plain: usize) -> Option<&Piece> {
        let behind = self.pieces.partition_point(|piece| piece.plain as usize <= plain);
        self.pieces.get(behind.checked_sub(1)?)
    }

    /// Appends bytes of the page as they are.
    fn push_literal(&mut self, html: &str, source: Range<usize>) {
        let continues = self.pieces.last().is_some_and(|last| {
            let len = self.text.len() - last.plain as usize;
            last.literal && last.source as usize + len == source.start
        });
        if !continues {
            self.push_piece(&source, true);
        }
        self.text.push_str(&html[source]);
    }

    /// Appends text that stands for bytes of the page.
    fn push_instead(&mut self, text: &str, source: Range<usize>) {
        self.push_piece(&source, false);
        self.text.push_str(text);
    }

    /// Offsets fit: `limits::DOCUMENT_BYTES` is below 2^32, and no reference is shorter than half of its text.
    fn push_piece(&mut self, source: &Range<usize>, literal: bool) {
        let (plain, source, source_len) = (self.text.len() as u32, source.start as u32, source.len() as u32);
        self.pieces.push(Piece { plain, source, source_len, literal });
    }
}
