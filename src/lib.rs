//! Nearfield: a retrieval engine that runs entirely inside the browser.
//!
//! Data passes through the rooms in this order: [`text`] cuts documents into chunks and terms, [`model`] turns chunks
//! into vectors, [`index`] holds both in immutable segments, [`store`] makes segments durable, [`search`] asks them,
//! and [`engine`] is the facade: one writer, many snapshots. `ARCHITECTURE.md` has the map and the invariants.

pub mod codec;
pub mod engine;
pub mod error;
pub mod eval;
pub mod index;
pub use nearfield_kernel as kernel;
pub mod limits;
pub mod model;
pub mod pace;
pub mod search;
pub mod sorting;
pub mod store;
pub mod text;

pub mod adapters;
#[cfg(feature = "gpu")]
pub mod gpu;

#[cfg(target_arch = "wasm32")]
mod wasm;

pub use error::{Error, ErrorKind, Result};
