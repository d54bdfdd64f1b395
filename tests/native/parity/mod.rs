//! Every scorer against a reference implementation. `fixtures/scorers_fixture.py` made `fixtures/scorers.json`, and says
//! with each number of which library it is or of which paper. What is here puts the same documents and queries to the
//! engine, with models that know their vectors and weights by heart.
//!
//! The reference computes in f64 and its numbers are stored with seven digits; scores of the engine are f32. So both
//! agree to a few units of the seventh digit wherever no more is quantised than they both do: [`CLOSE`].

mod rankings;
mod vectors;
mod words;

use nearfield::engine::{Engine, Found, Incoming, Services, VectorSettings, Wanted};
use nearfield::error::Result;
use nearfield::index::Document;
use nearfield::model::{
    Embedder, EmbedderInfo, EncoderInfo, LateEncoder, Role, SparseEncoder, SparseVector, TokenRows,
};
use nearfield::pace::{LocalFuture, Pacer, Stopped, Unpaced};
use nearfield::store::MemoryStore;
use nearfield::text::WordCounter;
use pollster::block_on;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::future::ready;

const CLOSE: f64 = 2e-6;

/// Scores by document; those that are 0 may be left out.
type Scores = BTreeMap<usize, f64>;

/// A document or a query, and what the models say of it.
#[derive(Clone, Deserialize)]
struct Text {
    #[serde(default)]
    title: String,
    text: String,
    vector: Vec<f32>,
    weights: BTreeMap<String, f32>,
}

/// A part of the fixture.
fn read<T: DeserializeOwned>(section: &str) -> T {
    let mut all: Value = serde_json::from_str(include_str!("../../fixtures/scorers.json")).unwrap();
    serde_json::from_value(all[section].take()).unwrap()
}

/// Rows of the fixture that hold a score for each document.
fn by_document(rows: &[Vec<f64>]) -> Vec<Scores> {
    rows.iter().map(|row| row.iter().copied().enumerate().collect()).collect()
}

/// The models of the fixture: what a text stands for is looked up.
struct Models {
    embedder: EmbedderInfo,
    encoder: EncoderInfo,
    texts: HashMap<String, Text>,
    words: HashMap<String, Vec<f64>>,
}

impl Models {
    fn new(texts: impl Iterator<Item = Text>) -> Models {
        let texts: HashMap<String, Text> = texts.map(|text| (text.text.clone(), text)).collect();
        let dims = texts.values().next().unwrap().vector.len();
        let (name, digest) = ("by heart".to_owned(), "1".to_owned());
        let encoder = EncoderInfo { name: name.clone(), digest: digest.clone() };
        Models {
            embedder: EmbedderInfo { name, digest, dims, max_tokens: 128, matryoshka: true },
            encoder,
            texts,
            words: read("words"),
        }
    }

    /// For each word its vector and three tenths of that of the word before, of length 1.
    fn tokens(&self, text: &str) -> Vec<Vec<f32>> {
        let words: Vec<&Vec<f64>> = text.split(' ').map(|word| &self.words[word]).collect();
        let of = |(at, word): (usize, &&Vec<f64>)| {
            let before = |d: usize| if at > 0 { words[at - 1][d] } else { 0.0 };
            let row: Vec<f64> = word.iter().enumerate().map(|(d, x)| x + 0.3 * before(d)).collect();
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| (x / length) as f32).collect()
        };
        words.iter().enumerate().map(of).collect()
    }
}

impl Embedder for Models {
    fn info(&self) -> &EmbedderInfo {
        &self.embedder
    }

    fn embed<'a>(&'a self, texts: &'a [String], _: Role, _: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        Box::pin(ready(Ok(texts.iter().flat_map(|text| self.texts[text].vector.clone()).collect())))
    }
}

impl SparseEncoder for Models {
    fn info(&self) -> &EncoderInfo {
        &self.encoder
    }

    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        _: Role,
        _: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<SparseVector>>> {
        let weights = |text: &String| {
            let mut weights: SparseVector = self.texts[text].weights.clone().into_iter().collect();
            weights.sort_by(|a, b| b.1.total_cmp(&a.1));
            weights
        };
        Box::pin(ready(Ok(texts.iter().map(weights).collect())))
    }
}

impl LateEncoder for Models {
    fn info(&self) -> &EncoderInfo {
        &self.encoder
    }

    fn dims(&self) -> usize {
        self.words.values().next().unwrap().len()
    }

    fn encode<'a>(&'a self, texts: &'a [String], _: Role, _: &'a dyn Pacer) -> LocalFuture<'a, Result<TokenRows>> {
        let mut out = TokenRows::default();
        for text in texts {
            let tokens = self.tokens(text);
            out.counts.push(tokens.len() as u32);
            out.rows.extend(tokens.concat());
        }
        Box::pin(ready(Ok(out)))
    }
}

/// The documents of the fixture in an engine, and its queries.
struct Collection {
    engine: Engine,
    models: Option<Models>,
    queries: Vec<Text>,
}

impl Collection {
    /// Texts without titles, which the models know.
    fn of_texts(vectors: VectorSettings) -> Collection {
        let (documents, queries): (Vec<Text>, Vec<Text>) = (read("documents"), read("queries"));
        let models = Models::new(documents.iter().chain(&queries).cloned());
        Collection::new(Some(models), queries, Some(vectors)).with(&documents)
    }

    /// Titles and texts, which no model reads. In three segments: statistics are those of all.
    fn of_titled() -> Collection {
        let documents: Vec<Text> = read("documents");
        let collection = Collection::new(None, read("queries"), None);
        documents.chunks(documents.len().div_ceil(3)).fold(collection, Collection::with)
    }

    fn new(models: Option<Models>, queries: Vec<Text>, vectors: Option<VectorSettings>) -> Collection {
        let wanted = Wanted { vectors, ..Wanted::default() };
        let engine = block_on(Engine::open(Box::new(MemoryStore::new()), wanted)).unwrap();
        Collection { engine, models, queries }
    }

    /// Adds documents, numbered on.
    fn with(self, documents: &[Text]) -> Collection {
        let number = |at: usize| format!("d{:02}", self.engine.ids().len() + at);
        let document = |(at, document): (usize, &Text)| {
            let Text { title, text, .. } = document.clone();
            let title = Some(title).filter(|title| self.models.is_none() && !title.is_empty());
            Document { id: number(at), text, title, url: None, meta: Default::default(), language: None }.into()
        };
        let documents: Vec<Incoming> = documents.iter().enumerate().map(document).collect();
        self.run(async |services| self.engine.add(documents, services).await).unwrap();
        self
    }

    fn run<T>(&self, call: impl AsyncFnOnce(&Services<'_>) -> T) -> T {
        let models = self.models.as_ref();
        let services = Services {
            pacer: &Unpaced,
            clock: &Stopped,
            embedder: models.map(|models| models as &dyn Embedder),
            sparse: models.map(|models| models as &dyn SparseEncoder),
            late: models.map(|models| models as &dyn LateEncoder),
            reranker: None,
            graphs: None,
            turn: None,
            counter: &WordCounter,
            progress: &|_| {},
        };
        block_on(call(&services))
    }

    /// All that is found, with at most a hit for each document.
    fn search(&self, query: &str, options: &Value) -> Found {
        let mut options = options.clone();
        options["k"] = self.engine.ids().len().into();
        let options = serde_json::from_value(options).unwrap();
        self.run(async |services| self.engine.search(query, options, services).await).unwrap()
    }

    /// Puts the first queries to the engine and compares its scores with the expected ones, one entry a query.
    #[track_caller]
    fn check(&self, options: Value, expected: &[Scores], tolerance: impl Fn(&Text) -> f64) {
        assert!(!expected.is_empty() && expected.len() <= self.queries.len());
        for (query, expected) in self.queries.iter().zip(expected) {
            let hits = self.search(&query.text, &options).hits;
            let found: Scores = hits.iter().map(|hit| (number(&hit.id), f64::from(hit.score))).collect();
            let asked = &query.text;
            assert!(found.keys().eq(expected.keys()), "{options} {asked}: {found:?}, not {expected:?}");
            for (at, expected) in expected {
                let error = (found[at] - expected).abs() / expected.abs().max(1.0);
                let score = found[at];
                assert!(error <= tolerance(query), "{options} {asked}: {score} of document {at}, not {expected}");
            }
        }
    }
}

/// Which document this is.
fn number(id: &str) -> usize {
    id[1..].parse().unwrap()
}

/// To what the engine and the reference agree where both do the same.
fn close(_: &Text) -> f64 {
    CLOSE
}
