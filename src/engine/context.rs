//! What a language model is given to read of an answer: passages within a budget of tokens, numbered for citation.

use super::hits::Asked;
use super::levels::home;
use super::services::Services;
use super::write::heading;
use super::Engine;
use crate::error::Result;
use crate::search::context::{select, Choice, ContextOptions, Run};
use crate::search::retrieve::{Candidate, Place};
use serde::Serialize;

/// Candidates among which passages are chosen, for each passage wanted.
const WIDTH: usize = 5;

#[derive(Clone, Debug, Serialize)]
pub struct Context {
    /// All passages as one text, each under its number and title: what goes into the prompt.
    pub text: String,
    pub passages: Vec<Passage>,
    /// Of the text.
    pub tokens: usize,
}

/// One or several neighbouring chunks of a document.
#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    /// From 1: how the text names it, and an answer may cite it.
    pub number: usize,
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headings above its first chunk.
    pub context: String,
    pub text: String,
    /// First and last chunk.
    pub chunks: [u32; 2],
    /// Bytes of the document as it was added.
    pub source: [usize; 2],
    /// That of its best chunk.
    pub score: f32,
    /// Of the text under its number and title.
    pub tokens: usize,
}

impl Engine {
    pub(super) async fn context(
        &self,
        asked: &Asked<'_>,
        ranked: &[(Candidate, Option<f32>)],
        options: &ContextOptions,
        services: &Services<'_>,
    ) -> Result<Context> {
        let ranked = &ranked[..ranked.len().min(options.passages.saturating_mul(WIDTH))];
        self.fetch_texts(asked.snapshot, &ranked.iter().map(|(candidate, _)| candidate).collect::<Vec<_>>()).await?;
        let (mut choices, mut places) = (Vec::new(), Vec::new());
        for (candidate, logit) in ranked {
            let place = home(asked.snapshot, candidate.place)?;
            let view = &asked.snapshot.views[place.view as usize];
            let chunk = view.segment.chunk(place.chunk)?;
            let Some(text) = self.chunk_text(view, &chunk, asked.care).await? else { continue };
            let title = view.segment.doc(chunk.doc)?.title;
            choices.push(Choice {
                document: (place.view, chunk.doc),
                chunk: place.chunk - view.segment.doc_chunks(chunk.doc).start,
                score: logit.unwrap_or(candidate.score),
                // No number that it may get is longer.
                tokens: services.counter.count(&numbered(options.passages, title, chunk.context, &text)),
                terms: self.analyzers.get(view.segment.doc(chunk.doc)?.language)?.terms(&text),
                vector: view.segment.vector(place.chunk)?.filter(|_| options.diversity > 0.0),
            });
            places.push(place);
            services.pacer.pause().await?;
        }
        let mut passages = Vec::new();
        for run in select(&choices, options) {
            let (place, score) = (places[run.best], choices[run.best].score);
            passages.push(self.passage(asked, place, score, &run, passages.len() + 1, services).await?);
        }
        let tokens = passages.iter().map(|passage| passage.tokens).sum();
        Ok(Context { text: prompt(&passages), passages, tokens })
    }

    async fn passage(
        &self,
        asked: &Asked<'_>,
        place: Place,
        score: f32,
        run: &Run,
        number: usize,
        services: &Services<'_>,
    ) -> Result<Passage> {
        let view = &asked.snapshot.views[place.view as usize];
        let document = view.segment.chunk(place.chunk)?.doc;
        let start = view.segment.doc_chunks(document).start;
        let (first, last) = (run.chunks.start, run.chunks.end - 1);
        let (from, to) = (view.segment.chunk(start + first)?, view.segment.chunk(start + last)?);
        // A chunk may repeat the end of the one before: the text between the outer ends has everything once.
        let text = self.text(view, document, Some(from.span.start..to.span.end.max(from.span.end))).await?;
        let doc = view.segment.doc(document)?;
        Ok(Passage {
            number,
            id: doc.id.to_owned(),
            title: doc.title.map(str::to_owned),
            url: doc.url.map(str::to_owned),
            context: from.context.to_owned(),
            tokens: services.counter.count(&numbered(number, doc.title, from.context, &text)),
            text,
            chunks: [first, last],
            source: [from.source.start, to.source.end.max(from.source.end)],
            score,
        })
    }
}

fn prompt(passages: &[Passage]) -> String {
    let one = |one: &Passage| numbered(one.number, one.title.as_deref(), &one.context, &one.text);
    passages.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

/// A passage as the language model reads it.
fn numbered(number: usize, title: Option<&str>, context: &str, text: &str) -> String {
    let heading = heading(title.unwrap_or_default(), context);
    format!("[{number}] {heading}\n{}", text.trim())
}
