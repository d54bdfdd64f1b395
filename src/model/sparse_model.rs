//! A learned sparse model with the names of its terms.

use super::config::QuerySide;
use super::neural::NeuralModel;
use super::vocabulary::Vocabulary;
use super::{EncoderInfo, Role, SparseEncoder, SparseVector};
use crate::error::Result;
use crate::pace::{LocalFuture, Pacer};

pub struct SparseModel {
    model: NeuralModel,
    vocabulary: Vocabulary,
    info: EncoderInfo,
    query: Option<QuerySide>,
}

impl SparseModel {
    /// `vocabulary` is that of the model's tokenizer. `query` says otherwise than the model where the weights of
    /// queries come from.
    pub fn new(model: NeuralModel, vocabulary: Vocabulary, query: Option<QuerySide>) -> SparseModel {
        let info = EncoderInfo { name: model.card().name.clone(), digest: model.card().digest.clone() };
        SparseModel { model, vocabulary, info, query }
    }
}

impl SparseEncoder for SparseModel {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        role: Role,
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<Vec<SparseVector>>> {
        Box::pin(async move {
            let terms = self.model.terms(texts, role, self.query, pacer).await?;
            let named = |(id, weight)| Some((self.vocabulary.token(id)?.to_owned(), weight));
            Ok(terms.into_iter().map(|terms| terms.into_iter().filter_map(named).collect()).collect())
        })
    }
}
