//! Answering: analyse and embed the query, retrieve, fuse, fetch texts, rerank, and say how long each stage took.

use super::hits::{Asked, Hit};
use super::load::Care;
use super::remote::Needs;
use super::services::Services;
use super::verify::live_ids;
use super::write::mismatch;
use super::{Engine, GraphPolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{DenseMode, Document, Filter};
use crate::limits;
use crate::model::{Embedder, Role};
use crate::search::options::{Mode, SearchOptions};
use crate::search::retrieve::{allowed, candidates, dense_leg, sparse_leg, Candidate};
use crate::search::snapshot::Snapshot;
use serde::Serialize;
use std::collections::HashMap;

/// Milliseconds of each stage.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timings {
    pub embed: f64,
    pub sparse: f64,
    pub dense: f64,
    pub fuse: f64,
    pub rerank: f64,
    pub fetch: f64,
    pub total: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub timings: Timings,
    /// What was searched: `sparse` where `hybrid` was asked for and the collection has no vectors.
    pub mode: Mode,
    pub generation: u64,
}

impl Engine {
    /// Ids of all documents.
    pub fn ids(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        snapshot.views.iter().flat_map(|view| live_ids(&view.segment, &view.entry)).collect()
    }

    /// The document as it is stored: of HTML, its text.
    pub async fn get(&self, id: &str) -> Result<Option<Document>> {
        self.with_care(async |_| self.get_now(id).await).await
    }

    async fn get_now(&self, id: &str) -> Result<Option<Document>> {
        let snapshot = self.snapshot();
        let Some((at, doc)) = snapshot.find(id) else { return Ok(None) };
        let view = &snapshot.views[at];
        let found = view.segment.doc(doc)?;
        Ok(Some(Document {
            id: found.id.to_owned(),
            text: self.text(view, doc, None).await?,
            title: found.title.map(str::to_owned),
            url: found.url.map(str::to_owned),
            meta: found.meta()?,
        }))
    }

    pub async fn search(&self, query: &str, options: SearchOptions, services: &Services<'_>) -> Result<Found> {
        self.with_care(async |care| self.search_now(query, options.clone(), services, care).await).await
    }

    async fn search_now(
        &self,
        query: &str,
        options: SearchOptions,
        services: &Services<'_>,
        care: Care,
    ) -> Result<Found> {
        let mut watch = Watch::start(services);
        let options = options.checked()?;
        if query.len() > limits::QUERY_BYTES {
            return Err(Error::limit(format!("a query of {} bytes, at most {}", query.len(), limits::QUERY_BYTES)));
        }
        let snapshot = self.snapshot();
        let filter = options.filter.as_ref().map(Filter::parse).transpose()?;
        let vectors = match (options.vectors, self.settings().vectors.index) {
            (DenseMode::Auto, GraphPolicy::Flat) => DenseMode::Flat,
            (DenseMode::Auto, GraphPolicy::Hnsw) => DenseMode::Hnsw,
            (asked, _) => asked,
        };
        let options = SearchOptions { mode: effective_mode(&options, &snapshot, services)?, vectors, ..options };
        let blank = query.trim().is_empty();
        let terms = if blank { Vec::new() } else { self.terms(query) };
        let vector = match options.mode {
            Mode::Sparse => None,
            _ if blank => None,
            _ => self.query_vector(query, &snapshot, services).await?,
        };
        let sparse_terms = if options.mode == Mode::Dense { &[] } else { terms.as_slice() };
        let needs = Needs { terms: sparse_terms, columns: filter.is_some(), vectors: vector.is_some() };
        let snapshot = self.equipped(snapshot, &needs).await?;
        if let Some(filter) = &filter {
            snapshot.check_fields(filter.fields())?;
        }
        watch.lap(|t| &mut t.embed);
        services.pacer.pause().await?;

        let allowed = allowed(&snapshot, filter.as_ref());
        let mut depth = options.leg_depth();
        let ranked = loop {
            let sparse = match options.mode {
                Mode::Dense => Vec::new(),
                _ => sparse_leg(&snapshot, &allowed, &terms, &options, depth),
            };
            watch.lap(|t| &mut t.sparse);
            let dense = match &vector {
                Some(vector) => dense_leg(&snapshot, &allowed, vector, &options, depth)?,
                None => Vec::new(),
            };
            watch.lap(|t| &mut t.dense);
            services.pacer.pause().await?;
            let ranked = candidates(&snapshot, &sparse, &dense, &options)?;
            watch.lap(|t| &mut t.fuse);
            // Long documents may fill a leg with their chunks: look deeper until there are k documents or no more.
            let exhausted = sparse.len() < depth && dense.len() < depth;
            if ranked.len() >= options.k || exhausted || depth >= limits::HITS {
                break ranked;
            }
            depth = (depth * 4).min(limits::HITS);
        };
        let asked = Asked { snapshot: &snapshot, allowed: &allowed, terms: &terms, options: &options, care };
        let ranked = match options.rerank {
            Some(rerank) if !blank && options.k > 0 => self.rerank(query, &asked, ranked, rerank.top, services).await?,
            _ => ranked.into_iter().map(|candidate| (candidate, None)).collect(),
        };
        watch.lap(|t| &mut t.rerank);
        let hits = self.hits(&asked, ranked).await?;
        watch.lap(|t| &mut t.fetch);
        let generation = snapshot.manifest.generation;
        Ok(Found { hits, timings: watch.finish(), mode: options.mode, generation })
    }

    /// The query's terms, repeated ones with their count as weight. Of very many, the first.
    fn terms(&self, query: &str) -> Vec<(String, f32)> {
        let mut terms: Vec<(String, f32)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        self.analyzer.analyze(query, &mut |term, _| match known.get(term) {
            Some(&at) => terms[at].1 += 1.0,
            None if terms.len() < limits::QUERY_TERMS => {
                known.insert(term.to_owned(), terms.len());
                terms.push((term.to_owned(), 1.0));
            }
            None => {}
        });
        terms
    }

    async fn query_vector(
        &self,
        query: &str,
        snapshot: &Snapshot,
        services: &Services<'_>,
    ) -> Result<Option<Vec<f32>>> {
        let Some(embedder) = services.embedder.filter(|_| snapshot.manifest.embedder.is_some()) else {
            return Ok(None);
        };
        let mut vector = embedder.embed(&[query.to_owned()], Role::Query, services.pacer).await?;
        let (found, expected) = (vector.len(), embedder.info().dims);
        if found != expected {
            return Err(Error::invalid(format!("the embedder returned {found} numbers for a query, not {expected}")));
        }
        vector.truncate(self.settings().vectors.dims.unwrap_or(expected));
        Ok(Some(vector))
    }

    /// Reads the first `top` candidates with the cross-encoder and puts them in its order, the others behind them.
    async fn rerank(
        &self,
        query: &str,
        asked: &Asked<'_>,
        ranked: Vec<Candidate>,
        top: usize,
        services: &Services<'_>,
    ) -> Result<Vec<(Candidate, Option<f32>)>> {
        let reranker =
            services.reranker.ok_or_else(|| Error::invalid("rerank: the collection was opened without a reranker"))?;
        self.fetch_texts(asked.snapshot, &ranked.iter().take(top).collect::<Vec<_>>()).await?;
        let (mut passages, mut rest) = (Vec::new(), Vec::new());
        for (at, candidate) in ranked.into_iter().enumerate() {
            if at < top {
                let view = &asked.snapshot.views[candidate.place.view as usize];
                let chunk = view.segment.chunk(candidate.place.chunk)?;
                let Some(text) = self.chunk_text(view, &chunk, asked.care).await? else { continue };
                passages.push(text);
            }
            rest.push(candidate);
        }
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let logits = reranker.score(query, &passages, services.pacer).await?;
        if logits.len() != passages.len() || logits.iter().any(|logit| !logit.is_finite()) {
            let message = format!("the reranker returned {} scores for {} passages", logits.len(), passages.len());
            return Err(Error::invalid(message));
        }
        let tail = rest.split_off(passages.len());
        let mut head: Vec<(Candidate, Option<f32>)> = rest.into_iter().zip(logits.into_iter().map(Some)).collect();
        head.sort_by(|a, b| b.1.unwrap_or_default().total_cmp(&a.1.unwrap_or_default()));
        head.extend(tail.into_iter().map(|candidate| (candidate, None)));
        // Not reranked means not known to be better: scores go on falling below the last logit.
        let mut below = head.iter().filter_map(|(_, logit)| *logit).fold(f32::INFINITY, f32::min);
        for (candidate, _) in head.iter_mut().filter(|(_, logit)| logit.is_none()) {
            below -= 1.0;
            candidate.score = below;
        }
        Ok(head)
    }
}

/// Hybrid search falls back to its lexical half where the collection has no vectors, or where only lexical answers
/// can be right because the collection's vectors are another model's. Asking for vectors alone then is an error.
fn effective_mode(options: &SearchOptions, snapshot: &Snapshot, services: &Services<'_>) -> Result<Mode> {
    if options.mode == Mode::Sparse || snapshot.views.is_empty() {
        return Ok(options.mode);
    }
    let offered = services.embedder.map(Embedder::info);
    match (&snapshot.manifest.embedder, offered) {
        (Some(stored), Some(offered)) if stored.digest == offered.digest => Ok(options.mode),
        (Some(stored), Some(offered)) => Err(mismatch(Some(stored), Some(offered))),
        _ if options.mode == Mode::Hybrid => Ok(Mode::Sparse),
        (None, _) => Err(Error::new(ErrorKind::InvalidInput, "dense search: the collection has no vectors")),
        (_, None) => {
            Err(Error::new(ErrorKind::InvalidInput, "dense search: the collection was opened without its embedder"))
        }
    }
}

struct Watch<'a> {
    services: &'a Services<'a>,
    start: f64,
    last: f64,
    timings: Timings,
}

impl<'a> Watch<'a> {
    fn start(services: &'a Services<'a>) -> Watch<'a> {
        let now = services.clock.now_ms();
        Watch { services, start: now, last: now, timings: Timings::default() }
    }

    /// Adds the time since the last lap to one stage.
    fn lap(&mut self, stage: impl Fn(&mut Timings) -> &mut f64) {
        let now = self.services.clock.now_ms();
        *stage(&mut self.timings) += now - self.last;
        self.last = now;
    }

    fn finish(mut self) -> Timings {
        self.timings.total = self.services.clock.now_ms() - self.start;
        self.timings
    }
}
