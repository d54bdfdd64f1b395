//! The border to JavaScript: thin bindings, no logic. Options and small results cross by serde-wasm-bindgen, vectors
//! as typed arrays, errors as `Error` objects with a `code`. What the engine asks of its host (embedding in a pool,
//! yielding to the event loop, progress) it asks through `hooks::Hooks`.
//!
//! Features make four modules of it: `neural` the full one, none the lite one, and `reference` or `gpu` alone one that
//! holds nothing but the f32 reference or the encoder on WebGPU.

#[cfg(any(feature = "neural", not(any(feature = "reference", feature = "gpu"))))]
mod counter;
#[cfg(any(feature = "neural", not(any(feature = "reference", feature = "gpu"))))]
mod engine;
#[cfg_attr(all(any(feature = "reference", feature = "gpu"), not(feature = "neural")), allow(dead_code))]
mod error;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(any(feature = "neural", not(any(feature = "reference", feature = "gpu"))))]
mod hooks;
#[cfg(feature = "neural")]
mod models;
#[cfg(feature = "neural")]
mod moving;
#[cfg(feature = "neural")]
mod neural;
#[cfg(feature = "reference")]
mod reference;
#[cfg(any(feature = "neural", not(any(feature = "reference", feature = "gpu"))))]
mod tools;

use wasm_bindgen::prelude::*;

/// Runs once when the module is instantiated: panics reach the console with their message and place.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
