//! A query's tokens against those of chunks.
//!
//! The similarity of a query token `q` with a token of a text is `q c + step * q (code - half)`. The first part is the
//! same for all tokens of a centroid and is computed once for each; the second is an integer product of codes with the
//! query's int8 weights, by the kernel that also runs the encoder. Of many chunks those that are compared so are chosen
//! by the first part alone (PLAID's centroid interaction, Santhanam et al. 2022).

use super::codebook::Codebook;
use super::codes::{TokenForm, TokenView};
use crate::error::{Error, Result};
use crate::index::segment::Segment;
use crate::index::sparse::Leg;
use crate::index::top::{Scored, Top};
use crate::index::vectors::to_int8;
use crate::kernel::Packed;
use crate::kernel::{self, dot_f32_rows, max_of_entries, max_of_sums, padded, Activations, Affine, Combine, Linear};
use crate::limits;

/// Chunks that are compared in full at least. 256 lost .017 of nDCG@10 on SciFact.
const CANDIDATES: usize = 1024;
/// The same for each hit that is wanted.
const CANDIDATES_PER_HIT: usize = 4;

pub struct TokenQuery {
    form: TokenForm,
    count: usize,
    /// The same, padded.
    width: usize,
    /// `[centroids, width]`: inner products with the query's tokens.
    table: Vec<f32>,
    weights: Packed,
}

/// Buffers of a comparison.
#[derive(Default)]
pub struct TokenScratch {
    codes: Activations,
    products: Vec<f32>,
    best: Vec<f32>,
}

impl TokenQuery {
    /// Of vectors of length 1, joined.
    ///
    /// # Errors
    /// `InvalidInput` for no tokens, another width than the codebook's, and numbers that are not finite;
    /// `LimitExceeded` for too many tokens.
    pub fn new(vectors: &[f32], codebook: &Codebook) -> Result<TokenQuery> {
        let form = codebook.form();
        let count = vectors.len() / form.dims;
        if count == 0 || !vectors.len().is_multiple_of(form.dims) || vectors.iter().any(|x| !x.is_finite()) {
            let found = vectors.len();
            return Err(Error::invalid(format!("a query of {found} numbers; {} finite ones a token", form.dims)));
        }
        if count > limits::QUERY_TOKENS {
            return Err(Error::limit(format!("a query of {count} tokens, at most {}", limits::QUERY_TOKENS)));
        }
        let width = padded(count);
        let mut table = vec![0.0; form.centroids as usize * width];
        for (id, entry) in table.chunks_exact_mut(width).enumerate() {
            dot_f32_rows(codebook.centroid(id), vectors, &mut entry[..count]);
        }
        let (mut data, mut scales) = (Vec::with_capacity(vectors.len()), Vec::with_capacity(count));
        for row in vectors.chunks_exact(form.dims) {
            let (codes, scale) = to_int8(row);
            data.extend(codes);
            scales.push(scale);
        }
        let bias = vec![0.0; count];
        let linear = Linear { rows: count, cols: form.dims, data: &data, scales: &scales, bias: &bias };
        Ok(TokenQuery { form, count, width, table, weights: Packed::new(&[linear]) })
    }

    /// What the centroids alone say of a text.
    fn by_centroids(&self, tokens: TokenView<'_>, scratch: &mut TokenScratch) -> f32 {
        scratch.best.clear();
        scratch.best.resize(self.width, f32::MIN);
        max_of_entries(&self.table, tokens.centroids, &mut scratch.best);
        scratch.best[..self.count].iter().sum()
    }

    /// MaxSim of a text that has tokens.
    fn in_full(&self, tokens: TokenView<'_>, scratch: &mut TokenScratch) -> f32 {
        let TokenScratch { codes, products, best } = scratch;
        let (scale, offset) = self.form.affine();
        codes.reshape(tokens.len(), self.form.dims);
        for (row, (_, step, packed)) in tokens.each(self.form).enumerate() {
            let (to, affine) = codes.row_mut(row);
            self.form.activations(packed, to);
            *affine = Affine { scale: scale * step, offset: offset * step };
        }
        products.resize(tokens.len() * self.width, 0.0);
        kernel::multiply(codes, 0..tokens.len(), &self.weights, Combine::Replace, products);
        best.clear();
        best.resize(self.width, f32::MIN);
        max_of_sums(products, &self.table, tokens.centroids, best);
        best[..self.count].iter().sum()
    }

    /// The score of one chunk; `None` where it has no tokens.
    ///
    /// # Errors
    /// `Internal` for an ordinal that does not exist, `Corrupt` for tokens of another codebook than the query's.
    pub fn score(&self, segment: &Segment, chunk: u32, scratch: &mut TokenScratch) -> Result<Option<f32>> {
        segment.chunk(chunk)?;
        let Some(tokens) = segment.tokens() else { return Ok(None) };
        self.check(tokens.form())?;
        let tokens = tokens.chunk(chunk);
        Ok((!tokens.is_empty()).then(|| self.in_full(tokens, scratch)))
    }

    fn check(&self, form: TokenForm) -> Result<()> {
        match form == self.form {
            true => Ok(()),
            false => Err(Error::corrupt("tokens of another codebook than the collection's")),
        }
    }
}

/// The `k` best chunks by MaxSim, score descending, then `(segment, chunk)` ascending. Chunks without tokens are not
/// among them. Of many chunks 1,024, and four for each hit, are compared in full.
///
/// # Errors
/// `Corrupt` for tokens of another codebook than the query's.
pub fn token_top_k(legs: &[Leg<'_>], query: &TokenQuery, k: usize) -> Result<Vec<Scored>> {
    let mut scratch = TokenScratch::default();
    let candidates = k.saturating_mul(CANDIDATES_PER_HIT).max(CANDIDATES);
    let mut chosen = Top::new(candidates);
    let choosy = legs.iter().map(|leg| leg.segment.chunks() as usize).sum::<usize>() > candidates;
    for (segment, leg) in (0..).zip(legs) {
        let Some(tokens) = leg.segment.tokens() else { continue };
        query.check(tokens.form())?;
        for chunk in (0..leg.segment.chunks()).filter(|&chunk| leg.allowed.is_none_or(|it| it.contains(chunk))) {
            let tokens = tokens.chunk(chunk);
            if !tokens.is_empty() {
                let score = if choosy { query.by_centroids(tokens, &mut scratch) } else { 0.0 };
                chosen.offer(Scored { segment, chunk, score });
            }
        }
    }
    let mut top = Top::new(k);
    for found in chosen.into_sorted() {
        let segment = legs[found.segment as usize].segment;
        if let Some(score) = query.score(segment, found.chunk, &mut scratch)? {
            top.offer(Scored { score, ..found });
        }
    }
    Ok(top.into_sorted())
}
