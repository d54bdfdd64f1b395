//! All tests that run natively, in one program: compiling is what takes their time.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod binary;
mod cli_eval;
mod cli_index;
mod cli_models;
mod colbert;
mod corrupt;
mod crash;
mod encoder;
mod engine;
mod expansion;
mod families;
mod fuzz;
mod generator;
mod golden;
mod gpu;
mod kernel;
mod languages;
mod late_model;
mod layers;
mod levels;
mod model_config;
mod models;
mod onnx;
mod opening;
mod operations;
mod parity;
mod pending;
mod remote;
mod replaced;
mod rotation;
mod sparse_model;
mod splade;
mod store_contract;
mod store_crash;
mod text_analyze;
mod text_chunk;
mod tokenizer;
mod vectors;
