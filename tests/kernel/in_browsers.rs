//! The kernels of this WebAssembly build against the scalar oracle, in a browser.

#![cfg(target_arch = "wasm32")]

#[path = "../support/kernel_laws.rs"]
mod laws;

use laws::Random;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const CASES: u64 = 256;

fn for_each_seed(law: impl Fn(&mut Random, u64)) {
    for seed in 0..CASES {
        law(&mut Random(!seed), seed);
    }
}

fn size(random: &mut Random, low: i64, high: i64) -> usize {
    random.between(low, high) as usize
}

#[wasm_bindgen_test]
fn integer_products_are_exact() {
    for_each_seed(|r, seed| {
        laws::integer_products_are_exact(size(r, 1, 20), size(r, 1, 200), size(r, 1, 50), seed);
    });
}

#[wasm_bindgen_test]
fn deep_integer_products_are_exact() {
    for_each_seed(|r, seed| {
        laws::integer_products_are_exact(size(r, 1, 4), size(r, 900, 1040), size(r, 1, 20), seed);
    });
}

#[wasm_bindgen_test]
fn products_are_dequantised() {
    for_each_seed(|r, seed| {
        laws::products_are_dequantised(size(r, 1, 20), size(r, 1, 200), size(r, 1, 50), seed);
    });
}

#[wasm_bindgen_test]
fn norms_are_close() {
    for_each_seed(|r, seed| laws::norms_are_close(size(r, 1, 5), size(r, 2, 500), seed));
}

#[wasm_bindgen_test]
fn gelu_is_close() {
    for_each_seed(|_, seed| laws::gelu_is_close(seed));
}

#[wasm_bindgen_test]
fn attention_is_close() {
    for_each_seed(|r, seed| laws::attention_is_close(size(r, 1, 70), size(r, 1, 4), size(r, 1, 70), seed));
}

#[wasm_bindgen_test]
fn distances_agree() {
    for_each_seed(|r, seed| laws::distances_agree(size(r, 0, 12), size(r, 0, 400), seed));
}

#[wasm_bindgen_test]
fn greatest_similarities_are_exact() {
    for_each_seed(|r, seed| {
        laws::greatest_similarities_are_exact(size(r, 1, 9), size(r, 0, 40), size(r, 1, 70), seed);
    });
}
