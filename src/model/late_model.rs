//! A late-interaction model as the engine takes it.

use super::neural::NeuralModel;
use super::{EncoderInfo, LateEncoder, Role, TokenRows};
use crate::error::Result;
use crate::pace::{LocalFuture, Pacer};

pub struct LateModel {
    model: NeuralModel,
    info: EncoderInfo,
    dims: usize,
}

impl LateModel {
    /// # Errors
    /// `InvalidInput` for a model of another kind.
    pub fn new(model: NeuralModel) -> Result<LateModel> {
        let info = EncoderInfo { name: model.card().name.clone(), digest: model.card().digest.clone() };
        let dims = model.late_head()?.dims();
        Ok(LateModel { model, info, dims })
    }
}

impl LateEncoder for LateModel {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn encode<'a>(
        &'a self,
        texts: &'a [String],
        role: Role,
        pacer: &'a dyn Pacer,
    ) -> LocalFuture<'a, Result<TokenRows>> {
        Box::pin(self.model.token_rows(texts, role, pacer))
    }
}
