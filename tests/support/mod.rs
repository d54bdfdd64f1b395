//! What several tests share.

pub mod faulty;
pub mod host;
pub mod kernel_laws;
pub mod library;
pub mod model_dir;
pub mod models;
pub mod overlay;
pub mod store_contract;
pub mod tiny_encoder;
pub mod tiny_llama;

/// As tests in browsers call it, which include the files that they need.
use kernel_laws as laws;
