//! What a search looks for, in the forms that its legs understand.

use super::colbert;
use super::services::Services;
use super::splade;
use super::write::mismatch;
use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::index::TokenQuery;
use crate::limits;
use crate::model::{Embedder, Role};
use crate::search::options::{Mode, SearchOptions, SparseKind};
use crate::search::snapshot::Snapshot;
use crate::sorting::set;
use std::collections::HashMap;
use std::rc::Rc;

/// A query, analysed and embedded as its mode needs it. A blank one has neither terms nor a vector.
#[derive(Clone, Default)]
pub(super) struct Question {
    pub terms: Vec<(String, f32)>,
    pub vector: Option<Vec<f32>>,
    /// Weighted terms, where the sparse leg is a learned one.
    pub splade: Option<Vec<(String, f32)>>,
    /// Its tokens, where the search compares those of texts with them.
    pub tokens: Option<Rc<TokenQuery>>,
}

impl Question {
    /// What the sparse leg looks for.
    pub fn sparse_terms(&self) -> &[(String, f32)] {
        self.splade.as_ref().unwrap_or(&self.terms)
    }
}

impl Engine {
    pub(super) async fn question(
        &self,
        query: &str,
        options: &SearchOptions,
        snapshot: &Snapshot,
        services: &Services<'_>,
    ) -> Result<Question> {
        if query.trim().is_empty() {
            return Ok(Question::default());
        }
        let vector = match options.mode.is_dense() {
            false => None,
            true => self
                .vectors(&[query.to_owned()], Role::Query, snapshot, services)
                .await?
                .and_then(|mut rows| rows.pop()),
        };
        let splade = match uses_splade(options) {
            false => None,
            true => Some(self.weighted_query(query, services).await?),
        };
        let tokens = match options.mode {
            Mode::Colbert => self.token_query(query, &snapshot.manifest, services).await?,
            _ => None,
        };
        Ok(Question { terms: self.terms(query, options.language.as_deref(), snapshot)?, vector, splade, tokens })
    }

    /// The query's terms, repeated ones with their count as weight. Of very many, the first.
    fn terms(&self, query: &str, language: Option<&str>, snapshot: &Snapshot) -> Result<Vec<(String, f32)>> {
        let mut terms: Vec<(String, f32)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let others = set(snapshot.views.iter().flat_map(|view| view.segment.languages()));
        let others: Vec<&str> = others.into_iter().collect();
        self.analyzers.analyze_query(query, language, &others, &mut |term, _| match known.get(term) {
            Some(&at) => terms[at].1 += 1.0,
            None if terms.len() < limits::QUERY_TERMS => {
                known.insert(term.to_owned(), terms.len());
                terms.push((term.to_owned(), 1.0));
            }
            None => {}
        })?;
        Ok(terms)
    }

    /// One vector for each text, in the form that the stored ones have; `None` where there are none to compare with.
    pub(super) async fn vectors(
        &self,
        texts: &[String],
        role: Role,
        snapshot: &Snapshot,
        services: &Services<'_>,
    ) -> Result<Option<Vec<Vec<f32>>>> {
        let Some(embedder) = services.embedder.filter(|_| snapshot.manifest.embedder.is_some()) else {
            return Ok(None);
        };
        let rows = embedder.embed(texts, role, services.pacer).await?;
        let (found, width) = (rows.len(), embedder.info().dims);
        let expected = width * texts.len();
        if found != expected {
            let count = texts.len();
            let message = format!("the embedder returned {found} numbers for {count} texts, not {expected}");
            return Err(Error::invalid(message));
        }
        let dims = self.settings().vectors.dims.unwrap_or(width).min(width);
        let leading: Vec<f32> = rows.chunks_exact(width).flat_map(|row| &row[..dims]).copied().collect();
        let turned = self.turned(&snapshot.manifest, leading).await?;
        Ok(Some(turned.chunks_exact(dims).map(<[f32]>::to_vec).collect()))
    }
}

/// Whether the sparse leg of a search is a learned one.
fn uses_splade(options: &SearchOptions) -> bool {
    options.sparse == SparseKind::Splade && !matches!(options.mode, Mode::Dense | Mode::Colbert)
}

/// Hybrid search falls back to its lexical half where the collection has no vectors, or where only lexical answers
/// can be right because the collection's vectors are another model's. Asking for vectors alone then is an error.
pub(super) fn effective_mode(options: &SearchOptions, snapshot: &Snapshot, services: &Services<'_>) -> Result<Mode> {
    if uses_splade(options) {
        splade::check_search(snapshot, services)?;
    }
    if colbert::is_wanted(options) {
        colbert::check_search(snapshot, services)?;
    }
    if !options.mode.is_dense() || snapshot.views.is_empty() {
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
