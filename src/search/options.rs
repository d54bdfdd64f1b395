//! What one search asks for. The field names are those of the JavaScript API; an unknown name is `InvalidInput`, so
//! that a misspelt option is found and not silently ignored.

use super::context::ContextOptions;
use super::feedback::FeedbackOptions;
use crate::error::{Error, Result};
use crate::index::{DenseMode, DenseParams, Level};
use crate::limits;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Hybrid,
    Sparse,
    Dense,
    /// The weighted terms of a learned sparse model: `sparse` with [`SparseKind::Splade`].
    Splade,
    /// The words find, the vectors judge: the best `depth` chunks of the sparse leg in the order of their vectors.
    #[serde(rename = "two-stage")]
    TwoStage,
    /// Both in one pass with one score: see [`crate::index::joint_top_k`].
    Joint,
    /// Vectors of tokens: see [`crate::index::token_top_k`].
    Colbert,
}

impl Mode {
    /// Whether it compares vectors.
    pub fn is_dense(self) -> bool {
        matches!(self, Mode::Hybrid | Mode::Dense | Mode::TwoStage | Mode::Joint)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SparseKind {
    Bm25,
    Tfidf,
    /// Weights of a learned sparse model.
    Splade,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FusionMethod {
    /// Reciprocal ranks (Cormack, Clarke and Büttcher 2009).
    Rrf,
    /// Normalised scores, weighted and added.
    Weighted,
}

/// How the scores of a leg are brought to one scale before they are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// To 0..1 between the lowest and the highest score of the leg.
    Minmax,
    /// To mean 0 and standard deviation 1.
    Zscore,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    pub dense: f32,
    pub sparse: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { dense: 1.0, sparse: 1.0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FusionOptions {
    pub method: FusionMethod,
    /// RRF's constant: the larger, the less the very first ranks stand out.
    pub k: f32,
    pub weights: Weights,
    pub normalize: Normalization,
}

impl Default for FusionOptions {
    fn default() -> FusionOptions {
        let (method, normalize) = (FusionMethod::Rrf, Normalization::Minmax);
        FusionOptions { method, k: 60.0, weights: Weights::default(), normalize }
    }
}

/// Parameters of BM25 and the weights of the two fields; see [`crate::index`] for the formula.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bm25Options {
    pub k1: f32,
    pub b: f32,
    pub title: f32,
    pub body: f32,
}

impl Default for Bm25Options {
    fn default() -> Bm25Options {
        Bm25Options { k1: 1.2, b: 0.75, title: 1.0, body: 1.0 }
    }
}

/// What puts the first hits in a better order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RerankWith {
    /// The cross-encoder reads them.
    #[default]
    CrossEncoder,
    /// Their stored token vectors are compared with the query's.
    Colbert,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RerankOptions {
    pub with: RerankWith,
    /// How many of the first hits.
    pub top: usize,
}

impl Default for RerankOptions {
    fn default() -> RerankOptions {
        RerankOptions { with: RerankWith::default(), top: 50 }
    }
}

/// Whether the best of a first pass are compared in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rescore {
    /// True: four times as many as candidates are wanted.
    Usual(bool),
    /// So many.
    First(usize),
}

/// More to search for than the query itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpandOptions {
    /// Searched for instead of the query; reranking and highlights keep to the query.
    pub rewrite: Option<String>,
    /// Other wordings of the query, or the questions that it consists of. Each is searched; the answers are fused by
    /// reciprocal ranks.
    pub queries: Vec<String>,
    /// Hypothetical answers: the vector leg searches for the mean of their vectors and the query's (HyDE, Gao et al.
    /// 2023).
    pub passages: Vec<String>,
    pub feedback: Option<FeedbackOptions>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SearchOptions {
    /// Hits wanted; above [`limits::HITS`] it is cut to that.
    pub k: usize,
    /// True: hits are documents, each by its best chunk. False: hits are chunks.
    pub group: bool,
    pub mode: Mode,
    pub sparse: SparseKind,
    pub bm25: Bm25Options,
    pub fusion: FusionOptions,
    /// Candidates each leg contributes; at least `k`. Default 100, and 200 for weighted fusion, whose normalisation
    /// gains from a longer tail, and for two-stage search, where it is all that the vectors can choose from.
    pub depth: Option<usize>,
    /// The vector leg compares only the first so many dimensions (Matryoshka).
    pub dims: Option<usize>,
    /// The vector leg compares with one bit a dimension.
    pub binary: bool,
    /// After `dims` or `binary`: how many of the best are then compared in full. Default: none after `dims` alone, the
    /// usual number after `binary`.
    pub rescore: Option<Rescore>,
    /// What language the query's words are in. Default: the collection's, and where it has several the one that is
    /// recognised, or all of them.
    pub language: Option<String>,
    /// Which units the vector leg compares; by default all that there are.
    pub level: Option<Level>,
    /// Hits show the parents of what was found.
    pub parents: bool,
    pub vectors: DenseMode,
    /// Candidates the graph search keeps; higher is slower and finds more.
    pub ef: usize,
    pub expand: Option<ExpandOptions>,
    pub rerank: Option<RerankOptions>,
    pub context: Option<ContextOptions>,
    pub filter: Option<serde_json::Value>,
    pub explain: bool,
    /// False: hits carry ids and scores only, and no text is read.
    pub text: bool,
}

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions {
            k: 10,
            group: true,
            mode: Mode::Hybrid,
            sparse: SparseKind::Bm25,
            bm25: Bm25Options::default(),
            fusion: FusionOptions::default(),
            depth: None,
            dims: None,
            binary: false,
            rescore: None,
            language: None,
            level: None,
            parents: false,
            vectors: DenseMode::Auto,
            ef: DenseParams::default().ef,
            expand: None,
            rerank: None,
            context: None,
            filter: None,
            explain: false,
            text: true,
        }
    }
}

impl SearchOptions {
    /// Checks what the types cannot: finite and sensible numbers. Returns the options with `k` within its cap.
    pub fn checked(mut self) -> Result<SearchOptions> {
        positive("bm25.k1", self.bm25.k1)?;
        positive("bm25.b", self.bm25.b)?;
        positive("bm25.title", self.bm25.title)?;
        positive("bm25.body", self.bm25.body)?;
        positive("fusion.k", self.fusion.k)?;
        positive("fusion.weights.dense", self.fusion.weights.dense)?;
        positive("fusion.weights.sparse", self.fusion.weights.sparse)?;
        if let Some(expand) = &self.expand {
            at_most("expand.queries", expand.queries.len(), limits::EXPANSIONS)?;
            at_most("expand.passages", expand.passages.len(), limits::EXPANSIONS)?;
            expand.feedback.map_or(Ok(()), |feedback| feedback.check())?;
        }
        self.context.map_or(Ok(()), |context| context.check())?;
        share("bm25.b", self.bm25.b)?;
        if self.level == Some(Level::Document) && (self.binary || self.rescore.is_some()) {
            return Err(Error::invalid("level: documents are compared in one pass; without binary and rescore"));
        }
        if self.level.is_some() && matches!(self.mode, Mode::TwoStage | Mode::Joint) {
            return Err(Error::invalid("level: what words find are chunks; for dense and hybrid search only"));
        }
        if self.mode == Mode::Splade {
            self.sparse = SparseKind::Splade;
        }
        let weights = self.fusion.weights;
        if self.mode == Mode::Joint && weights.dense + weights.sparse <= 0.0 {
            return Err(Error::invalid("fusion.weights: a joint score needs one above 0"));
        }
        self.k = self.k.min(limits::HITS);
        Ok(self)
    }

    /// How the vector leg is searched for `depth` candidates.
    pub fn dense_params(&self, depth: usize) -> DenseParams {
        let rescore = match self.rescore.unwrap_or(Rescore::Usual(self.binary)) {
            Rescore::Usual(wanted) => wanted.then(|| depth.saturating_mul(4)),
            Rescore::First(count) => Some(count),
        };
        let documents = self.level == Some(Level::Document);
        DenseParams { dims: self.dims, signs: self.binary, documents, rescore, ef: self.ef, mode: self.vectors }
    }

    /// Candidates that each leg contributes.
    pub fn leg_depth(&self) -> usize {
        let default = match self.fusion.method {
            FusionMethod::Weighted if self.mode == Mode::Hybrid => 200,
            _ if self.mode == Mode::TwoStage => 200,
            _ => 100,
        };
        let rerank = self.rerank.map_or(0, |rerank| rerank.top);
        let feedback = self.expand.as_ref().and_then(|expand| expand.feedback).map_or(0, |feedback| feedback.documents);
        self.depth.unwrap_or(default).max(self.k).max(rerank).max(feedback).min(limits::HITS)
    }
}

/// A finite number, not negative.
pub(super) fn positive(name: &str, value: f32) -> Result<()> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(Error::invalid(format!("{name} is {value}, must be a number of at least 0"))),
    }
}

pub(super) fn share(name: &str, value: f32) -> Result<()> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(Error::invalid(format!("{name} is {value}, must be between 0 and 1"))),
    }
}

pub(super) fn at_most(name: &str, count: usize, cap: usize) -> Result<()> {
    match count <= cap {
        true => Ok(()),
        false => Err(Error::limit(format!("{name}: {count}, at most {cap}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: serde_json::Value) -> Result<SearchOptions> {
        let options: SearchOptions = serde_json::from_value(value).map_err(|e| Error::invalid(e.to_string()))?;
        options.checked()
    }

    #[test]
    fn defaults_and_overrides() {
        let options = parse(json!({ "mode": "sparse", "bm25": { "k1": 0.9 }, "k": 5_000_000 })).unwrap();
        assert_eq!((options.mode, options.bm25.k1, options.bm25.b), (Mode::Sparse, 0.9, 0.75));
        assert_eq!(options.k, limits::HITS);
        assert_eq!(parse(json!({})).unwrap().leg_depth(), 100);
        assert_eq!(parse(json!({ "fusion": { "method": "weighted" } })).unwrap().leg_depth(), 200);
        assert_eq!(parse(json!({ "k": 0, "depth": 3 })).unwrap().leg_depth(), 3);
    }

    #[test]
    fn what_is_compared_in_full() {
        let rescored = |value| parse(value).unwrap().dense_params(100).rescore;
        assert_eq!(rescored(json!({ "dims": 8 })), None);
        assert_eq!(rescored(json!({ "dims": 8, "rescore": true })), Some(400));
        assert_eq!(rescored(json!({ "dims": 8, "rescore": 150 })), Some(150));
        assert_eq!(rescored(json!({ "binary": true })), Some(400));
        assert_eq!(rescored(json!({ "binary": true, "rescore": false })), None);
    }

    #[track_caller]
    fn refused(value: serde_json::Value, naming: &str) {
        let error = parse(value).unwrap_err();
        assert_eq!(error.kind, crate::ErrorKind::InvalidInput);
        assert!(error.context.contains(naming), "{error}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        refused(json!({ "limit": 10 }), "limit");
        refused(json!({ "mode": "telepathy" }), "telepathy");
        refused(json!({ "bm25": { "b": 1.5 } }), "bm25.b");
        refused(json!({ "fusion": { "k": -1.0 } }), "fusion.k");
        refused(json!({ "expand": { "feedback": { "original": 2.0 } } }), "expand.feedback.original");
        refused(json!({ "context": { "diversity": -0.1 } }), "context.diversity");
        refused(json!({ "level": "document", "binary": true }), "one pass");
        refused(json!({ "level": "sentence", "mode": "joint" }), "level");
        refused(json!({ "level": "chunk", "mode": "two-stage" }), "level");
    }
}
