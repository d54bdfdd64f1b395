//! The outside world behind the traits of the core: where blobs really live.
//!
//! [`files`] is for the native tool and for publishing an index as static files, `indexeddb` for the browser.

#[cfg(not(target_arch = "wasm32"))]
pub mod files;
#[cfg(target_arch = "wasm32")]
pub mod indexeddb;
