//! Documents to search, made of words of the sea and the kitchen, all different; and what the engine answers about them.

use super::host::Host;
use nearfield::engine::{Engine, Incoming, Wanted};
use nearfield::index::{Document, MetaValue};
use nearfield::store::Store;
use nearfield::Result;
use serde_json::json;

const WORDS: [&str; 24] = [
    "harbour", "lantern", "rope", "tide", "gull", "anchor", "mast", "salt", "flour", "oven", "kettle", "thyme",
    "butter", "ladle", "pepper", "onion", "window", "garden", "copper", "violet", "winter", "morning", "letter",
    "bridge",
];

/// splitmix64 (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

/// Document `number`: its text follows from the number and `edition`.
pub fn document(number: usize, edition: u64, words: usize) -> Incoming {
    let mut random = Random(number as u64 ^ edition << 32);
    let mut text = format!("# Note n{number}\n\nEdition e{edition}.");
    for at in 0..words {
        text.push_str(if at % 60 == 59 { "\n\n## Part\n\n" } else { " " });
        text.push_str(random.word());
    }
    let meta = [
        ("shelf".to_owned(), MetaValue::Number((number % 7) as f64)),
        ("kind".to_owned(), MetaValue::Text(random.word().to_owned())),
    ];
    let title = number.is_multiple_of(3).then(|| format!("{} {}", random.word(), random.word()));
    Document { id: format!("d{number}"), text, title, url: None, meta: meta.into(), language: None }.into()
}

pub fn open(store: impl Store + 'static) -> Engine {
    pollster::block_on(Engine::open(Box::new(store), Wanted::default())).unwrap()
}

pub fn add(engine: &Engine, documents: Vec<Incoming>) {
    add_with(&Host::new(), engine, documents);
}

pub fn add_with(host: &Host, engine: &Engine, documents: Vec<Incoming>) {
    host.run(async |services| engine.add(documents, services).await).unwrap();
}

/// What a query finds, text included: everything that a wrong byte could change.
pub fn answer(engine: &Engine, query: &str, options: serde_json::Value) -> Result<String> {
    answer_with(&Host::new(), engine, query, options)
}

pub fn answer_with(host: &Host, engine: &Engine, query: &str, options: serde_json::Value) -> Result<String> {
    let options = serde_json::from_value(options).unwrap();
    let found = host.run(async |services| engine.search(query, options, services).await)?;
    Ok(serde_json::to_string(&found.hits).unwrap())
}

/// Queries in every mode, with and without a filter.
pub fn questions() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("harbour lantern", json!({ "mode": "sparse", "k": 5 })),
        ("copper kettle e1", json!({ "mode": "sparse", "sparse": "tfidf" })),
        ("salt and pepper", json!({ "mode": "hybrid", "filter": { "shelf": { "gte": 3 } } })),
        ("winter morning letter", json!({ "mode": "dense", "k": 3 })),
        ("violet n7 nowhere", json!({ "mode": "sparse", "filter": { "$id": "d7" }, "explain": true })),
        ("bridge", json!({ "mode": "sparse", "group": false, "k": 50 })),
        (
            "harbour tide",
            json!({ "mode": "sparse", "expand": { "feedback": { "documents": 3 }, "queries": ["oven"] } }),
        ),
    ]
}
