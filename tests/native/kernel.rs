//! The native kernels against the scalar oracle.

#[cfg(feature = "neural")]
use crate::support::kernel_laws as laws;
use crate::support::tiny_encoder as tiny;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integer_products_are_exact(rows in 1usize..20, inputs in 1usize..200, outputs in 1usize..50, seed: u64) {
        laws::integer_products_are_exact(rows, inputs, outputs, seed);
    }

    #[test]
    fn deep_integer_products_are_exact(rows in 1usize..4, inputs in 900usize..1040, outputs in 1usize..20, seed: u64) {
        laws::integer_products_are_exact(rows, inputs, outputs, seed);
    }

    #[test]
    fn products_are_dequantised(rows in 1usize..20, inputs in 1usize..200, outputs in 1usize..50, seed: u64) {
        laws::products_are_dequantised(rows, inputs, outputs, seed);
    }

    #[test]
    fn norms_are_close(rows in 1usize..5, width in 2usize..500, seed: u64) {
        laws::norms_are_close(rows, width, seed);
    }

    #[test]
    fn gelu_is_close(seed: u64) {
        laws::gelu_is_close(seed);
    }

    #[test]
    fn attention_is_close(len in 1usize..70, heads in 1usize..4, depth in 1usize..70, seed: u64) {
        laws::attention_is_close(len, heads, depth, seed);
    }

    #[test]
    fn distances_agree(rows in 0usize..12, width in 0usize..400, seed: u64) {
        laws::distances_agree(rows, width, seed);
    }

    #[test]
    fn greatest_similarities_are_exact(entries in 1usize..9, tokens in 0usize..40, columns in 1usize..70, seed: u64) {
        laws::greatest_similarities_are_exact(entries, tokens, columns, seed);
    }
}

#[cfg(feature = "neural")]
#[test]
fn an_encoder_agrees_with_the_reference() {
    for (seed, (hidden, heads, intermediate)) in tiny::SIZES.into_iter().enumerate() {
        pollster::block_on(tiny::agrees_with_the_reference(&tiny::config(hidden, heads, intermediate), seed as u64));
    }
}
