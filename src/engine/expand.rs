//! A search for more than its words say: hypothetical answers move its vector, first answers rewrite it, and other
//! queries are asked beside it.

use super::load::Care;
use super::question::Question;
use super::read::Retrieved;
use super::remote::Needs;
use super::services::Services;
use super::splade::weighted_passages;
use super::timings::Watch;
use super::write::model_input;
use super::Engine;
use crate::error::Result;
use crate::index::{normalised, Filter, Metric};
use crate::model::Role;
use crate::search::feedback::{relevance_model, rm3, rocchio, Feedback, FeedbackOptions};
use crate::search::options::SearchOptions;
use crate::search::retrieve::unite;
use crate::search::snapshot::Snapshot;
use serde::Serialize;
use std::rc::Rc;

/// What was searched for in the end, for `explain`.
#[derive(Clone, Debug, Serialize)]
pub struct Expansion {
    /// Terms of the lexical query with their weights.
    pub terms: Vec<(String, f32)>,
    /// Queries asked beside it.
    pub queries: Vec<String>,
}

/// What a search works with.
pub(super) struct Work<'a, 'b> {
    pub filter: Option<&'a Filter>,
    pub options: &'a SearchOptions,
    pub services: &'a Services<'a>,
    pub care: Care,
    pub watch: &'a mut Watch<'b>,
}

/// Most frequent share of chunks at which a term still says something about the feedback it stands in.
const COMMON: f32 = 0.1;

impl Engine {
    /// Retrieves for the question and all that `expand` adds to it. Returns the question as it was asked in the end.
    pub(super) async fn pursue(
        &self,
        snapshot: Rc<Snapshot>,
        mut question: Question,
        work: &mut Work<'_, '_>,
    ) -> Result<(Question, Retrieved)> {
        let Some(expand) = &work.options.expand else {
            let found = self.retrieve(snapshot, &question, work).await?;
            return Ok((question, found));
        };
        if let Some(vector) = &question.vector {
            question.vector = Some(self.hypothetical(vector, &expand.passages, &snapshot, work.services).await?);
            work.watch.lap(|t| &mut t.embed);
        }
        let mut first = self.retrieve(Rc::clone(&snapshot), &question, work).await?;
        if let Some(feedback) = expand.feedback.filter(|feedback| feedback.documents > 0) {
            question = self.learn(question, &first, &feedback, work).await?;
            work.watch.lap(|t| &mut t.expand);
            first = self.retrieve(Rc::clone(&snapshot), &question, work).await?;
        }
        let mut answers = vec![std::mem::take(&mut first.ranked)];
        for query in &expand.queries {
            let other = self.question(query, work.options, &snapshot, work.services).await?;
            work.watch.lap(|t| &mut t.embed);
            answers.push(self.retrieve(Rc::clone(&snapshot), &other, work).await?.ranked);
        }
        first.ranked = unite(&first.snapshot, answers, work.options)?;
        work.watch.lap(|t| &mut t.fuse);
        Ok((question, first))
    }

    /// A vector in the form in which vectors are compared, so that none weighs more in a mean because it is longer: under
    /// the cosine of length 1.
    fn weighed_alike(&self, vector: &[f32]) -> Vec<f32> {
        match self.settings().vectors.metric {
            Metric::Cosine => normalised(vector),
            Metric::Dot | Metric::Euclidean => vector.to_vec(),
        }
    }

    /// The mean of the query's vector and those of hypothetical answers.
    async fn hypothetical(
        &self,
        query: &[f32],
        passages: &[String],
        snapshot: &Snapshot,
        services: &Services<'_>,
    ) -> Result<Vec<f32>> {
        let rows = match passages {
            [] => None,
            texts => self.vectors(texts, Role::Passage, snapshot, services).await?,
        };
        let rows: Vec<_> = rows.unwrap_or_default().iter().map(|row| self.weighed_alike(row)).collect();
        let share = 1.0 / (rows.len() + 1) as f32;
        let mean = FeedbackOptions { alpha: share, beta: 1.0 - share, ..FeedbackOptions::default() };
        Ok(rocchio(&self.weighed_alike(query), &rows, &mean))
    }

    /// The question as its first answers rewrite it: RM3 for its words, or for its weighted terms where those are what is
    /// compared, and Rocchio for its vector.
    async fn learn(
        &self,
        question: Question,
        found: &Retrieved,
        options: &FeedbackOptions,
        work: &Work<'_, '_>,
    ) -> Result<Question> {
        let first = &found.ranked[..found.ranked.len().min(options.documents)];
        let (mut answers, mut inputs, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        self.fetch_texts(&found.snapshot, &first.iter().collect::<Vec<_>>()).await?;
        for candidate in first {
            let view = &found.snapshot.views[candidate.place.view as usize];
            let chunk = view.segment.chunk(candidate.place.chunk)?;
            let Some(text) = self.chunk_text(view, &chunk, work.care).await? else { continue };
            let doc = view.segment.doc(chunk.doc)?;
            let mut terms = Vec::new();
            match question.splade {
                None => {
                    terms.extend(self.analyzers.get(doc.language)?.terms(&text).into_iter().map(|term| (term, 1.0)))
                }
                Some(_) => inputs.push(model_input(doc.title.unwrap_or_default(), chunk.context, &text)),
            }
            answers.push(Feedback { terms, score: candidate.score.max(0.0) });
            vectors.extend(view.segment.vector(candidate.place.chunk)?);
            work.services.pacer.pause().await?;
        }
        let vector = question.vector.as_ref().map(|vector| rocchio(&self.weighed_alike(vector), &vectors, options));
        let Some(weighted) = &question.splade else {
            // More than are wanted: some will turn out to stand everywhere.
            let mut model = relevance_model(&answers);
            model.truncate(3 * options.terms);
            let telling = self.telling(Rc::clone(&found.snapshot), &model, options.documents, work).await?;
            let terms = rm3(&question.terms, &telling, options);
            return Ok(Question { terms, vector, ..question });
        };
        let read = weighted_passages(&inputs, work.services).await?;
        answers.iter_mut().zip(read).for_each(|(answer, terms)| answer.terms = terms);
        let splade = Some(rm3(weighted, &relevance_model(&answers), options));
        Ok(Question { vector, splade, ..question })
    }

    /// Terms that stand in at most a tenth of all chunks, or in no more than were read.
    async fn telling(
        &self,
        snapshot: Rc<Snapshot>,
        model: &[(String, f32)],
        read: usize,
        work: &Work<'_, '_>,
    ) -> Result<Vec<(String, f32)>> {
        let needs =
            Needs { terms: model, columns: work.filter.is_some(), vectors: false, splade: false, tokens: false };
        let snapshot = self.equipped(snapshot, &needs).await?;
        let chunks: f32 = snapshot.views.iter().map(|view| view.segment.chunks() as f32).sum();
        let df = |term: &str| snapshot.views.iter().map(|view| view.segment.df(term) as f32).sum::<f32>();
        Ok(model.iter().filter(|(term, _)| df(term) <= (COMMON * chunks).max(read as f32)).cloned().collect())
    }
}
