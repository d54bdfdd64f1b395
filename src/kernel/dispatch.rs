//! The public face of the generic kernels: each function here runs them with the tile and the float vocabulary of
//! the machine. In WebAssembly the build decides (two are shipped); on x86-64 the processor does, at run time.

use super::attention::{self, Scratch, Shape};
use super::matmul::{self, Combine, Norm};
use super::packed::{Activations, Packed};
use std::ops::Range;

/// What the integer kernels run on: `"relaxed-simd"`, `"simd128"`, `"avx512-vnni"`, `"avx2"` or `"portable"`.
pub fn instruction_set() -> &'static str {
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    return "relaxed-simd";
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
    return "simd128";
    #[cfg(target_arch = "x86_64")]
    match (super::x86::has_vnni(), super::x86::has_avx2()) {
        (true, _) => return "avx512-vnni",
        (_, true) => return "avx2",
        _ => {}
    }
    #[allow(unreachable_code)]
    "portable"
}

/// Defines a function whose body sees `T`, the [`Integers`](super::tile::Integers), and `L`, the
/// [`Lanes`](super::lanes::Lanes), of the machine. The body must be a call of an `#[inline(always)]` kernel.
macro_rules! vectorised {
    ($(#[$meta:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? { $body:expr }) => {
        $(#[$meta])*
        #[allow(dead_code)] // not every body mentions both types
        pub fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            {
                type L = std::arch::wasm32::v128;
                #[cfg(target_feature = "relaxed-simd")]
                type T = $crate::relaxed::Relaxed;
                #[cfg(not(target_feature = "relaxed-simd"))]
                type T = $crate::simd128::Plain;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            {
                type L = std::arch::x86_64::__m256;
                #[target_feature(enable = "avx2,fma,popcnt,avx512f,avx512vnni")]
                fn vnni($($arg: $type),*) $(-> $result)? {
                    type T = $crate::x86::Vnni;
                    $body
                }
                #[target_feature(enable = "avx2,fma,popcnt")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    type T = $crate::x86::Avx2;
                    $body
                }
                if $crate::x86::has_vnni() {
                    // SAFETY: the processor has just been found to have these instructions.
                    return unsafe { vnni($($arg),*) };
                }
                if $crate::x86::has_avx2() {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            {
                type L = [f32; 4];
                type T = $crate::tile::Portable;
                $body
            }
        }
    };
}

vectorised! {
    /// `out[r] (+)= dequantised activations[rows.start + r] * weights + bias`, `out` being
    /// `[rows.len(), weights.outputs()]`. The activations are as wide as the weights' inputs.
    pub fn multiply(activations: &Activations, rows: Range<usize>, weights: &Packed, combine: Combine, out: &mut [f32]) {
        matmul::multiply::<T>(activations, rows, weights, combine, out)
    }
}

vectorised! {
    /// Layer normalisation of each row of `values` in place; the results also quantised to `activations`, from row
    /// `first` on. Rows are as wide as those of `activations`.
    pub fn norm_rows(values: &mut [f32], norm: &Norm, activations: &mut Activations, first: usize) {
        matmul::norm_rows::<L>(values, norm, activations, first)
    }
}

vectorised! {
    /// GELU of each row of `values` in place; the results also quantised to `activations`, from row 0 on.
    pub fn gelu_rows(values: &mut [f32], activations: &mut Activations) {
        matmul::gelu_rows::<L>(values, activations)
    }
}

vectorised! {
    /// Quantises each row of `values` to `activations`, from row 0 on.
    pub fn quantise_rows(values: &[f32], activations: &mut Activations) {
        matmul::quantise_rows::<L>(values, activations)
    }
}

vectorised! {
    /// Self-attention of one sequence: `qkv` `[len, 3 * width]` to `out` `[len, width]`.
    pub fn attend(qkv: &[f32], shape: Shape, scratch: &mut Scratch, out: &mut [f32]) {
        attention::attend::<L>(qkv, shape, scratch, out)
    }
}

pub(super) use vectorised;
