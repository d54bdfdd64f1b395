//! Reranking: the first candidates are read by the cross-encoder, or their token vectors are compared with the query's,
//! and are put in the order that this gives.

use super::hits::Asked;
use super::levels::home;
use super::services::Services;
use super::Engine;
use crate::error::{Error, Result};
use crate::index::TokenScratch;
use crate::search::options::{RerankOptions, RerankWith};
use crate::search::retrieve::Candidate;
use crate::sorting::sort_by;

/// A candidate with its score, where it got one.
type Judged = (Candidate, Option<f32>);

impl Engine {
    /// Puts the first `top` candidates in a better order, the others behind them.
    pub(super) async fn rerank(
        &self,
        query: &str,
        asked: &Asked<'_>,
        mut ranked: Vec<Candidate>,
        options: RerankOptions,
        services: &Services<'_>,
    ) -> Result<Vec<Judged>> {
        let tail = ranked.split_off(ranked.len().min(options.top));
        let mut head = match options.with {
            RerankWith::CrossEncoder => self.read_by_cross_encoder(query, asked, ranked, services).await?,
            RerankWith::Colbert => self.compared_by_tokens(query, asked, ranked, services).await?,
        };
        // Those without a score keep their order behind the others.
        let score = |(_, score): &Judged| score.unwrap_or(f32::NEG_INFINITY);
        sort_by(&mut head, |a, b| score(b).total_cmp(&score(a)));
        head.extend(tail.into_iter().map(|candidate| (candidate, None)));
        // Not reranked means not known to be better: scores go on falling below the last that was given.
        let mut below = head.iter().filter_map(|(_, score)| *score).fold(f32::INFINITY, f32::min);
        if below.is_finite() {
            for (candidate, _) in head.iter_mut().filter(|(_, score)| score.is_none()) {
                below -= 1.0;
                candidate.score = below;
            }
        }
        Ok(head)
    }

    /// Candidates whose text is lost are left out.
    async fn read_by_cross_encoder(
        &self,
        query: &str,
        asked: &Asked<'_>,
        ranked: Vec<Candidate>,
        services: &Services<'_>,
    ) -> Result<Vec<Judged>> {
        let reranker =
            services.reranker.ok_or_else(|| Error::invalid("rerank: the collection was opened without a reranker"))?;
        self.fetch_texts(asked.snapshot, &ranked.iter().collect::<Vec<_>>()).await?;
        let (mut passages, mut read) = (Vec::new(), Vec::new());
        for candidate in ranked {
            let view = &asked.snapshot.views[candidate.place.view as usize];
            let chunk = view.segment.chunk(candidate.place.chunk)?;
            let Some(text) = self.chunk_text(view, &chunk, asked.care).await? else { continue };
            passages.push(text);
            read.push(candidate);
        }
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let logits = reranker.score(query, &passages, services.pacer).await?;
        if logits.len() != passages.len() || logits.iter().any(|logit| !logit.is_finite()) {
            let message = format!("the reranker returned {} scores for {} passages", logits.len(), passages.len());
            return Err(Error::invalid(message));
        }
        Ok(read.into_iter().zip(logits.into_iter().map(Some)).collect())
    }

    /// Of a sentence, the chunk that it stands in is compared. A chunk whose token vectors are missing has no score.
    async fn compared_by_tokens(
        &self,
        query: &str,
        asked: &Asked<'_>,
        ranked: Vec<Candidate>,
        services: &Services<'_>,
    ) -> Result<Vec<Judged>> {
        let tokens = match ranked.is_empty() {
            true => None,
            false => self.token_query(query, &asked.snapshot.manifest, services).await?,
        };
        let mut scratch = TokenScratch::default();
        let judge = |candidate: Candidate| {
            let place = home(asked.snapshot, candidate.place)?;
            let segment = &asked.snapshot.views[place.view as usize].segment;
            let score = match &tokens {
                Some(query) => query.score(segment, place.chunk, &mut scratch)?,
                None => None,
            };
            Ok((candidate, score))
        };
        ranked.into_iter().map(judge).collect()
    }
}
