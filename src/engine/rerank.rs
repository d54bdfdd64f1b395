//! The cross-encoder's turn: it reads the first candidates and puts them in its order.

use super::hits::Asked;
use super::services::Services;
use super::Engine;
use crate::error::{Error, Result};
use crate::search::retrieve::Candidate;
use crate::sorting::sort_by;

impl Engine {
    /// Reads the first `top` candidates with the cross-encoder and puts them in its order, the others behind them.
    pub(super) async fn rerank(
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
        sort_by(&mut head, |a, b| b.1.unwrap_or_default().total_cmp(&a.1.unwrap_or_default()));
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
