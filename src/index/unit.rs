//! What a chunk is besides a place in a text: of which level, and part of what.
//!
//! ```text
//! section UNIT  per chunk: level u8 (0 chunk, 1 sentence) | 0, or 1 + length of its parent, varint; then where the
//!               parent starts varint. Absent where all are chunks without parents
//! ```
//! A sentence is a unit for vectors only: its words are those of the chunk that holds it, and are counted there.

use super::bitset::Bitset;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is compared with a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    Chunk,
    /// Where the collection was made with them.
    Sentence,
    /// The mean of a document's chunks. Stored nowhere: it follows from theirs.
    Document,
}

/// Of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    pub sentence: bool,
    /// Bytes of the stored text that are shown in its place when parents are asked for: they hold its own.
    pub parent: Option<Range<usize>>,
}

impl Unit {
    pub fn level(&self) -> Level {
        match self.sentence {
            true => Level::Sentence,
            false => Level::Chunk,
        }
    }
}

/// The units of a segment's chunks, in order; empty where all are chunks without parents.
#[derive(Default)]
pub(super) struct Units(Vec<(bool, Option<(u32, u32)>)>);

impl Units {
    pub fn push(&mut self, unit: &Unit) {
        let parent = unit.parent.as_ref().map(|parent| (parent.start as u32, parent.end as u32));
        self.0.push((unit.sentence, parent));
    }

    pub fn get(&self, chunk: u32) -> Unit {
        let (sentence, parent) = self.0.get(chunk as usize).copied().unwrap_or_default();
        Unit { sentence, parent: parent.map(|(start, end)| start as usize..end as usize) }
    }

    /// The chunks of a level below the document, of `count`; `None`: all of them.
    pub fn of(&self, level: Level, count: u32) -> Option<Bitset> {
        let wanted = level == Level::Sentence;
        if !wanted && self.0.iter().all(|unit| !unit.0) {
            return None;
        }
        let mut chosen = Bitset::new(count);
        (0..)
            .zip(&self.0)
            .filter(|(_, unit)| unit.0 == wanted)
            .for_each(|(chunk, _)| chosen.insert_range(chunk..chunk + 1));
        Some(chosen)
    }

    pub fn encode(&self) -> Option<Vec<u8>> {
        if self.0.iter().all(|unit| *unit == (false, None)) {
            return None;
        }
        let mut writer = Writer::new();
        for (sentence, parent) in &self.0 {
            writer.u8(u8::from(*sentence));
            match parent {
                None => writer.varint(0),
                Some((start, end)) => {
                    writer.varint(u64::from(end - start) + 1);
                    writer.varint(u64::from(*start));
                }
            }
        }
        Some(writer.into_bytes())
    }

    /// Of chunks that lie at `spans` in texts of so many bytes.
    pub fn decode(bytes: &[u8], spans: impl Iterator<Item = ((u32, u32), u32)>) -> Result<Units> {
        let mut reader = Reader::new(bytes);
        let mut units = Vec::new();
        for ((start, end), text) in spans {
            let sentence = match reader.u8()? {
                level @ 0..=1 => level == 1,
                level => return Err(Error::corrupt(format!("a chunk of level {level}"))),
            };
            let parent = match reader.varint()? {
                0 => None,
                length => {
                    let from = reader.varint()?;
                    let to = from.checked_add(length - 1).filter(|to| *to <= u64::from(text));
                    let to = to.filter(|to| from <= u64::from(start) && u64::from(end) <= *to);
                    let to = to.ok_or_else(|| Error::corrupt("a parent that does not hold its chunk"))?;
                    Some((from as u32, to as u32))
                }
            };
            units.push((sentence, parent));
        }
        reader.end()?;
        Ok(Units(units))
    }
}
