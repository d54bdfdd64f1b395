//! The kinds of a character.

use super::kinds::{Grapheme, Sentence, Word};
use super::packed::Packed;
use std::sync::OnceLock;

#[derive(Clone, Copy)]
pub(super) struct Kinds {
    pub grapheme: Grapheme,
    pub word: Word,
    pub sentence: Sentence,
}

struct Table {
    triples: Vec<Kinds>,
    /// Where runs of characters of one triple begin, and its place in `triples`.
    starts: Vec<u32>,
    places: Vec<u8>,
    /// For each 256 characters the run that the first of them is in.
    pages: Vec<u16>,
}

const PAGE: u32 = 256;

/// Looks characters up.
#[derive(Clone, Copy)]
pub(super) struct Lookup(&'static Table);

impl Lookup {
    pub fn new() -> Lookup {
        static TABLE: OnceLock<Table> = OnceLock::new();
        Lookup(TABLE.get_or_init(Table::unpack))
    }

    pub fn of(self, c: char) -> Kinds {
        let Table { triples, starts, places, pages } = self.0;
        let page = (c as u32 / PAGE) as usize;
        // Everything behind the last page is as what it ends with.
        let first = usize::from(pages.get(page).or(pages.last()).copied().unwrap_or(0));
        let last = pages.get(page + 1).map_or(starts.len(), |&next| usize::from(next) + 1);
        let run = first + starts[first..last].partition_point(|&start| start <= c as u32) - 1;
        let mut kinds = triples[usize::from(places[run])];
        if kinds.grapheme == Grapheme::Open && !(c as u32 - 0xac00).is_multiple_of(28) {
            kinds.grapheme = Grapheme::Closed;
        }
        kinds
    }
}

impl Table {
    fn unpack() -> Table {
        let mut packed = Packed(include_bytes!(concat!(env!("OUT_DIR"), "/kinds.bin")));
        let triple = |packed: &mut Packed| Kinds {
            grapheme: Grapheme::KINDS[usize::from(packed.byte())].0,
            word: Word::KINDS[usize::from(packed.byte())].0,
            sentence: Sentence::KINDS[usize::from(packed.byte())].0,
        };
        let triples = (0..packed.byte()).map(|_| triple(&mut packed)).collect();
        let runs = packed.varint();
        let places = (0..runs).map(|_| packed.byte()).collect();
        let (mut starts, mut pages, mut start) = (Vec::new(), Vec::new(), 0);
        for run in 0..runs {
            starts.push(start);
            start += packed.varint();
            while pages.len() as u32 * PAGE < start {
                pages.push(run as u16);
            }
        }
        Table { triples, starts, places, pages }
    }
}
