//! Twenty thousand random operations on a collection and on a map: both always hold the same. The collection has
//! sentences, weighted terms, and from time to time turned vectors.

use crate::support::host::{Host, WordHashes};
use crate::support::library::{document, Random};
use nearfield::engine::{Engine, Levels, ListOptions, Prefixes, Reembedding, Wanted};
use nearfield::index::{Document, MetaValue};
use nearfield::pace::Unpaced;
use nearfield::store::MemoryStore;
use pollster::block_on;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const IDS: usize = 120;

fn open(store: MemoryStore) -> Engine {
    let levels = Levels { sentences: true, ..Levels::default() };
    block_on(Engine::open(Box::new(store), Wanted { levels: Some(levels), ..Wanted::default() })).unwrap()
}

/// A collection and what it must hold.
struct Pair {
    store: MemoryStore,
    engine: Engine,
    model: &'static str,
    documents: BTreeMap<String, Document>,
    edition: u64,
    mismatches: u64,
    /// Searches among turned vectors, and among weighted terms.
    turned: u64,
    weighted: u64,
}

impl Pair {
    fn host(&self) -> Host {
        Host::with(Unpaced, Some(WordHashes::new(self.model)))
    }

    fn expect(&mut self, holds: bool, what: &str) {
        if !holds {
            self.mismatches += 1;
            println!("mismatch: {what}");
        }
    }

    fn step(&mut self, random: &mut Random) {
        let id = format!("d{}", random.below(IDS));
        match random.below(100) {
            0..30 => {
                self.edition += 1;
                let count = 1 + random.below(4);
                let batch: Vec<_> =
                    (0..count).map(|_| document(random.below(IDS), self.edition, random.below(30))).collect();
                for incoming in &batch {
                    self.documents.insert(incoming.document.id.clone(), incoming.document.clone());
                }
                self.host().run(async |services| self.engine.add(batch, services).await).unwrap();
            }
            30..42 => {
                let deleted = block_on(self.engine.delete(std::slice::from_ref(&id))).unwrap();
                let known = self.documents.remove(&id).is_some();
                self.expect(deleted == usize::from(known), "delete");
            }
            42..50 => {
                let meta = [("shelf".to_owned(), MetaValue::Number(random.below(9) as f64))];
                let changed = block_on(self.engine.update_meta(&id, meta.clone().into())).is_ok();
                let known = self.documents.get_mut(&id).map(|known| known.meta = meta.into()).is_some();
                self.expect(changed == known, "updateMeta");
            }
            50..65 => {
                let found = block_on(self.engine.get(&id)).unwrap().map(|found| (found.text, found.meta));
                let known = self.documents.get(&id).map(|known| (known.text.clone(), known.meta.clone()));
                self.expect(found == known, "get");
            }
            65..75 => self.search_word(random),
            75..80 => self.search_weighted(random),
            80..86 => self.search_shelf(random),
            86..88 => self.list(random),
            88..94 => drop(self.host().run(async |services| self.engine.maintain(services).await).unwrap()),
            94 => self.host().run(async |services| self.engine.compact(services).await).unwrap(),
            95..97 => self.reembed(random),
            97 => self.fit(),
            _ => self.engine = open(self.store.handle()),
        }
    }

    fn ids(&self, query: &str, options: serde_json::Value) -> BTreeSet<String> {
        let options = serde_json::from_value(options).unwrap();
        let found = self.host().run(async |services| self.engine.search(query, options, services).await).unwrap();
        found.hits.into_iter().map(|hit| hit.id).collect()
    }

    /// Every document that holds a word, and no other.
    fn search_word(&mut self, random: &mut Random) {
        let word = random.word();
        let found = self.ids(word, json!({ "mode": "sparse", "k": IDS, "depth": 10_000 }));
        let holds = |known: &&Document| {
            let title = known.title.as_deref().unwrap_or_default();
            format!("{title} {}", known.text).split_whitespace().any(|other| other == word)
        };
        let known: BTreeSet<String> = self.documents.values().filter(holds).map(|known| known.id.clone()).collect();
        self.expect(found == known, word);
    }

    /// Every document with a word that begins as this one does, since that is what words stand for.
    fn search_weighted(&mut self, random: &mut Random) {
        if self.documents.is_empty() {
            return;
        }
        let word = random.word();
        let found = self.ids(word, json!({ "mode": "splade", "k": IDS, "depth": 10_000 }));
        let holds = |known: &&Document| {
            let text = format!("{} {}", known.title.as_deref().unwrap_or_default(), known.text).to_lowercase();
            text.split(|c: char| !c.is_alphanumeric()).any(|other| other.starts_with(&word[..2]))
        };
        let known: BTreeSet<String> = self.documents.values().filter(holds).map(|known| known.id.clone()).collect();
        self.expect(found == known, &format!("weighted {word}"));
        self.weighted += 1;
    }

    /// Turning the vectors changes no answer; without any, or while others are made, it is refused.
    fn fit(&mut self) {
        let stats = self.engine.stats();
        let possible = stats.embedder.is_some() && stats.pending.is_none() && !stats.segments.is_empty();
        let fitted = self.host().run(async |services| self.engine.fit(services).await);
        self.expect(fitted.is_ok() == possible || self.documents.is_empty(), &format!("fit: {fitted:?}"));
    }

    /// Every document of a shelf: the vector leg ranks all of them.
    fn search_shelf(&mut self, random: &mut Random) {
        let shelf = random.below(7) as f64;
        if self.documents.is_empty() {
            return;
        }
        let on = |known: &&Document| known.meta.get("shelf") == Some(&MetaValue::Number(shelf));
        self.turned += u64::from(self.engine.stats().prefixes == Some(Prefixes::Pca));
        let options = json!({ "mode": "dense", "k": IDS, "depth": 10_000, "filter": { "shelf": shelf } });
        let found = self.ids("harbour", options);
        let known: BTreeSet<String> = self.documents.values().filter(on).map(|known| known.id.clone()).collect();
        self.expect(found == known, "shelf");
    }

    /// All documents of a shelf or of the collection, page after page.
    fn list(&mut self, random: &mut Random) {
        let shelf = (random.below(2) == 0 && !self.documents.is_empty()).then(|| random.below(7) as f64);
        let filter = shelf.map(|shelf| json!({ "shelf": shelf }));
        let (limit, mut after, mut found) = (Some(1 + random.below(40)), String::new(), Vec::new());
        loop {
            let page = block_on(self.engine.list(&ListOptions { after, limit, filter: filter.clone() })).unwrap();
            found.extend(page.documents.into_iter().map(|listed| (listed.id, listed.meta)));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let on =
            |known: &&Document| shelf.is_none_or(|shelf| known.meta.get("shelf") == Some(&MetaValue::Number(shelf)));
        let known = self.documents.values().filter(on);
        let known: Vec<_> = known.map(|known| (known.id.clone(), known.meta.clone())).collect();
        self.expect(found == known, "list");
    }

    /// Some steps towards another model; now and then all of them.
    fn reembed(&mut self, random: &mut Random) {
        let next = if self.model == "a" { "b" } else { "a" };
        let host = Host::with(Unpaced, Some(WordHashes::new(next)));
        for _ in 0..1 + random.below(30) {
            if host.run(async |services| self.engine.reembed(services).await).unwrap() == Reembedding::Done {
                self.model = next;
                break;
            }
        }
    }
}

#[test]
fn a_collection_is_a_map_that_can_be_searched() {
    let steps = if std::env::var_os("NEARFIELD_LONG").is_some() { 200_000 } else { 20_000 };
    let (mut done, mut mismatches, mut turned, mut weighted) = (0, 0, 0, 0);
    for seed in 0..10 {
        let store = MemoryStore::new();
        let engine = open(store.handle());
        let mut pair = Pair {
            store,
            engine,
            model: "a",
            documents: BTreeMap::new(),
            edition: 0,
            mismatches: 0,
            turned: 0,
            weighted: 0,
        };
        let mut random = Random(seed);
        for _ in 0..steps / 10 {
            pair.step(&mut random);
            done += 1;
        }
        let stats = pair.engine.stats();
        pair.expect(stats.documents == pair.documents.len(), "count");
        let report = pair.host().run(async |services| pair.engine.verify(services).await).unwrap();
        pair.expect(report.ok && report.documents == pair.documents.len(), "verify");
        mismatches += pair.mismatches;
        (turned, weighted) = (turned + pair.turned, weighted + pair.weighted);
    }
    println!(
        "harness: random operations: {done}, {turned} searches among turned vectors, {weighted} among weighted terms, \
         mismatches: {mismatches}"
    );
    assert_eq!((done, mismatches), (steps, 0));
    assert!(turned >= 100 && weighted >= 100, "{turned} {weighted}");
}
