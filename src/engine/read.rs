//! Answering: analyse and embed the query, retrieve, fuse, fetch texts, rerank, and say how long each stage took.

use super::colbert;
use super::context::Context;
use super::expand::{Expansion, Work};
use super::hits::{Asked, Hit};
use super::load::{is_damage, Care};
use super::question::{effective_mode, Question};
use super::remote::Needs;
use super::services::Services;
use super::timings::{Timings, Watch};
use super::verify::live_ids;
use super::{Engine, GraphPolicy};
use crate::error::{Error, Result};
use crate::index::{Bitset, DenseMode, Document, Filter};
use crate::limits;
use crate::search::options::{ExpandOptions, Mode, RerankWith, SearchOptions, SparseKind};
use crate::search::retrieve::{
    allowed, candidates, dense_leg, joint_leg, second_stage, sparse_leg, token_leg, Candidate, Legs,
};
use crate::search::snapshot::Snapshot;
use serde::Serialize;
use std::rc::Rc;

#[derive(Clone, Debug, Serialize)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub timings: Timings,
    /// What was searched: `sparse` where `hybrid` was asked for and the collection has no vectors.
    pub mode: Mode,
    pub generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// With `explain`, where the search was expanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Expansion>,
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
            language: found.language.map(str::to_owned),
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
        if !is_of_words_alone(&options) {
            self.complete(services.pacer).await?;
        }
        let snapshot = self.snapshot();
        let filter = options.filter.as_ref().map(Filter::parse).transpose()?;
        let vectors = match (options.vectors, self.settings().vectors.index) {
            (DenseMode::Auto, GraphPolicy::Flat) => DenseMode::Flat,
            (DenseMode::Auto, GraphPolicy::Hnsw) => DenseMode::Hnsw,
            (asked, _) => asked,
        };
        let mut options = SearchOptions { mode: effective_mode(&options, &snapshot, services)?, vectors, ..options };
        let rewritten = options.expand.as_ref().and_then(|expand| expand.rewrite.clone());
        let asked = rewritten.as_deref().unwrap_or(query);
        let question = match self.question(asked, &options, &snapshot, services).await {
            // Without its rotation a query has no vector, but words.
            Err(error) if care == Care::Lenient && options.mode == Mode::Hybrid && is_damage(&error) => {
                self.note_damage(&error);
                options.mode = Mode::Sparse;
                self.question(asked, &options, &snapshot, services).await?
            }
            question => question?,
        };
        watch.lap(|t| &mut t.embed);
        let mut work = Work { filter: filter.as_ref(), options: &options, services, care, watch: &mut watch };
        let (question, found) = self.pursue(snapshot, question, &mut work).await?;
        let Retrieved { snapshot, allowed, ranked } = found;
        let asked = Asked { snapshot: &snapshot, allowed: &allowed, question: &question, options: &options, care };
        let ranked = match options.rerank {
            Some(rerank) if options.k > 0 => self.rerank(query, &asked, ranked, rerank, services).await?,
            _ => ranked.into_iter().map(|candidate| (candidate, None)).collect(),
        };
        watch.lap(|t| &mut t.rerank);
        let context = match &options.context {
            Some(context) => Some(self.context(&asked, &ranked, context, services).await?),
            None => None,
        };
        watch.lap(|t| &mut t.context);
        let hits = self.hits(&asked, ranked).await?;
        watch.lap(|t| &mut t.fetch);
        let generation = snapshot.manifest.generation;
        let expanded = |expand: &ExpandOptions| Expansion {
            terms: question.sparse_terms().to_vec(),
            queries: expand.queries.clone(),
        };
        let expansion = options.expand.as_ref().filter(|_| options.explain).map(expanded);
        Ok(Found { hits, timings: watch.finish(), mode: options.mode, generation, context, expansion })
    }

    /// The legs of the mode and their fusion, over what is fetched for this question.
    pub(super) async fn retrieve(
        &self,
        snapshot: Rc<Snapshot>,
        question: &Question,
        work: &mut Work<'_, '_>,
    ) -> Result<Retrieved> {
        let Work { filter, options, services, watch, .. } = work;
        let vector = question.vector.as_deref();
        let terms = match options.mode {
            Mode::Dense | Mode::Colbert => &[],
            _ => question.sparse_terms(),
        };
        let splade = question.splade.is_some();
        let words = if splade { &[] } else { terms };
        let tokens = colbert::is_wanted(options);
        let needs = Needs { terms: words, columns: filter.is_some(), vectors: vector.is_some(), splade, tokens };
        let snapshot = self.equipped(snapshot, &needs).await?;
        if let Some(filter) = filter {
            snapshot.check_fields(filter.fields())?;
        }
        services.pacer.pause().await?;
        let allowed = allowed(&snapshot, *filter);
        let mut depth = options.leg_depth();
        loop {
            let mut legs = Legs::default();
            if !matches!(options.mode, Mode::Dense | Mode::Joint | Mode::Colbert) {
                legs.sparse = sparse_leg(&snapshot, &allowed, terms, options, depth);
            }
            watch.lap(|t| &mut t.sparse);
            match (options.mode, vector) {
                (_, None) => {}
                (Mode::Joint, Some(vector)) => {
                    legs = joint_leg(&snapshot, &allowed, terms, vector, options, depth)?;
                }
                (Mode::TwoStage, Some(vector)) => {
                    legs.dense = second_stage(&snapshot, &allowed, vector, options, &legs.sparse)?;
                }
                (_, Some(vector)) => legs.dense = dense_leg(&snapshot, &allowed, vector, options, depth)?,
            }
            watch.lap(|t| &mut t.dense);
            if let Some(query) = &question.tokens {
                legs.tokens = token_leg(&snapshot, &allowed, query, depth)?;
            }
            watch.lap(|t| &mut t.tokens);
            services.pacer.pause().await?;
            let ranked = candidates(&snapshot, &legs, options)?;
            watch.lap(|t| &mut t.fuse);
            // Long documents may fill a leg with their chunks: look deeper until there are k documents or no more.
            let exhausted = [&legs.sparse, &legs.dense, &legs.joint, &legs.tokens].iter().all(|leg| leg.len() < depth);
            if ranked.len() >= options.k || exhausted || depth >= limits::HITS {
                return Ok(Retrieved { snapshot, allowed, ranked });
            }
            depth = (depth * 4).min(limits::HITS);
        }
    }
}

/// Whether neither vectors, nor weighted terms, nor token vectors can play a part.
fn is_of_words_alone(options: &SearchOptions) -> bool {
    options.mode == Mode::Sparse
        && options.sparse != SparseKind::Splade
        && options.rerank.is_none_or(|rerank| rerank.with != RerankWith::Colbert)
        && options.context.is_none()
        && options.expand.is_none()
}

/// What a question found, in the snapshot that was equipped for it.
pub(super) struct Retrieved {
    pub snapshot: Rc<Snapshot>,
    /// By view: the chunks that deletions and the filter leave.
    pub allowed: Vec<Option<Rc<Bitset>>>,
    pub ranked: Vec<Candidate>,
}
