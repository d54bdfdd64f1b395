use super::*;
use crate::error::ErrorKind;
use crate::index::testing::{lexical, Random};
use crate::index::{Document, Meta, SegmentBuilder};
use proptest::prelude::*;
use serde_json::json;

fn open(metas: &[Value]) -> Segment {
    let mut builder = SegmentBuilder::new(&lexical()).unwrap();
    for (number, meta) in metas.iter().enumerate() {
        let meta: Meta = serde_json::from_value(meta.clone()).unwrap();
        let title = (number == 1).then(|| "Second".to_owned());
        let document =
            Document { id: format!("d{number}"), text: String::new(), title, url: None, meta, language: None };
        builder.add(&document, &[], None).unwrap();
    }
    builder.seal(1).unwrap().open().unwrap()
}

#[track_caller]
fn check(filter: Value, expected: &[u32]) {
    let segment = open(&[
        json!({ "lang": "en", "year": 2019, "tags": ["a", "b"], "draft": true }),
        json!({ "lang": "de", "year": 2020.5, "tags": ["b", 7, null], "draft": false }),
        json!({ "lang": "en", "year": "2020", "tags": [], "deep": { "x": 1 } }),
        json!({ "lang": null, "day": "2024-03-01", "zero": -0.0 }),
        json!({}),
    ]);
    let filter = Filter::parse(&filter).unwrap();
    assert_eq!(filter.evaluate(&segment).ones().collect::<Vec<_>>(), expected);
}

#[test]
fn equality() {
    check(json!({ "lang": "en" }), &[0, 2]);
    check(json!({ "lang": "EN" }), &[]);
    check(json!({ "lang": null }), &[3]);
    check(json!({ "draft": false }), &[1]);
    check(json!({ "year": 2019 }), &[0]);
    check(json!({ "year": "2020" }), &[2]);
    check(json!({ "year": 2020 }), &[]);
    check(json!({ "zero": 0 }), &[3]);
    check(json!({ "deep": 1 }), &[]);
    check(json!({ "nowhere": 1 }), &[]);
    check(json!({}), &[0, 1, 2, 3, 4]);
}

#[test]
fn lists_match_by_any_item() {
    check(json!({ "tags": "b" }), &[0, 1]);
    check(json!({ "tags": 7 }), &[1]);
    check(json!({ "tags": null }), &[1]);
    check(json!({ "tags": { "in": ["a", 7] } }), &[0, 1]);
    check(json!({ "tags": { "in": [] } }), &[]);
    // One item must pass all tests.
    check(json!({ "tags": { "gt": "a", "in": ["a", "b"] } }), &[0, 1]);
    check(json!({ "tags": { "gt": "b", "in": ["a", "b"] } }), &[]);
}

#[test]
fn ranges_keep_to_their_type() {
    check(json!({ "year": { "gte": 2019 } }), &[0, 1]);
    check(json!({ "year": { "gt": 2019 } }), &[1]);
    check(json!({ "year": { "lte": 2020.5 } }), &[0, 1]);
    check(json!({ "year": { "lt": 2020.5 } }), &[0]);
    check(json!({ "year": { "gt": 2019, "lt": 2020 } }), &[]);
    check(json!({ "year": { "gte": "2" } }), &[2]);
    check(json!({ "day": { "gte": "2024-01-01", "lt": "2025-01-01" } }), &[3]);
}

#[test]
fn negation_and_existence() {
    check(json!({ "lang": { "ne": "en" } }), &[1, 3, 4]);
    check(json!({ "lang": { "exists": true } }), &[0, 1, 2, 3]);
    check(json!({ "lang": { "exists": true, "ne": "en" } }), &[1, 3]);
    check(json!({ "deep": { "exists": true } }), &[2]);
    check(json!({ "tags": { "exists": false } }), &[3, 4]);
    check(json!({ "not": { "draft": true } }), &[1, 2, 3, 4]);
}

#[test]
fn combinations() {
    check(json!({ "lang": "en", "year": { "gte": 2000 } }), &[0]);
    check(json!({ "or": [{ "lang": "de" }, { "not": { "lang": { "exists": true } } }] }), &[1, 4]);
    check(json!({ "and": [{ "lang": "en" }, { "or": [{ "draft": true }] }] }), &[0]);
    check(json!({ "and": [] }), &[0, 1, 2, 3, 4]);
    check(json!({ "or": [] }), &[]);
}

#[test]
fn built_in_fields() {
    check(json!({ "$id": "d3" }), &[3]);
    check(json!({ "$id": { "in": ["d0", "d4", 1] } }), &[0, 4]);
    check(json!({ "$id": { "gte": "d1", "lt": "d3" } }), &[1, 2]);
    check(json!({ "$title": { "exists": true } }), &[1]);
    check(json!({ "$url": { "exists": false } }), &[0, 1, 2, 3, 4]);
}

#[track_caller]
fn refused(filter: Value, kind: ErrorKind) {
    assert_eq!(Filter::parse(&filter).unwrap_err().kind, kind);
}

#[test]
fn what_is_not_in_the_grammar_is_refused() {
    let bad = [
        json!([]),
        json!("lang"),
        json!({ "and": {} }),
        json!({ "or": [1] }),
        json!({ "not": [] }),
        json!({ "lang": ["a"] }),
        json!({ "lang": {} }),
        json!({ "lang": { "like": "a" } }),
        json!({ "lang": { "in": "a" } }),
        json!({ "lang": { "in": [{}] } }),
        json!({ "lang": { "eq": [] } }),
        json!({ "lang": { "gte": true } }),
        json!({ "lang": { "lt": null } }),
        json!({ "lang": { "exists": 1 } }),
        json!({ "$score": 1 }),
    ];
    bad.into_iter().for_each(|filter| refused(filter, ErrorKind::InvalidInput));
}

#[test]
fn depth_and_length_are_limited() {
    let nested = |depth| (0..depth).fold(json!({ "a": 1 }), |inner, _| json!({ "not": inner }));
    assert!(Filter::parse(&nested(limits::FILTER_DEPTH)).is_ok());
    refused(nested(limits::FILTER_DEPTH + 1), ErrorKind::LimitExceeded);
    refused(json!({ "a": { "in": vec![1; limits::FILTER_TERMS] } }), ErrorKind::LimitExceeded);
}

#[test]
fn the_fields_asked_about() {
    let filter = json!({ "b": 1, "or": [{ "a": { "ne": 2 } }, { "not": { "c": { "exists": true } } }], "$id": "x" });
    assert_eq!(Filter::parse(&filter).unwrap().fields().collect::<Vec<_>>(), ["a", "b", "c"]);
}

const FIELDS: [&str; 3] = ["a", "b", "c"];

fn value(random: &mut Random) -> Value {
    match random.below(0..8) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(false),
        3..=5 => json!(f64::from(random.below(0..5)) - 2.5),
        _ => json!((["", "x", "xy", "\u{e9}"][random.below(0..4) as usize])),
    }
}

fn meta(random: &mut Random) -> Value {
    let mut meta = json!({});
    for field in FIELDS {
        match random.below(0..4) {
            0 => {}
            1 => meta[field] = (0..random.below(0..4)).map(|_| value(random)).collect(),
            _ => meta[field] = value(random),
        }
    }
    meta
}

fn filter(random: &mut Random, depth: u32) -> Value {
    let field = FIELDS[random.below(0..3) as usize];
    let list = |random: &mut Random| -> Value { (0..random.below(0..3)).map(|_| filter(random, depth + 1)).collect() };
    match random.below(0..if depth < 3 { 12 } else { 9 }) {
        0..=1 => json!({ field: value(random) }),
        2 => json!({ field: { "in": [value(random), value(random)] } }),
        3 => json!({ field: { "ne": value(random) } }),
        4 => json!({ field: { "exists": random.below(0..2) == 0 } }),
        5 => json!({ field: { "gte": f64::from(random.below(0..5)) - 2.5, "lt": 1.0 } }),
        6 => json!({ field: { "gt": "", "lte": "xy" } }),
        7 => json!({ field: { "lte": random.below(0..2) }, FIELDS[0]: value(random) }),
        8 => json!({}),
        9 => json!({ "and": list(random) }),
        10 => json!({ "or": list(random) }),
        _ => json!({ "not": filter(random, depth + 1) }),
    }
}

/// The grammar, read off the JSON of one document.
fn matches(filter: &Value, meta: &Value) -> bool {
    filter.as_object().unwrap().iter().all(|(key, value)| match (key.as_str(), value) {
        ("and", parts) => parts.as_array().unwrap().iter().all(|part| matches(part, meta)),
        ("or", parts) => parts.as_array().unwrap().iter().any(|part| matches(part, meta)),
        ("not", part) => !matches(part, meta),
        (field, operators) => {
            let items = match meta.get(field) {
                Some(Value::Array(items)) => items.clone(),
                Some(item) => vec![item.clone()],
                None => vec![],
            };
            let Value::Object(operators) = operators else { return items.contains(operators) };
            let outer = operators.iter().all(|(operator, value)| match operator.as_str() {
                "ne" => !items.contains(value),
                "exists" => meta.get(field).is_some() == value.as_bool().unwrap(),
                _ => true,
            });
            let inner: Vec<_> =
                operators.iter().filter(|(name, _)| !["ne", "exists"].contains(&name.as_str())).collect();
            let passes = |item: &Value| {
                inner.iter().all(|(operator, value)| {
                    let order = match (item, value) {
                        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
                        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
                        _ => None,
                    };
                    match operator.as_str() {
                        "in" => value.as_array().unwrap().contains(item),
                        "gte" => order.is_some_and(|order| order.is_ge()),
                        "gt" => order.is_some_and(|order| order.is_gt()),
                        "lte" => order.is_some_and(|order| order.is_le()),
                        _ => order.is_some_and(|order| order.is_lt()),
                    }
                })
            };
            outer && (inner.is_empty() || items.iter().any(passes))
        }
    })
}

proptest! {
    #[test]
    fn columns_answer_as_the_documents_would(seed: u64) {
        let mut random = Random(seed);
        let metas: Vec<Value> = (0..random.below(0..30)).map(|_| meta(&mut random)).collect();
        let segment = open(&metas);
        for _ in 0..8 {
            let json = filter(&mut random, 0);
            let found: Vec<u32> = Filter::parse(&json).unwrap().evaluate(&segment).ones().collect();
            let expected: Vec<u32> = (0..).zip(&metas).filter(|(_, meta)| matches(&json, meta)).map(|(doc, _)| doc).collect();
            prop_assert_eq!(found, expected, "{}", json);
        }
    }
}
