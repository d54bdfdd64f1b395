//! The codes of some tokens: of each its centroid, the step of what is left, and that in steps.
//!
//! A token with centroid `c` is `c + step * (code - half)`, dimension by dimension, `half` being the middle of the
//! codes. Each token has a step of its own: that by which the inner product with what was left, `r`, is that of `r`
//! with itself (as in RaBitQ, Gao and Long 2024), so that scores are neither too high nor too low on the whole.

use crate::error::{Error, Result};
use crate::kernel::Code;
use half::f16;
use serde::{Deserialize, Serialize};

/// Bits of a dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum TokenBits {
    #[default]
    Two,
    Eight,
}

impl From<TokenBits> for u8 {
    fn from(bits: TokenBits) -> u8 {
        match bits {
            TokenBits::Two => 2,
            TokenBits::Eight => 8,
        }
    }
}

impl TryFrom<u8> for TokenBits {
    type Error = String;

    fn try_from(bits: u8) -> std::result::Result<TokenBits, String> {
        match bits {
            2 => Ok(TokenBits::Two),
            8 => Ok(TokenBits::Eight),
            other => Err(format!("{other} bits a dimension of token vectors, must be 2 or 8")),
        }
    }
}

/// What codes mean: equal forms, codes that can stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenForm {
    /// Fingerprint of the codebook's blob.
    pub codebook: u32,
    /// How many there are.
    pub centroids: u32,
    pub dims: usize,
    pub bits: TokenBits,
}

impl TokenForm {
    /// Bytes of the codes of one token.
    pub fn bytes(&self) -> usize {
        match self.bits {
            TokenBits::Two => self.dims.div_ceil(4),
            TokenBits::Eight => self.dims,
        }
    }

    /// The middle of the codes.
    pub(super) fn half(&self) -> f32 {
        match self.bits {
            TokenBits::Two => 1.5,
            TokenBits::Eight => 127.5,
        }
    }

    /// Appends the codes of one token. At 2 bits a byte holds four dimensions that are a quarter of the row apart, so
    /// that taking them out is four times the same for all bytes.
    pub(super) fn pack(&self, codes: &[u8], to: &mut Vec<u8>) {
        match self.bits {
            TokenBits::Eight => to.extend_from_slice(codes),
            TokenBits::Two => {
                let (start, bytes) = (to.len(), self.bytes());
                to.resize(start + bytes, 0);
                for (quarter, codes) in codes.chunks(bytes).enumerate() {
                    to[start..].iter_mut().zip(codes).for_each(|(byte, code)| *byte |= code << (2 * quarter));
                }
            }
        }
    }

    /// The codes of one token, each in `code(byte)`'s form.
    #[inline(always)]
    fn unpack<T>(&self, packed: &[u8], code: impl Fn(u8) -> T, to: &mut [T]) {
        match self.bits {
            TokenBits::Eight => to.iter_mut().zip(packed).for_each(|(to, &byte)| *to = code(byte)),
            TokenBits::Two => {
                for (quarter, to) in to[..self.dims].chunks_mut(packed.len()).enumerate() {
                    to.iter_mut().zip(packed).for_each(|(to, byte)| *to = code((byte >> (2 * quarter)) & 3));
                }
            }
        }
    }

    /// The codes as numbers that the step is multiplied with.
    pub(super) fn steps(&self, packed: &[u8], to: &mut [f32]) {
        let half = self.half();
        self.unpack(packed, |code| f32::from(code) - half, to);
    }

    /// The codes as activations of seven bits; of eight the upper seven.
    pub(super) fn activations(&self, packed: &[u8], to: &mut [Code]) {
        let shift = u32::from(self.bits == TokenBits::Eight);
        self.unpack(packed, |code| Code::from(code >> shift), to);
    }

    /// Scale and offset by which [`TokenForm::activations`] are read, for a step of 1.
    pub(super) fn affine(&self) -> (f32, f32) {
        match self.bits {
            TokenBits::Two => (1.0, -1.5),
            TokenBits::Eight => (2.0, -127.0),
        }
    }
}

/// The codes of some tokens, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenCodes {
    pub(super) centroids: Vec<u16>,
    /// Bits of IEEE half precision, finite.
    pub(super) steps: Vec<u16>,
    /// [`TokenForm::bytes`] each.
    pub(super) codes: Vec<u8>,
}

/// Some of them.
#[derive(Clone, Copy, Debug)]
pub struct TokenView<'a> {
    pub(super) centroids: &'a [u16],
    pub(super) steps: &'a [u16],
    pub(super) codes: &'a [u8],
}

impl TokenCodes {
    /// Tokens.
    pub fn len(&self) -> usize {
        self.centroids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.centroids.is_empty()
    }

    pub fn view(&self) -> TokenView<'_> {
        TokenView { centroids: &self.centroids, steps: &self.steps, codes: &self.codes }
    }

    pub(super) fn extend(&mut self, from: TokenView<'_>) {
        self.centroids.extend_from_slice(from.centroids);
        self.steps.extend_from_slice(from.steps);
        self.codes.extend_from_slice(from.codes);
    }

    pub(super) fn bytes(&self) -> usize {
        2 * self.centroids.len() + 2 * self.steps.len() + self.codes.len()
    }

    /// Whether these can be codes of that form.
    pub(super) fn check(&self, form: &TokenForm) -> Result<()> {
        let tokens = self.len();
        if self.steps.len() != tokens || Some(self.codes.len()) != tokens.checked_mul(form.bytes()) {
            return Err(Error::corrupt(format!("{tokens} tokens with {} bytes of codes", self.codes.len())));
        }
        if let Some(id) = self.centroids.iter().find(|&&id| u32::from(id) >= form.centroids) {
            return Err(Error::corrupt(format!("centroid {id} of {}", form.centroids)));
        }
        match self.steps.iter().all(|&bits| f16::from_bits(bits).is_finite()) {
            true => Ok(()),
            false => Err(Error::corrupt("a step that is not finite")),
        }
    }
}

impl<'a> TokenView<'a> {
    pub fn len(&self) -> usize {
        self.centroids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.centroids.is_empty()
    }

    /// Centroid, step and packed codes of each token.
    pub(super) fn each(self, form: TokenForm) -> impl Iterator<Item = (usize, f32, &'a [u8])> {
        let codes = self.codes.chunks_exact(form.bytes().max(1));
        let steps = self.steps.iter().map(|&bits| f16::from_bits(bits).to_f32());
        self.centroids.iter().zip(steps).zip(codes).map(|((&id, step), codes)| (usize::from(id), step, codes))
    }
}
