//! What the engine is given in tests: an embedder whose vectors can be reasoned about, a reranker that counts shared
//! words, and pacers that stop.

use nearfield::engine::{GraphBuilder, Progress, Services};
use nearfield::error::{Error, ErrorKind, Result};
use nearfield::model::{
    Embedder, EmbedderInfo, EncoderInfo, LateEncoder, Reranker, Role, Spanned, SparseEncoder, SparseVector, TokenRows,
};
use nearfield::pace::{LocalFuture, Pacer, Stopped};
use nearfield::text::WordCounter;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

pub const DIMS: usize = 64;

/// Each word adds one to a dimension that its letters choose: texts that share words are near each other.
pub struct WordHashes {
    info: EmbedderInfo,
}

impl WordHashes {
    pub fn new(digest: &str) -> WordHashes {
        let info = EmbedderInfo {
            name: "word-hashes".into(),
            digest: digest.into(),
            dims: DIMS,
            max_tokens: 128,
            matryoshka: false,
        };
        WordHashes { info }
    }

    /// The same vectors, of a model that says that their prefixes stand for them.
    pub fn matryoshka(digest: &str) -> WordHashes {
        let WordHashes { info } = WordHashes::new(digest);
        WordHashes { info: EmbedderInfo { matryoshka: true, ..info } }
    }

    pub fn vector(text: &str) -> Vec<f32> {
        let mut vector = vec![0.01; DIMS];
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let hash =
                word.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
            vector[(hash >> 32) as usize % DIMS] += 1.0;
        }
        let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter().map(|v| v / norm).collect()
    }
}

/// The vector of a part of a text, half of which is the text around it.
pub fn in_context(text: &str, part: &str) -> Vec<f32> {
    WordHashes::vector(&format!("{part} {text}"))
}

impl Embedder for WordHashes {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    fn embed<'a>(&'a self, texts: &'a [String], _: Role, pacer: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        Box::pin(async move {
            pacer.pause().await?;
            Ok(texts.iter().flat_map(|text| WordHashes::vector(text)).collect())
        })
    }

    fn embed_spans<'a>(&'a self, texts: &'a [Spanned], _: &'a dyn Pacer) -> LocalFuture<'a, Result<Vec<f32>>> {
        let rows = |text: &'a Spanned| text.spans.iter().map(|span| in_context(&text.text, &text.text[span.clone()]));
        Box::pin(std::future::ready(Ok(texts.iter().flat_map(rows).flatten().collect())))
    }
}

/// Each word weighs its length, up to ten, by a quarter; and words stand for their first two letters, which weigh less.
pub struct WordWeights {
    info: EncoderInfo,
}

impl WordWeights {
    pub fn new(digest: &str) -> WordWeights {
        WordWeights { info: EncoderInfo { name: "word-weights".into(), digest: digest.into() } }
    }

    pub fn weights(text: &str) -> SparseVector {
        let mut weights = BTreeMap::new();
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            weights.insert(word.to_owned(), word.len().min(10) as f32 / 4.0);
            weights.entry(word.chars().take(2).collect()).or_insert(0.25);
        }
        let mut weights: SparseVector = weights.into_iter().collect();
        weights.sort_by(|a, b| b.1.total_cmp(&a.1));
        weights
    }
}

impl SparseEncoder for WordWeights {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        _: Role,
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<SparseVector>>> {
        Box::pin(async move {
            pacer.pause().await?;
            Ok(texts.iter().map(|text| WordWeights::weights(text)).collect())
        })
    }
}

/// The token of a word is the direction that its letters choose, pulled a little towards that of the word before it.
pub struct WordVectors {
    info: EncoderInfo,
}

impl WordVectors {
    pub const DIMS: usize = 18;

    pub fn new(digest: &str) -> WordVectors {
        WordVectors { info: EncoderInfo { name: "word-vectors".into(), digest: digest.into() } }
    }

    pub fn words(text: &str) -> Vec<String> {
        let words = text.to_lowercase();
        words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn vector(word: &str, before: &str) -> Vec<f32> {
        let noise = |seed: &str, at: usize| {
            let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325u64 ^ (at as u64) << 17, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
            });
            (hash >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let vector: Vec<f32> = (0..WordVectors::DIMS).map(|at| noise(word, at) + 0.3 * noise(before, at)).collect();
        let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter().map(|v| v / norm).collect()
    }

    pub fn vectors(text: &str) -> Vec<Vec<f32>> {
        let words = WordVectors::words(text);
        let before = std::iter::once("").chain(words.iter().map(String::as_str));
        words.iter().zip(before).map(|(word, before)| WordVectors::vector(word, before)).collect()
    }
}

impl LateEncoder for WordVectors {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn dims(&self) -> usize {
        WordVectors::DIMS
    }

    fn encode<'a>(&'a self, texts: &'a [String], _: Role, pacer: &'a dyn Pacer) -> LocalFuture<'a, Result<TokenRows>> {
        Box::pin(async move {
            pacer.pause().await?;
            let mut out = TokenRows::default();
            for text in texts {
                let vectors = WordVectors::vectors(text);
                out.counts.push(vectors.len() as u32);
                out.rows.extend(vectors.concat());
            }
            Ok(out)
        })
    }
}

/// The score is the number of query words that a passage holds.
pub struct SharedWords;

impl Reranker for SharedWords {
    fn score<'a>(
        &'a self,
        query: &'a str,
        passages: &'a [String],
        _: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<f32>>> {
        let words = |passage: &String| query.split(' ').filter(|word| passage.contains(word)).count() as f32;
        Box::pin(std::future::ready(Ok(passages.iter().map(words).collect())))
    }
}

pub struct InPlace;

impl GraphBuilder for InPlace {
    fn build<'a>(&'a self, job: Vec<u8>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(std::future::ready(nearfield::index::build_graph(&job, 7)))
    }
}

/// Aborts at the n-th pause.
pub struct AbortAfter(pub Cell<usize>);

impl Pacer for AbortAfter {
    fn pause(&self) -> LocalFuture<'_, Result<()>> {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        let result = match left {
            0 => Err(Error::new(ErrorKind::Aborted, "the caller's signal")),
            _ => Ok(()),
        };
        Box::pin(std::future::ready(result))
    }
}

/// Owns what [`Services`] borrows.
pub struct Host {
    pub pacer: Box<dyn Pacer>,
    pub embedder: Option<WordHashes>,
    pub sparse: Option<WordWeights>,
    pub late: Option<WordVectors>,
    pub reports: RefCell<Vec<Progress>>,
}

impl Host {
    pub fn new() -> Host {
        Host::with(nearfield::pace::Unpaced, Some(WordHashes::new("a")))
    }

    /// With a late-interaction model, too.
    pub fn late() -> Host {
        Host { late: Some(WordVectors::new("t")), ..Host::new() }
    }

    pub fn with(pacer: impl Pacer + 'static, embedder: Option<WordHashes>) -> Host {
        let sparse = Some(WordWeights::new("w"));
        Host { pacer: Box::new(pacer), embedder, sparse, late: None, reports: RefCell::default() }
    }

    /// Runs one call of the engine to its end.
    pub fn run<T>(&self, call: impl AsyncFnOnce(&Services<'_>) -> T) -> T {
        let report = |progress: Progress| self.reports.borrow_mut().push(progress);
        let services = Services {
            pacer: &*self.pacer,
            clock: &Stopped,
            embedder: self.embedder.as_ref().map(|embedder| embedder as &dyn Embedder),
            sparse: self.sparse.as_ref().map(|encoder| encoder as &dyn SparseEncoder),
            late: self.late.as_ref().map(|encoder| encoder as &dyn LateEncoder),
            reranker: Some(&SharedWords),
            graphs: Some(&InPlace),
            turn: None,
            counter: &WordCounter,
            progress: &report,
        };
        pollster::block_on(call(&services))
    }

    pub fn committed(&self) -> usize {
        self.reports.borrow().last().map_or(0, |progress| progress.committed)
    }
}
