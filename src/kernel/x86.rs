//! x86-64: AVX2 with FMA for floats, AVX2 or AVX-512-VNNI for the integer tile, found out at run time.
//!
//! The intrinsics are reached through traits whose methods cannot name an instruction set, so each call is `unsafe`
//! for the same reason: the types here are used only by [`super::dispatch`], inside functions that enable the
//! instruction sets and after detection.

use super::lanes::{Code, Lanes, HALF_BIAS, ROW};
use super::packed::{Step, DEPTH};
use super::tile::Integers;
use std::arch::x86_64::*;

/// Whether the float kernels and [`Avx2`] can run.
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("popcnt")
}

/// Whether [`Vnni`] can run, too.
pub fn has_vnni() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

impl Lanes for __m256 {
    const N: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: AVX2 is present (module documentation).
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..8];
        // SAFETY: AVX2 is present; the slice has eight elements and the load needs no alignment.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..8];
        // SAFETY: as in `load`.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn load_f16(from: &[u16]) -> Self {
        let from = &from[..8];
        // SAFETY: AVX2 is present; the slice has the sixteen bytes that are loaded.
        unsafe {
            let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast()));
            let magnitude = _mm256_slli_epi32::<13>(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fff)));
            let sign = _mm256_slli_epi32::<16>(_mm256_and_si256(bits, _mm256_set1_epi32(0x8000)));
            let magnitude = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(HALF_BIAS));
            _mm256_or_ps(magnitude, _mm256_castsi256_ps(sign))
        }
    }

    #[inline(always)]
    fn store_codes(biased: impl Fn(usize) -> Self, to: &mut [Code]) {
        let to = &mut to[..ROW];
        // SAFETY: AVX2 is present; the slice has the sixteen bytes that are stored.
        unsafe {
            let level = |i| _mm256_and_si256(_mm256_castps_si256(biased(i)), _mm256_set1_epi32(0x7f));
            let (low, high) = (level(0), level(1));
            let pack = |x| _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_packus_epi16(pack(low), pack(high)));
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_mul_ps(self, other) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_div_ps(self, other) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: FMA is present.
        unsafe { _mm256_fmadd_ps(self, factor, addend) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_min_ps(self, other) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe { _mm256_max_ps(self, other) }
    }

    #[inline(always)]
    fn scale_by_power(self, biased: Self) -> Self {
        // SAFETY: AVX2 is present.
        unsafe {
            let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(biased));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self), shifted))
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        lanes(self).iter().sum()
    }

    #[inline(always)]
    fn least(self) -> f32 {
        lanes(self).into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn greatest(self) -> f32 {
        lanes(self).into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[inline(always)]
fn lanes(register: __m256) -> [f32; 8] {
    let mut out = [0.0; 8];
    register.store(&mut out);
    out
}

/// Integer tile on `vpmaddubsw`, whose 16-bit sums of two products cannot saturate: 2 * 127 * 127 = 32,258.
pub struct Avx2;

impl Integers for Avx2 {
    type Floats = __m256;

    const ROWS: usize = 4;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[__m256; 4]; R] {
        let rows = rows.map(|row| &row[..panel.len() * DEPTH]);
        // SAFETY: AVX2 is present; a step is 64 bytes, and each row has DEPTH codes of one byte for each step.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let mut sums = [[_mm256_setzero_si256(); 2]; R];
            for (i, step) in panel.iter().enumerate() {
                for v in 0..2 {
                    let weights = _mm256_load_si256(step.0.as_ptr().cast::<__m256i>().add(v));
                    for (row, sums) in rows.iter().zip(&mut sums) {
                        let codes = _mm256_set1_epi32(row.as_ptr().cast::<i32>().add(i).read_unaligned());
                        let pairs = _mm256_maddubs_epi16(codes, weights);
                        sums[v] = _mm256_add_epi32(sums[v], _mm256_madd_epi16(pairs, ones));
                    }
                }
            }
            sums.map(|[low, high]| floats(low, high))
        }
    }
}

/// Integer tile on AVX-512-VNNI: a step is one register.
pub struct Vnni;

impl Integers for Vnni {
    type Floats = __m256;

    const ROWS: usize = 8;

    #[inline(always)]
    fn dot<const R: usize>(rows: [&[Code]; R], panel: &[Step]) -> [[__m256; 4]; R] {
        let rows = rows.map(|row| &row[..panel.len() * DEPTH]);
        // SAFETY: AVX-512-VNNI is present; a step is 64 bytes, and each row has DEPTH codes of one byte for each step.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); R];
            for (i, step) in panel.iter().enumerate() {
                let weights = _mm512_load_si512(step.0.as_ptr().cast());
                for (row, sum) in rows.iter().zip(&mut sums) {
                    let codes = _mm512_set1_epi32(row.as_ptr().cast::<i32>().add(i).read_unaligned());
                    *sum = _mm512_dpbusd_epi32(*sum, codes, weights);
                }
            }
            sums.map(|sum| floats(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum)))
        }
    }
}

#[inline(always)]
fn floats(low: __m256i, high: __m256i) -> [__m256; 4] {
    // SAFETY: AVX2 is present.
    unsafe { [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high), _mm256_setzero_ps(), _mm256_setzero_ps()] }
}
