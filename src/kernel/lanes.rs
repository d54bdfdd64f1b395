//! A few f32 side by side: the vocabulary in which the float kernels ([`super::math`], [`super::tile`], ...) are
//! written once. Each instruction set implements it with its own register type; `[f32; 4]` is the portable one.
//!
//! All methods are `#[inline(always)]`: a kernel generic over `Lanes` becomes one straight loop inside the function
//! that names the instruction set (see [`super::dispatch`]).

/// Rows of numbers are padded to a multiple of this many; every register width in use divides it.
pub const ROW: usize = 16;

/// One quantised activation, 0..=127. Plain wasm SIMD multiplies 16-bit numbers, everything else takes bytes.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
pub type Code = i16;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd"))))]
pub type Code = u8;

/// `N` numbers in one register. Loads and stores take the first `N` elements of a slice that must have them.
pub trait Lanes: Copy {
    const N: usize;

    fn splat(x: f32) -> Self;
    fn load(from: &[f32]) -> Self;
    fn store(self, to: &mut [f32]);
    /// Bits of IEEE half precision, finite.
    fn load_f16(from: &[u16]) -> Self;
    /// Stores [`ROW`] whole numbers in 0..=127 that [`WHOLE`] was added to; `biased(i)` is the `i`-th register.
    fn store_codes(biased: impl Fn(usize) -> Self, to: &mut [Code]);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the machine can, twice elsewhere.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The smaller, lane by lane. No lane may be NaN.
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// `self * 2^n`, given `n + WHOLE` with `n` whole. Both `self` and the result must be normal numbers.
    fn scale_by_power(self, biased: Self) -> Self;

    fn sum(self) -> f32;
    fn least(self) -> f32;
    fn greatest(self) -> f32;
}

/// 1.5 * 2^23: adding it to a number below 2^22 in magnitude rounds that to a whole number, ties to even, and leaves
/// the whole number in the low bits of the representation.
pub const WHOLE: f32 = 12_582_912.0;

/// 2^112: half precision's exponent bias is 15, single precision's 127.
pub(super) const HALF_BIAS: f32 = f32::from_bits((127 + 112) << 23);

/// Half to single precision by moving the bits in place and correcting the exponent by a multiplication, which is
/// exact and takes subnormal halves along.
pub fn f16_to_f32(bits: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * HALF_BIAS;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

macro_rules! lanewise {
    ($a:expr, $b:expr, $f:expr) => {{
        let (a, b) = ($a, $b);
        std::array::from_fn(|i| $f(a[i], b[i]))
    }};
}

impl Lanes for [f32; 4] {
    const N: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; 4]
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..4];
        std::array::from_fn(|i| from[i])
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to[..4].copy_from_slice(&self);
    }

    #[inline(always)]
    fn load_f16(from: &[u16]) -> Self {
        let from = &from[..4];
        std::array::from_fn(|i| f16_to_f32(from[i]))
    }

    #[inline(always)]
    fn store_codes(biased: impl Fn(usize) -> Self, to: &mut [Code]) {
        for (i, slots) in to[..ROW].chunks_exact_mut(4).enumerate() {
            for (slot, x) in slots.iter_mut().zip(biased(i)) {
                *slot = Code::from((x.to_bits() & 0x7f) as u8);
            }
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        lanewise!(self, other, |a: f32, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        lanewise!(self, other, |a: f32, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        lanewise!(self, other, |a: f32, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        lanewise!(self, other, |a: f32, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        std::array::from_fn(|i| self[i] * factor[i] + addend[i])
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        lanewise!(self, other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        lanewise!(self, other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn scale_by_power(self, biased: Self) -> Self {
        lanewise!(self, biased, |x: f32, n: f32| f32::from_bits(x.to_bits().wrapping_add(n.to_bits() << 23)))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        (self[0] + self[2]) + (self[1] + self[3])
    }

    #[inline(always)]
    fn least(self) -> f32 {
        self.into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn greatest(self) -> f32 {
        self.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_converts_exactly() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits);
            if expected.is_finite() {
                assert_eq!(f16_to_f32(bits).to_bits(), expected.to_f32().to_bits(), "{bits:#x}");
            }
        }
    }
}
