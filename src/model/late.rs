//! The head of late-interaction models (ColBERT, Khattab and Zaharia 2020): a vector of length 1 for each token, through
//! a projection where the model has one. Queries and passages are told apart by a marker behind the first token; a
//! query is padded with `[MASK]`, by which the model adds to it what it thinks is missing; punctuation of a passage has
//! no vectors.

use super::config::{BertConfig, ModelCard};
use super::encoder::Scratch;
use super::head::normalise;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::Role;
use crate::error::{Error, Result};
use crate::kernel::dot_f32_rows;
use crate::limits;
use std::collections::BTreeSet;

/// How a late-interaction model is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Numbers of a projected vector; `None`: hidden states are the vectors.
    pub projection: Option<usize>,
    /// Tokens that a query is padded to.
    pub query_tokens: usize,
    /// Ids of the markers of queries and of passages.
    pub markers: [u32; 2],
}

impl Late {
    /// What ColBERT's own training leaves, where the files do not say otherwise.
    pub const USUAL: Late = Late { projection: Some(128), query_tokens: 32, markers: [1, 2] };

    /// Whether it can be used so.
    pub(super) fn check(&self, card: &ModelCard) -> Result<()> {
        let Late { projection, query_tokens, .. } = *self;
        let dims = projection.unwrap_or(card.bert.hidden);
        if dims == 0 || dims > limits::TOKEN_DIMS {
            return Err(Error::limit(format!(
                "config.json: token vectors of {dims}, must be 1 to {}",
                limits::TOKEN_DIMS
            )));
        }
        match query_tokens <= card.max_tokens.min(limits::QUERY_TOKENS) {
            true => Ok(()),
            false => Err(Error::limit(format!(
                "config.json: queries of {query_tokens} tokens, the model reads {}",
                card.max_tokens
            ))),
        }
    }
}

/// The projection in a file, `[dims, hidden]`.
pub const PROJECTION: &str = "linear.weight";

/// ASCII punctuation, as Python's `string.punctuation` has it.
const PUNCTUATION: &str = r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##;

pub struct LateHead {
    late: Late,
    hidden: usize,
    /// `[dims, hidden]`, or nothing.
    projection: Vec<f32>,
    mask: u32,
    /// Tokens of passages that get no vector.
    skipped: BTreeSet<u32>,
}

impl LateHead {
    pub fn take(late: Late, config: &BertConfig, weights: &mut Weights, tokenizer: &Tokenizer) -> Result<LateHead> {
        let hidden = config.hidden;
        let projection = match late.projection {
            Some(dims) => weights.take_floats(PROJECTION, &[dims, hidden])?,
            None => Vec::new(),
        };
        if let Some(id) = late.markers.iter().find(|&&id| id as usize >= config.vocab) {
            return Err(Error::corrupt(format!("config.json: marker {id} of {} tokens", config.vocab)));
        }
        let mask = tokenizer.mask().ok_or_else(|| Error::corrupt("tokenizer.json has no mask token"))?;
        let mut skipped = BTreeSet::new();
        for symbol in PUNCTUATION.chars() {
            skipped.extend(tokenizer.encode_bare(&symbol.to_string(), 1));
        }
        Ok(LateHead { late, hidden, projection, mask, skipped })
    }

    /// Numbers of a vector.
    pub fn dims(&self) -> usize {
        self.late.projection.unwrap_or(self.hidden)
    }

    pub fn memory_bytes(&self) -> usize {
        self.projection.len() * size_of::<f32>()
    }

    /// The ids of a text between its special tokens, at most one less than the model reads, as the model reads them.
    pub fn marked(&self, mut ids: Vec<u32>, role: Role) -> Vec<u32> {
        let [query, passage] = self.late.markers;
        ids.insert(ids.len().min(1), if role == Role::Query { query } else { passage });
        if role == Role::Query && ids.len() < self.late.query_tokens {
            ids.resize(self.late.query_tokens, self.mask);
        }
        ids
    }

    /// Whether a token of a text gets a vector.
    pub fn keeps(&self, id: u32, role: Role) -> bool {
        role == Role::Query || !self.skipped.contains(&id)
    }

    /// Appends the vector of a token.
    pub fn push(&self, states: &Scratch, token: usize, rows: &mut Vec<f32>) {
        let state = &states.hidden(token)[..self.hidden];
        let at = rows.len();
        match self.late.projection {
            None => rows.extend_from_slice(state),
            Some(dims) => {
                rows.resize(at + dims, 0.0);
                dot_f32_rows(state, &self.projection, &mut rows[at..]);
            }
        }
        normalise(&mut rows[at..]);
    }
}
