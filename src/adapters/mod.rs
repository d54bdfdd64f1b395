//! The outside world behind the traits of the core: where blobs really live.
//!
//! [`files`] is for the native tool and for publishing a collection as static files, [`http`] reads what was published,
//! `indexeddb` is for the browser; `model_dir` is a model in a folder.

#[cfg(not(target_arch = "wasm32"))]
pub mod files;
pub mod http;
#[cfg(target_arch = "wasm32")]
pub mod indexeddb;
#[cfg(feature = "native")]
pub mod model_dir;
