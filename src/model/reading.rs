//! How a text is read: on which side of retrieval it is, and what stands before it. A model's files may have a prefix
//! for each side; a caller may give an instruction in its place, as models want that were trained with their task in
//! words (Su et al. 2022, "One Embedder, Any Task").

use super::config::ModelCard;
use super::stream::hex;
use super::Role;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reading {
    pub role: Role,
    /// Stands before every text in place of the model's prefix.
    #[serde(default)]
    pub instruction: Option<String>,
    /// Whether the tokens of what stands before a text, and the special one before them, count in the mean of its
    /// states. As the model's files say where it is not given.
    #[serde(default)]
    pub pooled: Option<bool>,
}

impl From<Role> for Reading {
    /// As the model's files say.
    fn from(role: Role) -> Reading {
        Reading { role, instruction: None, pooled: None }
    }
}

impl Reading {
    /// What stands before the text.
    pub(super) fn prefix<'a>(&'a self, card: &'a ModelCard) -> &'a str {
        match (&self.instruction, self.role) {
            (Some(instruction), _) => instruction,
            (None, Role::Query) => &card.query_prefix,
            (None, Role::Passage) => &card.passage_prefix,
        }
    }

    /// What names a model's vectors of texts that are read so, from the digest of its weights. Where the caller says
    /// nothing, that digest itself.
    pub fn digest(&self, weights: &str) -> String {
        if self.instruction.is_none() && self.pooled.is_none() {
            return weights.to_string();
        }
        let said = format!("{weights} {:?} {:?}", self.instruction, self.pooled);
        hex(&Sha256::digest(said))
    }

    pub(super) fn is_pooled(&self, card: &ModelCard) -> bool {
        self.pooled.unwrap_or(card.pool_prefix)
    }
}
