//! What BERT's tokenisers know about characters (Devlin et al. 2019; `BasicTokenizer` of their code): which are deleted,
//! which are marks, which are words of their own, and what is left of a letter without its marks. Categories are those
//! of an old version of Unicode, by which the models were trained.

use super::forms::jamo;
use super::packed::Packed;
use super::replaced::Replaced;
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BertKind {
    Plain,
    /// Control, format and private characters, but for white space of ASCII.
    Control,
    /// Nonspacing.
    Mark,
    /// Category P, and what ASCII has of symbols.
    Punctuation,
}

use BertKind::{Control, Mark, Plain, Punctuation};

/// Looks characters up.
pub struct BertCharacters {
    /// Where runs of one kind begin and what they are; whatever is between two such runs is a run too.
    starts: Vec<u32>,
    kinds: Vec<BertKind>,
    replaced: Replaced,
}

impl BertCharacters {
    pub fn get() -> &'static BertCharacters {
        static TABLE: OnceLock<BertCharacters> = OnceLock::new();
        TABLE.get_or_init(BertCharacters::unpack)
    }

    fn unpack() -> BertCharacters {
        let mut packed = Packed(include_bytes!(concat!(env!("OUT_DIR"), "/bert.bin")));
        let (mut starts, mut kinds) = (vec![0], vec![Plain]);
        let mut end = 0;
        for _ in 0..packed.varint() {
            let run = packed.run(&mut end);
            if starts.last() == Some(&run.start) {
                starts.pop();
                kinds.pop();
            }
            starts.extend([run.start, run.end]);
            kinds.extend([[Plain, Control, Mark, Punctuation][usize::from(packed.byte() & 3)], Plain]);
        }
        BertCharacters { starts, kinds, replaced: Replaced::unpack(&mut packed) }
    }

    pub fn kind(&self, c: char) -> BertKind {
        match c {
            '\t' | '\n' | '\r' => Plain,
            c if c.is_ascii_control() => Control,
            c if c.is_ascii() => {
                if c.is_ascii_punctuation() {
                    Punctuation
                } else {
                    Plain
                }
            }
            c => self.kinds[self.starts.partition_point(|&start| start <= c as u32) - 1],
        }
    }

    /// Appends the canonical decomposition of a character without nonspacing marks: of a mark, nothing.
    pub fn push_unmarked(&self, c: char, out: &mut String) {
        if c.is_ascii() {
            out.push(c);
        } else if let Some(parts) = jamo(c) {
            out.extend(parts);
        } else if let Some(form) = self.replaced.form(c) {
            out.extend(form);
        } else if self.kind(c) != Mark {
            out.push(c);
        }
    }
}
