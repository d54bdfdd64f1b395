//! What the engine is given natively: models from folders, and no patience, since nothing has to be waited for.

use futures_util::FutureExt;
use nearfield::adapters::model_dir;
use nearfield::engine::{GraphBuilder, Progress, Services};
use nearfield::model::late_model::LateModel;
use nearfield::model::neural::NeuralModel;
use nearfield::model::sparse_model::SparseModel;
use nearfield::model::vocabulary::Vocabulary;
use nearfield::model::{Embedder, LateEncoder, Reranker, SparseEncoder};
use nearfield::pace::{LocalFuture, Stopped, Unpaced};
use nearfield::text::{TokenCounter, WordCounter};
use nearfield::{Error, Result};
use std::future::Future;
use std::path::Path;

/// Levels of graphs and samples of the bootstrap come from here, as in the browser.
pub const SEED: u64 = 0x6e65_6172;

/// Runs a call of the engine. Natively every answer is there when it is asked for.
pub fn block_on<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    call.now_or_never().unwrap_or_else(|| Err(Error::internal("a call that waits for somebody else")))
}

struct InPlace;

impl GraphBuilder for InPlace {
    fn build<'a>(&'a self, job: Vec<u8>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(std::future::ready(nearfield::index::build_graph(&job, SEED)))
    }
}

/// Those that a command was given.
#[derive(Default)]
pub struct Models {
    pub embedder: Option<NeuralModel>,
    pub sparse: Option<SparseModel>,
    pub late: Option<LateModel>,
    pub reranker: Option<NeuralModel>,
}

/// A model in a folder as `models get` writes it.
pub fn model(dir: &Path) -> Result<NeuralModel> {
    let files = model_dir::open(dir)?;
    NeuralModel::new(files.card, files.tokenizer, files.weights)
}

pub fn sparse_model(dir: &Path) -> Result<SparseModel> {
    let path = dir.join("tokenizer.json");
    let json = std::fs::read(&path).map_err(|e| Error::internal(path.display().to_string()).with_source(e))?;
    Ok(SparseModel::new(model(dir)?, Vocabulary::from_json(&json)?, None))
}

impl Models {
    pub fn services<'a>(&'a self, progress: &'a dyn Fn(Progress)) -> Services<'a> {
        let embedder = self.embedder.as_ref();
        Services {
            pacer: &Unpaced,
            clock: &Stopped,
            embedder: embedder.map(|model| model as &dyn Embedder),
            sparse: self.sparse.as_ref().map(|model| model as &dyn SparseEncoder),
            late: self.late.as_ref().map(|model| model as &dyn LateEncoder),
            reranker: self.reranker.as_ref().map(|model| model as &dyn Reranker),
            graphs: Some(&InPlace),
            turn: None,
            counter: embedder.map_or(&WordCounter as &dyn TokenCounter, |model| model.tokenizer()),
            progress,
        }
    }
}
