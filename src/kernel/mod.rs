//! Arithmetic on slices, vectorised for the machine at hand behind one interface. [`scalar`] is the oracle.

pub mod scalar;
mod vectors;

pub use vectors::{
    dot_f16, dot_f16_rows, dot_f32, dot_f32_rows, dot_i8, dot_i8_rows, hamming, hamming_rows, l2_squared_f32,
    l2_squared_f32_rows,
};
