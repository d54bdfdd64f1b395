//! Which tensors a model has, with their shapes and whether they are quantised: what the loader demands of a file
//! before it reads on, and what the encoder can rely on afterwards.

use super::config::{ModelCard, ModelKind, QuerySide};
use super::late::PROJECTION;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// int8 with a scale a row: linear layers, position embeddings.
    Quantised,
    /// The same, or blocks of 4 bits if the file has those: word embeddings.
    Table,
    /// f32: biases, layer normalisations, and what is too small to be worth a rounding error.
    Float,
}

/// One tensor, under its normalised name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub name: String,
    pub shape: Vec<usize>,
    pub storage: Storage,
}

/// The tensors of a model, in the order in which the encoder uses them. Anything else in a file (the pooler of a
/// bi-encoder, position ids, a head for pre-training) is not needed and is left out.
pub fn expected_tensors(card: &ModelCard) -> Vec<Expected> {
    let bert = &card.bert;
    let mut list = List(Vec::new());
    if let ModelKind::Static { .. } = card.kind {
        list.push(STATIC_TABLE, &[bert.vocab, bert.hidden], Storage::Table);
        return list.0;
    }
    list.push("embeddings.word_embeddings.weight", &[bert.vocab, bert.hidden], Storage::Table);
    list.matrix("embeddings.position_embeddings.weight", bert.max_positions, bert.hidden);
    list.floats("embeddings.token_type_embeddings.weight", &[bert.type_vocab, bert.hidden]);
    list.norm("embeddings.LayerNorm", bert.hidden);
    for layer in 0..bert.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["query", "key", "value"] {
            list.linear(&name(&format!("attention.self.{part}")), bert.hidden, bert.hidden);
        }
        list.linear(&name("attention.output.dense"), bert.hidden, bert.hidden);
        list.norm(&name("attention.output.LayerNorm"), bert.hidden);
        list.linear(&name("intermediate.dense"), bert.intermediate, bert.hidden);
        list.linear(&name("output.dense"), bert.hidden, bert.intermediate);
        list.norm(&name("output.LayerNorm"), bert.hidden);
    }
    if let Some(dense) = card.dense {
        list.floats(DENSE_WEIGHT, &[dense.outputs, bert.hidden]);
        if dense.bias {
            list.floats(DENSE_BIAS, &[dense.outputs]);
        }
    }
    if card.kind == ModelKind::CrossEncoder {
        list.linear("pooler.dense", bert.hidden, bert.hidden);
        list.floats("classifier.weight", &[1, bert.hidden]);
        list.floats("classifier.bias", &[1]);
    }
    if let ModelKind::Sparse { query, .. } = card.kind {
        list.linear("cls.predictions.transform.dense", bert.hidden, bert.hidden);
        list.norm("cls.predictions.transform.LayerNorm", bert.hidden);
        list.floats("cls.predictions.bias", &[bert.vocab]);
        if query == QuerySide::Table {
            list.floats("query_weights", &[bert.vocab]);
        }
    }
    if let ModelKind::Late(late) = card.kind {
        late.projection.iter().for_each(|&dims| list.floats(PROJECTION, &[dims, bert.hidden]));
    }
    list.0
}

/// The one tensor of a model2vec file.
pub const STATIC_TABLE: &str = "embeddings";

/// The dense head of a bi-encoder. On a hub it is `linear.weight` and `linear.bias` in a file of its own.
pub const DENSE_WEIGHT: &str = "dense.linear.weight";
pub const DENSE_BIAS: &str = "dense.linear.bias";

/// What of the model's tensors is in the file of the dense head, under the names that they have there.
pub(super) fn dense_tensors(expected: &[Expected]) -> Vec<Expected> {
    let own = |tensor: &Expected| {
        let name = tensor.name.strip_prefix("dense.")?.to_string();
        Some(Expected { name, shape: tensor.shape.clone(), storage: tensor.storage })
    };
    expected.iter().filter_map(own).collect()
}

struct List(Vec<Expected>);

impl List {
    fn push(&mut self, name: &str, shape: &[usize], storage: Storage) {
        self.0.push(Expected { name: name.to_string(), shape: shape.to_vec(), storage });
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) {
        self.push(name, &[rows, cols], Storage::Quantised);
    }

    fn floats(&mut self, name: &str, shape: &[usize]) {
        self.push(name, shape, Storage::Float);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.matrix(&format!("{name}.weight"), outputs, inputs);
        self.floats(&format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.floats(&format!("{name}.weight"), &[width]);
        self.floats(&format!("{name}.bias"), &[width]);
    }
}
