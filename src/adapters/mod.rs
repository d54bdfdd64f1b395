//! The outside world behind the traits of the core: where blobs really live.
//!
//! [`files`] is for the native tool and for publishing an index as static files, `indexeddb` for the browser;
//! `model_dir` is a model in a folder.

#[cfg(not(target_arch = "wasm32"))]
pub mod files;
#[cfg(target_arch = "wasm32")]
pub mod indexeddb;
#[cfg(feature = "native")]
pub mod model_dir;
