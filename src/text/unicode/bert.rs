//! What BERT's tokenisers know about characters (Devlin et al. 2019; `BasicTokenizer` of their code): which are deleted,
//! which are marks, which are words of their own, and what is left of a letter without its marks. Categories are those
//! of an old version of Unicode, by which the models were trained.

use super::forms::jamo;
use super::packed::Packed;
use super::replaced::Replaced;
use super::runs::Runs;
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

/// Looks characters up.
pub struct BertCharacters {
    kinds: Runs,
    replaced: Replaced,
}

impl BertCharacters {
    pub fn get() -> &'static BertCharacters {
        static TABLE: OnceLock<BertCharacters> = OnceLock::new();
        TABLE.get_or_init(BertCharacters::unpack)
    }

    fn unpack() -> BertCharacters {
        let mut packed = Packed(include_bytes!(concat!(env!("OUT_DIR"), "/bert.bin")));
        BertCharacters { kinds: Runs::unpack(&mut packed), replaced: Replaced::unpack(&mut packed) }
    }

    pub fn kind(&self, c: char) -> BertKind {
        match self.kinds.value(c) {
            1 => BertKind::Control,
            2 => BertKind::Mark,
            3 => BertKind::Punctuation,
            _ => BertKind::Plain,
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
        } else if self.kind(c) != BertKind::Mark {
            out.push(c);
        }
    }
}
