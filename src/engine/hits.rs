//! From candidates to what a caller sees: text, highlights, and why a hit stands where it stands.

use super::load::Care;
use super::Engine;
use crate::error::Result;
use crate::index::{explain_sparse, Bitset, Meta, SparseQuery, TermContribution};
use crate::search::options::SearchOptions;
use crate::search::retrieve::{legs, scorer, Candidate, Standing};
use crate::search::snapshot::Snapshot;
use crate::text::highlight;
use serde::Serialize;
use std::collections::HashSet;
use std::rc::Rc;

#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    pub id: String,
    /// Number of the chunk within its document.
    pub chunk: u32,
    /// Higher is better; its scale depends on the mode. After reranking it is the cross-encoder's logit, and hits
    /// that were not reranked follow below the lowest one.
    pub score: f32,
    #[serde(flatten)]
    pub content: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What is read from the store for a hit.
#[derive(Clone, Debug, Serialize)]
pub struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub meta: Meta,
    /// Headings above the chunk.
    pub context: String,
    pub text: String,
    /// Parts of `text` that match the query, as UTF-16 offsets.
    pub ranges: Vec<[u32; 2]>,
    /// Bytes of the document as it was added.
    pub source: [usize; 2],
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<SparseExplanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<Place>,
    /// The score before reranking.
    pub fused: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Place {
    pub rank: usize,
    pub score: f32,
}

#[derive(Clone, Debug, Serialize)]
pub struct SparseExplanation {
    pub rank: usize,
    pub score: f32,
    pub terms: Vec<TermContribution>,
}

/// What the candidates answer.
pub(super) struct Asked<'a> {
    pub snapshot: &'a Snapshot,
    pub allowed: &'a [Option<Rc<Bitset>>],
    pub terms: &'a [(String, f32)],
    pub options: &'a SearchOptions,
    pub care: Care,
}

impl Engine {
    /// The first `k` candidates as hits. Each comes with its logit where it was reranked.
    pub(super) async fn hits(&self, asked: &Asked<'_>, ranked: Vec<(Candidate, Option<f32>)>) -> Result<Vec<Hit>> {
        if asked.options.text {
            let first: Vec<&Candidate> = ranked.iter().take(asked.options.k).map(|(candidate, _)| candidate).collect();
            self.fetch_texts(asked.snapshot, &first).await?;
        }
        let words: HashSet<String> = asked.terms.iter().map(|(term, _)| term.clone()).collect();
        let mut hits = Vec::new();
        for (candidate, logit) in ranked {
            if hits.len() == asked.options.k {
                break;
            }
            let place = candidate.place;
            let view = &asked.snapshot.views[place.view as usize];
            let doc = view.segment.chunk(place.chunk)?.doc;
            let content = match asked.options.text {
                false => None,
                // A hit without its text gives way to the next one.
                true => match self.content(asked, &candidate, &words).await? {
                    Some(content) => Some(content),
                    None => continue,
                },
            };
            hits.push(Hit {
                id: view.segment.doc(doc)?.id.to_owned(),
                chunk: place.chunk - view.segment.doc_chunks(doc).start,
                score: logit.unwrap_or(candidate.score),
                content,
                explanation: asked.options.explain.then(|| explain(asked, &candidate, logit)),
            });
        }
        Ok(hits)
    }

    async fn content(
        &self,
        asked: &Asked<'_>,
        candidate: &Candidate,
        words: &HashSet<String>,
    ) -> Result<Option<Content>> {
        let view = &asked.snapshot.views[candidate.place.view as usize];
        let chunk = view.segment.chunk(candidate.place.chunk)?;
        let doc = view.segment.doc(chunk.doc)?;
        let Some(text) = self.chunk_text(view, &chunk, asked.care).await? else { return Ok(None) };
        let ranges = highlight(&text, words, &self.analyzer);
        Ok(Some(Content {
            title: doc.title.map(str::to_owned),
            url: doc.url.map(str::to_owned),
            meta: doc.meta()?,
            context: chunk.context.to_owned(),
            text,
            ranges: ranges.into_iter().map(|range| [range.start, range.end]).collect(),
            source: [chunk.source.start, chunk.source.end],
        }))
    }
}

fn explain(asked: &Asked<'_>, candidate: &Candidate, logit: Option<f32>) -> Explanation {
    let Candidate { place, score, sparse, dense } = *candidate;
    let query = SparseQuery { terms: asked.terms, scorer: scorer(asked.options) };
    let all = legs(asked.snapshot, asked.allowed);
    let by_terms = |Standing { rank, score }| SparseExplanation {
        rank,
        score,
        terms: explain_sparse(&all, place.view, place.chunk, &query),
    };
    Explanation {
        sparse: sparse.map(by_terms),
        dense: dense.map(|Standing { rank, score }| Place { rank, score }),
        fused: score,
        rerank: logit,
    }
}
