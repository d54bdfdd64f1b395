//! The border to JavaScript: thin bindings, no logic. Options and small results cross by serde-wasm-bindgen, vectors
//! as typed arrays, errors as `Error` objects with a `code`. What the engine asks of its host (embedding in a pool,
//! yielding to the event loop, progress) it asks through [`hooks::Hooks`].

mod engine;
mod error;
mod hooks;
mod models;
mod tools;

use wasm_bindgen::prelude::*;

/// Runs once when the module is instantiated: panics reach the console with their message and place.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
