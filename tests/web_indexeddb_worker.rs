//! The promises of `Store`, kept by IndexedDB where the engine lives: in a worker.
#![cfg(target_arch = "wasm32")]

#[path = "support/in_browser.rs"]
mod in_browser;
#[path = "support/store_contract.rs"]
mod store_contract;

use in_browser::browser_case;
use store_contract::store_contract;
use wasm_bindgen_test::wasm_bindgen_test_configure;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

store_contract!(browser_case);
