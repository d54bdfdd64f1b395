//! Arithmetic on slices, vectorised for the machine at hand behind one interface.
//!
//! A transformer layer passes through here as follows. Hidden states are quantised row by row to seven bits
//! ([`quantise_rows`], [`norm_rows`]); [`multiply`] meets them with int8 weights in panels ([`Packed`]): exact integer
//! sums, the same on every machine, then scale, offset and bias in f32; [`attend`] mixes the tokens of one sequence
//! in f32; [`gelu_rows`] and [`norm_rows`] finish the rows and quantise them for the next product.
//!
//! What is written once: the float kernels over [`lanes::Lanes`], the products over [`tile::Integers`]. What is written
//! for each instruction set: those two traits. [`scalar`] is the oracle that tests compare with. The search
//! distances ([`dot_i8_rows`] and its kin) stand beside.

mod attention;
mod dispatch;
mod lanes;
mod math;
mod matmul;
mod maxsim;
mod packed;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
pub mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod tile;
mod vectors;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use attention::{Scratch as AttentionScratch, Shape as AttentionShape};
pub use dispatch::{attend, gelu_rows, instruction_set, multiply, norm_rows, quantise_rows};
pub use lanes::{Code, ROW};
pub use math::Affine;
pub use matmul::{Combine, Norm};
pub use maxsim::{max_of_entries, max_of_sums};
pub use packed::{padded, Activations, Linear, Packed};
pub use vectors::{
    dot_f16, dot_f16_rows, dot_f32, dot_f32_rows, dot_i8, dot_i8_rows, hamming, hamming_rows, l2_squared_f32,
    l2_squared_f32_rows,
};
