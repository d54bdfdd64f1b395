//! The foundations, in a real browser: this build has the instruction set that it was asked for, the container format
//! works on a 32-bit target, and so does the encoder.
#![cfg(target_arch = "wasm32")]

#[path = "support/kernel_laws.rs"]
#[allow(dead_code)]
mod laws;
#[path = "support/tiny_encoder.rs"]
#[allow(dead_code)]
mod tiny;

use nearfield::codec::{Frame, FrameWriter};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn the_build_has_simd() {
    assert!(cfg!(target_feature = "simd128"));
}

#[wasm_bindgen_test]
fn a_frame_comes_back_whole() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_001).collect();
    let mut writer = FrameWriter::new(*b"TEST", u64::MAX);
    writer.section(*b"DATA", bytes.clone()).section(*b"NONE", Vec::new());
    let frame = writer.finish().unwrap();

    let opened = Frame::open(&frame, *b"TEST", u64::MAX).unwrap();
    assert_eq!(opened.section(*b"DATA").unwrap(), bytes);
    assert_eq!(opened.section(*b"NONE").unwrap(), b"");
    assert!(opened.section(*b"MORE").is_err());
}

#[wasm_bindgen_test]
fn a_changed_byte_is_noticed() {
    let mut writer = FrameWriter::new(*b"TEST", 7);
    writer.section(*b"DATA", vec![1, 2, 3]);
    let mut frame = writer.finish().unwrap();
    let last = frame.len() - 1;
    frame[last] ^= 1;
    let noticed = match Frame::open(&frame, *b"TEST", 7) {
        Ok(opened) => opened.section(*b"DATA").is_err(),
        Err(_) => true,
    };
    assert!(noticed);
}

#[wasm_bindgen_test]
async fn an_encoder_agrees_with_the_reference() {
    for (seed, (hidden, heads, intermediate)) in tiny::SIZES.into_iter().enumerate() {
        tiny::agrees_with_the_reference(&tiny::config(hidden, heads, intermediate), seed as u64).await;
    }
}
