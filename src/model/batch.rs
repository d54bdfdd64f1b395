//! Token sequences of different lengths, end to end. Nothing is padded: row `i` of every hidden state belongs to
//! token `i` of the batch, and only attention needs to know where sequences begin.

use crate::error::{Error, Result};
use crate::model::config::BertConfig;
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Batch {
    ids: Vec<u32>,
    types: Vec<u32>,
    /// Where each sequence ends.
    ends: Vec<usize>,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Appends one sequence; `types` is empty (all 0) or as long as `ids`.
    ///
    /// Errors: `InvalidInput` for a sequence that `config` has no embeddings for: empty or too long, an id or a type
    /// outside the tables. Nothing is appended then.
    pub fn push(&mut self, ids: &[u32], types: &[u32], config: &BertConfig) -> Result<()> {
        let (len, most) = (ids.len(), config.max_positions);
        if len == 0 || len > most {
            return Err(Error::invalid(format!("a sequence of {len} tokens: expected 1 to {most}")));
        }
        if !types.is_empty() && types.len() != len {
            return Err(Error::invalid(format!("{} token types for {len} tokens", types.len())));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= config.vocab) {
            return Err(Error::invalid(format!("token id {id}: the vocabulary has {}", config.vocab)));
        }
        if let Some(kind) = types.iter().find(|&&kind| kind as usize >= config.type_vocab) {
            return Err(Error::invalid(format!("token type {kind}: the model has {}", config.type_vocab)));
        }
        self.ids.extend_from_slice(ids);
        self.types.extend_from_slice(types);
        self.types.resize(self.ids.len(), 0);
        self.ends.push(self.ids.len());
        Ok(())
    }

    /// Forgets the sequences, not the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.types.clear();
        self.ends.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tokens of all sequences together.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Token ranges of the sequences, in order.
    pub fn sequences(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start..end)
    }

    /// Id, type and position of each token.
    pub fn inputs(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        let positions = self.sequences().flat_map(|range| 0..range.len());
        self.ids.iter().zip(&self.types).zip(positions).map(|((&id, &kind), at)| (id as usize, kind as usize, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BertConfig = BertConfig {
        layers: 1,
        hidden: 8,
        heads: 2,
        intermediate: 16,
        vocab: 10,
        max_positions: 4,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
    };

    #[test]
    fn sequences_lie_end_to_end_and_positions_start_anew() {
        let mut batch = Batch::new();
        batch.push(&[1, 2, 3], &[], &CONFIG).unwrap();
        batch.push(&[9, 8], &[0, 1], &CONFIG).unwrap();
        assert_eq!(batch.sequences().collect::<Vec<_>>(), [0..3, 3..5]);
        assert_eq!(batch.inputs().collect::<Vec<_>>(), [(1, 0, 0), (2, 0, 1), (3, 0, 2), (9, 0, 0), (8, 1, 1)]);
        assert_eq!((batch.len(), batch.tokens()), (2, 5));
    }

    #[track_caller]
    fn refused(ids: &[u32], types: &[u32], message: &str) {
        let mut batch = Batch::new();
        let error = batch.push(ids, types, &CONFIG).unwrap_err();
        assert!(error.context.contains(message), "{error}");
        assert!(batch.is_empty() && batch.tokens() == 0);
    }

    #[test]
    fn what_the_model_has_no_embedding_for_is_refused() {
        refused(&[], &[], "0 tokens");
        refused(&[1, 1, 1, 1, 1], &[], "5 tokens: expected 1 to 4");
        refused(&[10], &[], "token id 10: the vocabulary has 10");
        refused(&[1], &[2], "token type 2: the model has 2");
        refused(&[1], &[0, 0], "2 token types for 1 tokens");
    }
}
