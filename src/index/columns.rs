//! Metadata as typed columns, so that a filter reads no JSON.
//!
//! ```text
//! section COLS  fields varint; per field, ascending by name: name: length varint, UTF-8
//!   numbers varint, each f64, ascending | texts varint, each: length varint, UTF-8, ascending
//!   documents that have the field varint; per document: gap varint | codes varint, each ascending varint
//! ```
//! A code stands for a value: 0 null, 1 false, 2 true, then the numbers, then the texts. So equality is a code, a
//! range of values is a range of codes, and a list has several codes. A map is there, but has no code.

use super::document::{Meta, MetaValue};
use super::strings::Strings;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::sorting::sort_by;
use std::collections::BTreeMap;
use std::ops::Range;

const NULL: u32 = 0;
const FALSE: u32 = 1;
const TRUE: u32 = 2;
const NUMBERS: u32 = 3;

/// A scalar, as it is stored and as a filter names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// At least, or above.
    From { inclusive: bool },
    /// At most, or below.
    To { inclusive: bool },
}

/// One field of one segment.
#[derive(PartialEq)]
pub(crate) struct Column {
    numbers: Vec<f64>,
    texts: Strings,
    /// The documents that have the field, ascending, and where the codes of each end.
    docs: Vec<u32>,
    ends: Vec<u32>,
    codes: Vec<u32>,
}

impl Column {
    /// Number of distinct codes there can be.
    pub fn codes(&self) -> u32 {
        NUMBERS + (self.numbers.len() + self.texts.len()) as u32
    }

    /// The documents that have the field, each with the codes of its values.
    pub fn rows(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let mut start = 0;
        self.docs.iter().zip(&self.ends).map(move |(&doc, &end)| {
            let codes = &self.codes[start as usize..end as usize];
            start = end;
            (doc, codes)
        })
    }

    fn number_codes(&self, range: Range<usize>) -> Range<u32> {
        NUMBERS + range.start as u32..NUMBERS + range.end as u32
    }

    fn text_codes(&self, range: Range<usize>) -> Range<u32> {
        let start = NUMBERS + self.numbers.len() as u32;
        start + range.start as u32..start + range.end as u32
    }

    /// How many texts come before the first one that is not `below`.
    fn text_partition(&self, below: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.texts.len());
        while low < high {
            let middle = (low + high) / 2;
            match below(self.texts.get(middle)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The codes of values equal to `value`: one or none.
    pub fn equal(&self, value: &Scalar) -> Range<u32> {
        match value {
            Scalar::Null => NULL..NULL + 1,
            Scalar::Bool(false) => FALSE..FALSE + 1,
            Scalar::Bool(true) => TRUE..TRUE + 1,
            Scalar::Number(value) => {
                let low = self.numbers.partition_point(|number| number < value);
                self.number_codes(low..low + usize::from(self.numbers.get(low) == Some(value)))
            }
            Scalar::Text(value) => {
                let low = self.text_partition(|text| text < value.as_str());
                let found = low < self.texts.len() && self.texts.get(low) == value;
                self.text_codes(low..low + usize::from(found))
            }
        }
    }

    /// The codes of values of the same type on this side of `value`.
    pub fn side(&self, value: &Scalar, edge: Edge) -> Range<u32> {
        // What is left of the cut is below the value, or equal to it where the cut lies behind it.
        let behind = matches!(edge, Edge::From { inclusive: false } | Edge::To { inclusive: true });
        let from = matches!(edge, Edge::From { .. });
        let split = |cut: usize, len: usize| if from { cut..len } else { 0..cut };
        match value {
            Scalar::Number(value) => {
                let cut = self.numbers.partition_point(|number| number < value || (behind && number == value));
                self.number_codes(split(cut, self.numbers.len()))
            }
            Scalar::Text(value) => {
                let cut = self.text_partition(|text| text < value.as_str() || (behind && text == value));
                self.text_codes(split(cut, self.texts.len()))
            }
            Scalar::Null | Scalar::Bool(_) => 0..0,
        }
    }

    fn decode(reader: &mut Reader, docs: u32) -> Result<Column> {
        let numbers = (0..reader.count(8)?).map(|_| reader.f64()).collect::<Result<Vec<f64>>>()?;
        let mut texts = Strings::default();
        for _ in 0..reader.count(1)? {
            texts.push(reader.text()?)?;
        }
        let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.iter().all(|n| n.is_finite());
        if !ascending || (1..texts.len()).any(|i| texts.get(i - 1) >= texts.get(i)) {
            return Err(Error::corrupt("values of a field out of order"));
        }
        let mut column = Column { numbers, texts, docs: Vec::new(), ends: Vec::new(), codes: Vec::new() };
        let (count, limit) = (reader.count(2)?, column.codes());
        let mut next = 0u64;
        for _ in 0..count {
            let doc = next.saturating_add(reader.varint()?);
            if doc >= u64::from(docs) {
                return Err(Error::corrupt(format!("a field of document {doc} of {docs}")));
            }
            next = doc + 1;
            column.docs.push(doc as u32);
            for _ in 0..reader.count(1)? {
                let code = reader.varint()?;
                if code >= u64::from(limit) {
                    return Err(Error::corrupt(format!("code {code} of {limit}")));
                }
                column.codes.push(code as u32);
            }
            column.ends.push(column.codes.len() as u32);
        }
        Ok(column)
    }
}

/// The columns of a segment by field name.
#[derive(Default, PartialEq)]
pub(crate) struct Columns {
    columns: BTreeMap<String, Column>,
}

impl Columns {
    pub fn decode(bytes: &[u8], docs: u32) -> Result<Columns> {
        let mut reader = Reader::new(bytes);
        let mut columns = BTreeMap::new();
        for _ in 0..reader.count(4)? {
            let name = reader.text()?.to_owned();
            let column = Column::decode(&mut reader, docs).map_err(|e| e.within(format!("field {name:?}")))?;
            columns.insert(name, column);
        }
        reader.end().map(|()| Columns { columns })
    }

    pub fn get(&self, field: &str) -> Option<&Column> {
        self.columns.get(field)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

/// Values of one field so far: the documents that have it, and each of their scalars.
#[derive(Default)]
struct Gathered {
    docs: Vec<u32>,
    values: Vec<(u32, Scalar)>,
}

#[derive(Default)]
pub(crate) struct ColumnsBuilder {
    fields: BTreeMap<String, Gathered>,
}

impl ColumnsBuilder {
    /// Documents must come in ascending order.
    pub fn add(&mut self, doc: u32, meta: &Meta) {
        for (name, value) in meta {
            let field = match self.fields.get_mut(name) {
                Some(field) => field,
                None => self.fields.entry(name.clone()).or_default(),
            };
            field.docs.push(doc);
            match value {
                MetaValue::List(items) => {
                    field.values.extend(items.iter().filter_map(scalar).map(|value| (doc, value)));
                }
                value => field.values.extend(scalar(value).map(|value| (doc, value))),
            }
        }
    }

    pub fn seal(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.varint(self.fields.len() as u64);
        for (name, field) in self.fields {
            writer.text(&name);
            field.encode(&mut writer);
        }
        writer.into_bytes()
    }
}

impl Gathered {
    fn encode(self, writer: &mut Writer) {
        let mut numbers: Vec<f64> = Vec::new();
        let mut texts: Vec<&str> = Vec::new();
        for (_, value) in &self.values {
            match value {
                Scalar::Number(number) => numbers.push(*number),
                Scalar::Text(text) => texts.push(text),
                Scalar::Null | Scalar::Bool(_) => {}
            }
        }
        sort_by(&mut numbers, f64::total_cmp);
        numbers.dedup();
        sort_by(&mut texts, Ord::cmp);
        texts.dedup();
        writer.varint(numbers.len() as u64);
        numbers.iter().for_each(|&number| writer.f64(number));
        writer.varint(texts.len() as u64);
        texts.iter().for_each(|text| writer.text(text));
        let code = |value: &Scalar| match value {
            Scalar::Null => NULL,
            Scalar::Bool(false) => FALSE,
            Scalar::Bool(true) => TRUE,
            Scalar::Number(value) => NUMBERS + numbers.partition_point(|number| number < value) as u32,
            Scalar::Text(value) => {
                NUMBERS + (numbers.len() + texts.partition_point(|&text| text < value.as_str())) as u32
            }
        };
        writer.varint(self.docs.len() as u64);
        let (mut next, mut values) = (0, self.values.as_slice());
        for &doc in &self.docs {
            let own = values.partition_point(|(of, _)| *of == doc);
            let mut codes: Vec<u32> = values[..own].iter().map(|(_, value)| code(value)).collect();
            values = &values[own..];
            codes.sort_unstable();
            codes.dedup();
            writer.varint(u64::from(doc - next));
            writer.varint(codes.len() as u64);
            codes.iter().for_each(|&code| writer.varint(u64::from(code)));
            next = doc + 1;
        }
    }
}

/// What a filter can compare. Lists within lists and maps are kept with the document, but cannot be asked for.
fn scalar(value: &MetaValue) -> Option<Scalar> {
    match value {
        MetaValue::Null => Some(Scalar::Null),
        MetaValue::Bool(value) => Some(Scalar::Bool(*value)),
        // 0.0 and -0.0 are one number.
        MetaValue::Number(value) => Some(Scalar::Number(value + 0.0)),
        MetaValue::Text(value) => Some(Scalar::Text(value.clone())),
        MetaValue::List(_) | MetaValue::Map(_) => None,
    }
}

/// Whether every number in the metadata is finite.
pub(crate) fn finite(value: &MetaValue) -> bool {
    match value {
        MetaValue::Number(value) => value.is_finite(),
        MetaValue::List(items) => items.iter().all(finite),
        MetaValue::Map(items) => items.values().all(finite),
        MetaValue::Null | MetaValue::Bool(_) | MetaValue::Text(_) => true,
    }
}
