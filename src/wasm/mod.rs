//! The border to JavaScript: thin bindings, no logic. Options and small results cross by serde-wasm-bindgen, vectors
//! as typed arrays, errors as `Error` objects with a `code`. What the engine asks of its host (embedding in a pool,
//! yielding to the event loop, progress) it asks through `hooks::Hooks`.
//!
//! Features make five modules of it: `engine` alone the lite one, with `neural` the full one, and `reference`,
//! `generator` and `gpu` each one that holds nothing but the f32 reference, a language model, or the encoder on WebGPU.

#[cfg(feature = "engine")]
mod counter;
#[cfg(feature = "engine")]
mod engine;
#[cfg_attr(not(feature = "engine"), allow(dead_code))]
mod error;
#[cfg(feature = "generator")]
mod generator;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "engine")]
mod hooks;
#[cfg(feature = "neural")]
mod metrics;
#[cfg(feature = "neural")]
mod models;
#[cfg(feature = "neural")]
mod moving;
#[cfg(feature = "neural")]
mod neural;
#[cfg(feature = "reference")]
mod reference;
#[cfg(feature = "engine")]
mod tools;

use wasm_bindgen::prelude::*;

/// Runs once when the module is instantiated: panics reach the console with their message and place.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
