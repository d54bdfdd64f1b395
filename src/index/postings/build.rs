//! Gathers the terms of chunks, in order of their ordinals, and turns them into lists by term.

use super::lexicon::{Lexicon, LexiconWriter};
use super::packing::{pack, width, BLOCK, SLACK};
use super::{Bound, Encoded, Length, Posting, PAUSE};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::pace::{Pacer, Stride};
use crate::sorting::sort_by;
use std::collections::hash_map::DefaultHasher;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Which text of a chunk a term stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Body,
    Title,
}

/// The postings of a term so far, as varints: gap - 1, body frequency, title frequency.
#[derive(Default)]
struct List {
    bytes: Writer,
    df: u32,
    next: u32,
}

#[derive(Default)]
pub(crate) struct PostingsBuilder {
    /// A hasher without a random seed: same input, same bytes.
    ids: HashMap<Box<str>, u32, BuildHasherDefault<DefaultHasher>>,
    lists: Vec<List>,
    lengths: Vec<Length>,
    /// The terms of the chunk that is being read.
    open: Vec<(u32, Field)>,
}

impl PostingsBuilder {
    /// A number that stands for the term in this builder.
    pub fn intern(&mut self, term: &str) -> u32 {
        if let Some(&id) = self.ids.get(term) {
            return id;
        }
        let id = self.lists.len() as u32;
        self.ids.insert(term.into(), id);
        self.lists.push(List::default());
        id
    }

    /// One occurrence of a term in the chunk that [`PostingsBuilder::finish_chunk`] will close.
    pub fn occurs(&mut self, term: u32, field: Field) {
        self.open.push((term, field));
    }

    pub fn finish_chunk(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.sort_unstable();
        let title = open.iter().filter(|(_, field)| *field == Field::Title).count() as u32;
        let mut length = Length { body: open.len() as u32 - title, title, norm: 0.0 };
        let mut frequencies = Vec::new();
        for same in open.chunk_by(|a, b| a.0 == b.0) {
            let title = same.iter().filter(|(_, field)| *field == Field::Title).count() as u32;
            frequencies.push(same.len());
            self.append(same[0].0, same.len() as u32 - title, title);
        }
        // In ascending order, so that the sum does not depend on the numbers of the terms.
        frequencies.sort_unstable();
        let weight = |&tf: &usize| (1.0 + (tf as f64).ln()).powi(2);
        length.norm = frequencies.iter().map(weight).sum::<f64>().sqrt() as f32;
        self.lengths.push(length);
        open.clear();
        self.open = open;
    }

    /// A chunk whose postings are known, for copying: then [`PostingsBuilder::append`] each of them, then close it
    /// with its length.
    pub fn finish_copied(&mut self, length: Length) {
        self.lengths.push(length);
    }

    /// Frequencies of a term in the chunk that is open.
    pub fn append(&mut self, term: u32, body: u32, title: u32) {
        let chunk = self.lengths.len() as u32;
        let list = &mut self.lists[term as usize];
        for value in [chunk - list.next, body, title] {
            list.bytes.varint(u64::from(value));
        }
        list.df += 1;
        list.next = chunk + 1;
    }

    pub async fn seal(self, pacer: &dyn Pacer) -> Result<Encoded> {
        let mut lengths = Writer::new();
        for length in &self.lengths {
            lengths.varint(u64::from(length.body));
            lengths.varint(u64::from(length.title));
        }
        self.lengths.iter().for_each(|length| lengths.f32(length.norm));
        let mut terms: Vec<(Box<str>, u32)> = self.ids.into_iter().collect();
        sort_by(&mut terms, Ord::cmp);
        pacer.pause().await?;
        let mut stride = Stride::new(pacer, PAUSE);
        let (mut gathered, mut lexicon, mut lists) = (self.lists, LexiconWriter::default(), Vec::new());
        for (term, id) in terms {
            let list = std::mem::take(&mut gathered[id as usize]);
            let (df, start) = (list.df, lists.len());
            // A term that was seen and never appended has no list.
            if df > 0 {
                encode(list, &self.lengths, &mut lists)?;
                lexicon.push(&term, df, lists.len() - start);
            }
            stride.done(df as usize).await?;
        }
        let terms = lexicon.finish();
        let index = Lexicon::open(&terms, lists.len(), pacer).await?.index();
        lists.extend([0; SLACK]);
        match u32::try_from(lists.len()) {
            Ok(_) => Ok(Encoded { lengths: lengths.into_bytes(), index, terms, lists }),
            Err(_) => Err(Error::limit("postings of 4 GiB in one segment")),
        }
    }
}

/// Appends the stored form of a list; see the head of this room.
fn encode(list: List, lengths: &[Length], out: &mut Vec<u8>) -> Result<()> {
    let (df, bytes) = (list.df as usize, list.bytes.into_bytes());
    let mut reader = Reader::new(&bytes);
    let (mut heads, mut payloads, mut rest) = (Writer::new(), Vec::new(), Writer::new());
    let (mut next, mut last) = (0, None);
    for _ in 0..df / BLOCK {
        let (mut gaps, mut bodies, mut titles) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        let mut bound = Bound::NONE;
        for index in 0..BLOCK {
            let [gap, body, title] = read(&mut reader)?;
            (gaps[index], bodies[index], titles[index]) = (gap, body, title);
            let chunk = next + gap;
            bound.include(Posting { chunk, body, title }, lengths[chunk as usize]);
            next = chunk + 1;
        }
        let start = payloads.len();
        let columns = [gaps, bodies, titles];
        payloads.extend(columns.iter().map(width));
        columns.iter().for_each(|column| pack(column, width(column), &mut payloads));
        let gap = last.map_or(next, |last: u32| next - 1 - last);
        last = Some(next - 1);
        let payload = (payloads.len() - start) as u32;
        for value in [gap, payload, bound.body, bound.title, bound.length.body, bound.length.title] {
            heads.varint(u64::from(value));
        }
        heads.f32(bound.length.norm);
    }
    for _ in 0..df % BLOCK {
        let [gap, body, title] = read(&mut reader)?;
        rest.varint(u64::from(gap));
        rest.varint(u64::from(body) << 1 | u64::from(title > 0));
        if title > 0 {
            rest.varint(u64::from(title));
        }
    }
    out.extend(heads.into_bytes());
    out.extend(payloads);
    out.extend(rest.into_bytes());
    Ok(())
}

/// One posting as [`PostingsBuilder::append`] wrote it.
fn read(reader: &mut Reader) -> Result<[u32; 3]> {
    let mut posting = [0; 3];
    for value in &mut posting {
        *value = reader.varint()? as u32;
    }
    Ok(posting)
}
