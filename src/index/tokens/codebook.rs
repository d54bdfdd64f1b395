//! The centroids of a collection's token vectors, and vectors to codes and back.
//!
//! ```text
//! frame of kind "CENT" and id 0
//! section HEAD  dimensions u32 | centroids u32 | bits of a dimension u8 | tokens it was fitted on u64
//! section ROWS  the centroids, of length 1: f32, dimensions each
//! ```
//! A collection that is small has a codebook fitted on what there is, and codes of 8 bits, which lose next to nothing.
//! So it can be fitted anew as the collection grows, up to a sample beyond which centroids hardly move; from then on
//! codes have the bits that are wanted.

use super::codes::{TokenBits, TokenCodes, TokenForm, TokenView};
use super::fit::{fit_centroids, Nearest};
use crate::codec::{fingerprint, Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::Pacer;
use half::f16;
use std::sync::OnceLock;

const KIND: [u8; 4] = *b"CENT";

/// Tokens that a final codebook is fitted on, and the numbers that these have at most.
const SAMPLE: usize = 1 << 16;
const SAMPLE_NUMBERS: usize = 1 << 23;
/// Growth of the collection after which a codebook that is not final is fitted anew.
const GROWTH: u64 = 4;

/// Width of the four steps of a normal variable of variance 1 that lose least of it (Max 1960).
const BEST_STEP: f32 = 0.9957;

#[derive(Debug)]
pub struct Codebook {
    form: TokenForm,
    fitted_on: u64,
    /// `[centroids, dims]`.
    rows: Vec<f32>,
    /// The centroids as writers search them, made when first needed.
    nearest: OnceLock<Nearest>,
}

impl Codebook {
    /// Fits centroids on vectors of length 1, joined: of [`Codebook::sample`] tokens a final one, with codes of
    /// `bits`. Pauses every few milliseconds.
    ///
    /// # Errors
    /// `LimitExceeded` for too many dimensions; what `pacer` says.
    pub async fn fit(vectors: &[f32], dims: usize, bits: TokenBits, pacer: &dyn Pacer) -> Result<Codebook> {
        check_dims(dims).map_err(Error::limit)?;
        let tokens = vectors.len() / dims;
        let bits = if tokens < Codebook::sample(dims) { TokenBits::Eight } else { bits };
        let rows = fit_centroids(vectors, dims, pacer).await?;
        let bytes = encode(dims, bits, tokens as u64, &rows)?;
        Codebook::decode(&bytes)
    }

    /// Tokens that a final codebook is fitted on.
    pub fn sample(dims: usize) -> usize {
        SAMPLE.min(SAMPLE_NUMBERS / dims.max(1))
    }

    /// Whether a collection of so many tokens has outgrown it.
    pub fn is_outgrown(&self, tokens: u64) -> bool {
        let most = Codebook::sample(self.form.dims) as u64;
        self.fitted_on < most && tokens >= most.min(GROWTH * self.fitted_on.max(1))
    }

    pub fn form(&self) -> TokenForm {
        self.form
    }

    pub(super) fn centroid(&self, id: usize) -> &[f32] {
        &self.rows[id * self.form.dims..][..self.form.dims]
    }

    /// The codes of vectors of length 1, joined.
    pub fn quantise(&self, vectors: &[f32]) -> TokenCodes {
        let TokenForm { dims, bits, .. } = self.form;
        let nearest = self.nearest.get_or_init(|| Nearest::new(&self.rows, dims));
        let mut out = TokenCodes { centroids: nearest.of(vectors), ..TokenCodes::default() };
        let (mut rest, mut codes) = (vec![0.0f32; dims], vec![0u8; dims]);
        for (vector, &id) in vectors.chunks_exact(dims).zip(&out.centroids) {
            let centroid = self.centroid(usize::from(id));
            rest.iter_mut().zip(vector.iter().zip(centroid)).for_each(|(rest, (x, c))| *rest = x - c);
            let squares: f32 = rest.iter().map(|r| r * r).sum();
            let width = match bits {
                TokenBits::Two => BEST_STEP * (squares / dims as f32).sqrt(),
                TokenBits::Eight => rest.iter().fold(0.0f32, |most, r| most.max(r.abs())) / self.form.half(),
            };
            let (inverse, half) = (if width.is_normal() { width.recip() } else { 0.0 }, self.form.half());
            let mut product = 0.0;
            for (code, r) in codes.iter_mut().zip(&rest) {
                let level = (r * inverse + half).round().clamp(0.0, 2.0 * half);
                *code = level as u8;
                product += r * (level - half);
            }
            let step = if product > 0.0 { squares / product } else { 0.0 };
            out.steps.push(f16::from_f32(step).to_bits());
            self.form.pack(&codes, &mut out.codes);
        }
        out
    }

    /// The vectors that codes stand for, appended to `out`; about of length 1.
    pub fn dequantise(&self, tokens: TokenView<'_>, out: &mut Vec<f32>) {
        for (id, step, codes) in tokens.each(self.form) {
            let at = out.len();
            out.resize(at + self.form.dims, 0.0);
            let row = &mut out[at..];
            self.form.steps(codes, row);
            row.iter_mut().zip(self.centroid(id)).for_each(|(x, c)| *x = *x * step + c);
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        encode(self.form.dims, self.form.bits, self.fitted_on, &self.rows)
    }

    /// # Errors
    /// `Corrupt` for damaged bytes and for centroids that do not have length 1.
    pub fn decode(bytes: &[u8]) -> Result<Codebook> {
        let read = || {
            let frame = Frame::open(bytes, KIND, 0)?;
            let mut head = Reader::new(frame.section(*b"HEAD")?);
            let (dims, centroids, bits) = (head.u32()? as usize, head.u32()?, head.u8()?);
            let fitted_on = head.u64()?;
            head.end()?;
            check_dims(dims).map_err(Error::corrupt)?;
            let bits = TokenBits::try_from(bits).map_err(Error::corrupt)?;
            if centroids == 0 || centroids as usize > limits::TOKEN_CENTROIDS {
                return Err(Error::corrupt(format!("{centroids} centroids")));
            }
            let mut reader = Reader::new(frame.section(*b"ROWS")?);
            let rows = reader.f32s(dims * centroids as usize)?;
            reader.end()?;
            let length = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            if rows.chunks_exact(dims).any(|row| (length(row) - 1.0).abs() > 1e-4) {
                return Err(Error::corrupt("a centroid that is not of length 1"));
            }
            let form = TokenForm { codebook: fingerprint(bytes)?, centroids, dims, bits };
            Ok(Codebook { form, fitted_on, rows, nearest: OnceLock::new() })
        };
        read().map_err(|error: Error| error.within("codebook"))
    }
}

fn encode(dims: usize, bits: TokenBits, fitted_on: u64, rows: &[f32]) -> Result<Vec<u8>> {
    let (mut head, mut section) = (Writer::new(), Writer::new());
    head.u32(dims as u32);
    head.u32((rows.len() / dims) as u32);
    head.u8(bits.into());
    head.u64(fitted_on);
    section.f32s(rows);
    let mut frame = FrameWriter::new(KIND, 0);
    frame.section(*b"HEAD", head.into_bytes()).section(*b"ROWS", section.into_bytes());
    frame.finish()
}

fn check_dims(dims: usize) -> std::result::Result<(), String> {
    match dims {
        1..=limits::TOKEN_DIMS => Ok(()),
        _ => Err(format!("token vectors of {dims} dimensions, must be 1 to {}", limits::TOKEN_DIMS)),
    }
}
