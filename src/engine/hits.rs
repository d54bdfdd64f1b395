//! From candidates to what a caller sees: text, highlights, and why a hit stands where it stands.

use super::levels::parent;
use super::load::Care;
use super::question::Question;
use super::Engine;
use crate::error::Result;
use crate::index::{explain_sparse, Bitset, Level, Meta, SparseQuery, TermContribution};
use crate::search::options::SearchOptions;
use crate::search::retrieve::{legs, scorer, Candidate, Standing};
use crate::search::snapshot::Snapshot;
use crate::text::highlight;
use serde::Serialize;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    pub id: String,
    /// Number of the chunk within its document.
    pub chunk: u32,
    /// Higher is better; its scale depends on the mode. After reranking it is what that gave it (the cross-encoder's
    /// logit), and hits that were not reranked follow below the lowest one.
    pub score: f32,
    /// Unless it is a chunk.
    #[serde(skip_serializing_if = "is_chunk")]
    pub level: Level,
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
    /// With parents: where in `text` stands what was found, as UTF-16 offsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<[u32; 2]>,
}

fn is_chunk(level: &Level) -> bool {
    *level == Level::Chunk
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<SparseExplanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Place>,
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
    pub question: &'a Question,
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
        let words: HashSet<String> = asked.question.terms.iter().map(|(term, _)| term.clone()).collect();
        let (mut hits, mut shown) = (Vec::new(), HashSet::new());
        for (candidate, logit) in ranked {
            if hits.len() == asked.options.k {
                break;
            }
            let place = candidate.place;
            let view = &asked.snapshot.views[place.view as usize];
            let chunk = view.segment.chunk(place.chunk)?;
            let doc = chunk.doc;
            if asked.options.parents {
                // Of those that share a parent, the best stands for all.
                let span = parent(&view.segment, place.chunk)?.span;
                if !shown.insert((place.view, doc, span.start, span.end)) {
                    continue;
                }
            }
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
                level: match asked.options.level {
                    Some(Level::Document) if candidate.dense.is_some() => Level::Document,
                    _ => chunk.unit.level(),
                },
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
        let small = view.segment.chunk(candidate.place.chunk)?;
        let chunk = match asked.options.parents {
            true => parent(&view.segment, candidate.place.chunk)?,
            false => small.clone(),
        };
        let doc = view.segment.doc(chunk.doc)?;
        let Some(text) = self.chunk_text(view, &chunk, asked.care).await? else { return Ok(None) };
        let found = asked.options.parents.then(|| place_in(&text, chunk.span.start, &small.span));
        let analyzer = self.analyzers.get(doc.language)?;
        let ranges = highlight(&text, words, &analyzer);
        Ok(Some(Content {
            title: doc.title.map(str::to_owned),
            url: doc.url.map(str::to_owned),
            meta: doc.meta()?,
            context: chunk.context.to_owned(),
            text,
            ranges: ranges.into_iter().map(|range| [range.start, range.end]).collect(),
            source: [chunk.source.start, chunk.source.end],
            found,
        }))
    }
}

/// Where a span of a document lies in a part of it that begins at `start`, in UTF-16 units.
fn place_in(text: &str, start: usize, span: &Range<usize>) -> [u32; 2] {
    let units =
        |at: usize| text.get(..at.saturating_sub(start)).map_or(0, |before| before.encode_utf16().count() as u32);
    [units(span.start), units(span.end)]
}

fn explain(asked: &Asked<'_>, candidate: &Candidate, logit: Option<f32>) -> Explanation {
    let Candidate { place, score, sparse, dense, tokens } = *candidate;
    let query = SparseQuery { terms: asked.question.sparse_terms(), scorer: scorer(asked.options) };
    let all = legs(asked.snapshot, asked.allowed);
    let by_terms = |Standing { rank, score }| SparseExplanation {
        rank,
        score,
        terms: explain_sparse(&all, place.view, place.chunk, &query),
    };
    Explanation {
        sparse: sparse.map(by_terms),
        dense: dense.map(|Standing { rank, score }| Place { rank, score }),
        tokens: tokens.map(|Standing { rank, score }| Place { rank, score }),
        fused: score,
        rerank: logit,
    }
}
