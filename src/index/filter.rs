//! Conditions on metadata: parsed from JSON once, evaluated over the columns of a segment.
//!
//! ```text
//! filter     = { entry, ... }                       all entries must hold; {} holds always
//! entry      = "and": [filter, ...] | "or": [filter, ...] | "not": filter | field: value | field: { operator, ... }
//! value      = string | number | true | false | null
//! operator   = "eq": value | "ne": value | "in": [value, ...] | "exists": true | false
//!            | "gte" | "gt" | "lte" | "lt": number | string
//! ```
//! A field that holds a list matches when one of its items does, several operators on one field must hold for one and
//! the same item. Types never mix: the number 1 is not the text "1", and ranges compare numbers with numbers and
//! texts, byte by byte, with texts (so ISO dates work). `ne` is the contrary of `eq` and so matches documents without
//! the field; `null` matches a field that is there and null. Besides metadata there are `$id`, `$title` and `$url`;
//! fields named `and`, `or`, `not` or beginning with `$` cannot be asked for.

use super::bitset::Bitset;
use super::columns::{Column, Edge, Scalar};
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::limits;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Exists(String),
    /// Some value of the field passes every test.
    Field(String, Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<Scalar>),
    Side(Scalar, Edge),
}

/// A parsed filter expression. The grammar stands at the head of this file:
/// `{ lang: "en", year: { gte: 2020 }, or: [{ tag: { in: ["a", "b"] } }, { not: { draft: true } }] }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
    fields: BTreeSet<String>,
}

impl Filter {
    /// # Errors
    /// `InvalidInput` for anything that is not in the grammar, `LimitExceeded` for one too deep or too long.
    pub fn parse(value: &Value) -> Result<Filter> {
        let mut parser = Parser { terms: 0, fields: BTreeSet::new() };
        let root = parser.filter(value, 0)?;
        Ok(Filter { root, fields: parser.fields })
    }

    /// The metadata fields it asks about, built-in ones left out: a field that no segment knows is a mistake.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str).filter(|field| !field.starts_with('$'))
    }

    /// The documents that match; see [`Segment::expand`] for their chunks.
    pub fn evaluate(&self, segment: &Segment) -> Bitset {
        evaluate(&self.root, segment)
    }
}

struct Parser {
    terms: usize,
    fields: BTreeSet<String>,
}

impl Parser {
    fn filter(&mut self, value: &Value, depth: usize) -> Result<Node> {
        if depth > limits::FILTER_DEPTH {
            return Err(Error::limit(format!("a filter nested deeper than {}", limits::FILTER_DEPTH)));
        }
        let Value::Object(entries) = value else {
            return Err(Error::invalid(format!("a filter must be an object, not {}", brief(value))));
        };
        let nodes = entries.iter().map(|(key, value)| self.entry(key, value, depth)).collect::<Result<Vec<Node>>>()?;
        Ok(Node::All(nodes))
    }

    fn entry(&mut self, key: &str, value: &Value, depth: usize) -> Result<Node> {
        self.count(1)?;
        let list = |parser: &mut Parser| match value {
            Value::Array(parts) => parts.iter().map(|part| parser.filter(part, depth + 1)).collect(),
            _ => Err(Error::invalid(format!("{key:?} in a filter takes a list of filters, not {}", brief(value)))),
        };
        match (key, value) {
            ("and", _) => Ok(Node::All(list(self)?)),
            ("or", _) => Ok(Node::Any(list(self)?)),
            ("not", _) => Ok(Node::Not(Box::new(self.filter(value, depth + 1)?))),
            (field, _) if field.starts_with('$') && !["$id", "$title", "$url"].contains(&field) => {
                Err(Error::invalid(format!("filter field {field:?}: built in are $id, $title and $url")))
            }
            (field, Value::Object(operators)) => self.operators(field, operators),
            (field, value) => {
                let test = Test::In(vec![scalar(field, value)?]);
                self.fields.insert(field.to_owned());
                Ok(Node::Field(field.to_owned(), vec![test]))
            }
        }
    }

    fn operators(&mut self, field: &str, operators: &Map<String, Value>) -> Result<Node> {
        self.fields.insert(field.to_owned());
        let (mut tests, mut nodes) = (Vec::new(), Vec::new());
        for (operator, value) in operators {
            self.count(1)?;
            let mut side = |edge| match scalar(field, value)? {
                bound @ (Scalar::Number(_) | Scalar::Text(_)) => {
                    tests.push(Test::Side(bound, edge));
                    Ok(())
                }
                _ => Err(wrong(field, operator, "a number or a string", value)),
            };
            match (operator.as_str(), value) {
                ("gte", _) => side(Edge::From { inclusive: true })?,
                ("gt", _) => side(Edge::From { inclusive: false })?,
                ("lte", _) => side(Edge::To { inclusive: true })?,
                ("lt", _) => side(Edge::To { inclusive: false })?,
                ("eq", _) => tests.push(Test::In(vec![scalar(field, value)?])),
                ("ne", _) => {
                    let equal = Node::Field(field.to_owned(), vec![Test::In(vec![scalar(field, value)?])]);
                    nodes.push(Node::Not(Box::new(equal)));
                }
                ("in", Value::Array(values)) => {
                    self.count(values.len())?;
                    let values = values.iter().map(|value| scalar(field, value));
                    tests.push(Test::In(values.collect::<Result<_>>()?));
                }
                ("in", _) => return Err(wrong(field, operator, "a list", value)),
                ("exists", Value::Bool(true)) => nodes.push(Node::Exists(field.to_owned())),
                ("exists", Value::Bool(false)) => {
                    nodes.push(Node::Not(Box::new(Node::Exists(field.to_owned()))));
                }
                ("exists", _) => return Err(wrong(field, operator, "true or false", value)),
                _ => {
                    let known = "eq, ne, in, exists, gte, gt, lte, lt";
                    return Err(Error::invalid(format!("filter field {field:?}: {operator:?} is none of {known}")));
                }
            }
        }
        if !tests.is_empty() {
            nodes.push(Node::Field(field.to_owned(), tests));
        }
        match nodes.is_empty() {
            true => Err(Error::invalid(format!("filter field {field:?} has no operator"))),
            false => Ok(Node::All(nodes)),
        }
    }

    fn count(&mut self, more: usize) -> Result<()> {
        self.terms = self.terms.saturating_add(more);
        match self.terms > limits::FILTER_TERMS {
            true => Err(Error::limit(format!("a filter of more than {} conditions", limits::FILTER_TERMS))),
            false => Ok(()),
        }
    }
}

fn scalar(field: &str, value: &Value) -> Result<Scalar> {
    match value {
        Value::Null => Ok(Scalar::Null),
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Number(number) => match number.as_f64().filter(|number| number.is_finite()) {
            // 0.0 and -0.0 are one number.
            Some(number) => Ok(Scalar::Number(number + 0.0)),
            None => Err(Error::invalid(format!("filter field {field:?}: {number} is not a finite number"))),
        },
        Value::String(value) => Ok(Scalar::Text(value.clone())),
        Value::Array(_) => Err(Error::invalid(format!("filter field {field:?}: a list of values is {{in: [...]}}"))),
        Value::Object(_) => Err(Error::invalid(format!("filter field {field:?} is compared with an object"))),
    }
}

fn wrong(field: &str, operator: &str, wanted: &str, found: &Value) -> Error {
    Error::invalid(format!("filter field {field:?}: {operator} takes {wanted}, not {}", brief(found)))
}

/// The value, cut where it would fill the message.
fn brief(value: &Value) -> String {
    format!("{:.60}", value.to_string())
}

fn evaluate(node: &Node, segment: &Segment) -> Bitset {
    let docs = segment.docs();
    match node {
        Node::All(nodes) => nodes.iter().fold(Bitset::full(docs), |mut set, node| {
            set.intersect(&evaluate(node, segment));
            set
        }),
        Node::Any(nodes) => nodes.iter().fold(Bitset::new(docs), |mut set, node| {
            set.unite(&evaluate(node, segment));
            set
        }),
        Node::Not(node) => {
            let mut set = evaluate(node, segment);
            set.invert();
            set
        }
        Node::Exists(field) => match segment.built_in(field) {
            Some(text) => Bitset::from_ones(docs, (0..docs).filter(|&doc| text(doc).is_some())),
            None => {
                Bitset::from_ones(docs, segment.column(field).into_iter().flat_map(Column::rows).map(|(doc, _)| doc))
            }
        },
        Node::Field(field, tests) => match segment.built_in(field) {
            Some(text) => {
                let passes = |text: &str| tests.iter().all(|test| test.passes(text));
                Bitset::from_ones(docs, (0..docs).filter(|&doc| text(doc).is_some_and(passes)))
            }
            None => segment.column(field).map_or_else(|| Bitset::new(docs), |column| matching(column, tests, docs)),
        },
    }
}

/// The documents with a value that passes every test.
fn matching(column: &Column, tests: &[Test], docs: u32) -> Bitset {
    let mut codes = Bitset::full(column.codes());
    for test in tests {
        let mut passing = Bitset::new(column.codes());
        match test {
            Test::In(values) => values.iter().for_each(|value| passing.insert_range(column.equal(value))),
            Test::Side(value, edge) => passing.insert_range(column.side(value, *edge)),
        }
        codes.intersect(&passing);
    }
    let rows = column.rows().filter(|(_, held)| held.iter().any(|&code| codes.contains(code)));
    Bitset::from_ones(docs, rows.map(|(doc, _)| doc))
}

impl Test {
    /// For the built-in fields, which are texts.
    fn passes(&self, text: &str) -> bool {
        match self {
            Test::In(values) => values.iter().any(|value| matches!(value, Scalar::Text(value) if value == text)),
            Test::Side(Scalar::Text(value), edge) => {
                let value = value.as_str();
                match edge {
                    Edge::From { inclusive } => text > value || (*inclusive && text == value),
                    Edge::To { inclusive } => text < value || (*inclusive && text == value),
                }
            }
            Test::Side(..) => false,
        }
    }
}

#[cfg(test)]
mod tests;
