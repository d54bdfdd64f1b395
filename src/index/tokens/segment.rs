//! The codes of a segment's chunks, as a blob beside it.
//!
//! ```text
//! frame of kind "TOKN" and the segment's id
//! section HEAD  chunks u32 | fingerprint of the codebook u32 | centroids u32 | dimensions u32 | bits u8
//! section LENS  tokens of each chunk varint
//! section CIDS  centroid of each token u16
//! section STEP  step of each token, f16
//! section CODE  codes of each token (codes.rs)
//! ```

use super::codes::{TokenBits, TokenCodes, TokenForm, TokenView};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::Pacer;

const KIND: [u8; 4] = *b"TOKN";

/// Codes of chunks that are added to a segment, one entry for each; a chunk without tokens is never found by them.
#[derive(Clone, Copy, Debug)]
pub struct ChunkTokens<'a> {
    pub form: TokenForm,
    pub chunks: &'a [TokenCodes],
}

pub(crate) struct Tokens {
    form: TokenForm,
    /// Where the tokens of each chunk end.
    ends: Vec<u32>,
    all: TokenCodes,
}

impl Tokens {
    /// Checks everything once. Whether the codebook is the collection's is the caller's to see.
    ///
    /// # Errors
    /// `Corrupt`, also for those of another segment; `FormatTooNew`; what `pacer` says.
    pub async fn open(bytes: &[u8], id: u64, chunks: u32, pacer: &dyn Pacer) -> Result<Tokens> {
        let frame = Frame::open(bytes, KIND, id)?;
        frame.verify_paced(pacer).await?;
        let mut head = Reader::new(frame.section(*b"HEAD")?);
        let (found, codebook, centroids, dims) = (head.u32()?, head.u32()?, head.u32()?, head.u32()? as usize);
        let bits = TokenBits::try_from(head.u8()?).map_err(Error::corrupt)?;
        head.end()?;
        if found != chunks {
            return Err(Error::corrupt(format!("tokens of {found} chunks, {chunks} there")));
        }
        if dims == 0 || dims > limits::TOKEN_DIMS {
            return Err(Error::corrupt(format!("token vectors of {dims} dimensions")));
        }
        let form = TokenForm { codebook, centroids, dims, bits };
        let mut lens = Reader::new(frame.section(*b"LENS")?);
        if lens.remaining() < chunks as usize {
            return Err(Error::corrupt(format!("lengths of {chunks} chunks in {} bytes", lens.remaining())));
        }
        let mut ends = Vec::with_capacity(chunks as usize);
        let mut end = 0u32;
        for _ in 0..chunks {
            let length = u32::try_from(lens.varint()?).ok();
            let next = length.and_then(|length| end.checked_add(length));
            end = next.ok_or_else(|| Error::corrupt("more tokens than a segment can have"))?;
            ends.push(end);
        }
        lens.end()?;
        let all = TokenCodes {
            centroids: numbers(frame.section(*b"CIDS")?),
            steps: numbers(frame.section(*b"STEP")?),
            codes: frame.section(*b"CODE")?.to_vec(),
        };
        pacer.pause().await?;
        if all.len() != end as usize || 2 * all.len() != frame.section(*b"CIDS")?.len() {
            return Err(Error::corrupt(format!("centroids of {} tokens, {end} there", all.len())));
        }
        all.check(&form)?;
        Ok(Tokens { form, ends, all })
    }

    pub fn form(&self) -> TokenForm {
        self.form
    }

    /// Of all chunks together.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// In memory.
    pub fn bytes(&self) -> usize {
        self.all.bytes() + size_of_val(&self.ends[..])
    }

    pub fn chunk(&self, chunk: u32) -> TokenView<'_> {
        let chunk = chunk as usize;
        let start = if chunk == 0 { 0 } else { self.ends[chunk - 1] as usize };
        let range = start..self.ends[chunk] as usize;
        let width = self.form.bytes();
        TokenView {
            centroids: &self.all.centroids[range.clone()],
            steps: &self.all.steps[range.clone()],
            codes: &self.all.codes[range.start * width..range.end * width],
        }
    }
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two)).collect()
}

/// Codes of a segment that is being built. Their form is that of the first that come.
#[derive(Default)]
pub(crate) struct TokensBuilder {
    form: Option<TokenForm>,
    ends: Vec<u32>,
    all: TokenCodes,
}

impl TokensBuilder {
    /// Whether [`TokensBuilder::push`] takes these.
    ///
    /// # Errors
    /// `InvalidInput` for codes of another form or number.
    pub fn check(&self, tokens: &ChunkTokens<'_>, count: usize) -> Result<()> {
        self.check_form(&tokens.form)?;
        if tokens.chunks.len() != count {
            return Err(Error::invalid(format!("tokens of {} chunks for {count}", tokens.chunks.len())));
        }
        tokens.chunks.iter().try_for_each(|chunk| chunk.check(&tokens.form)).map_err(|e| Error::invalid(e.context))?;
        let more: usize = tokens.chunks.iter().map(TokenCodes::len).sum();
        match u32::try_from(self.all.len() + more) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::limit("more tokens than a segment can have")),
        }
    }

    /// Whether chunks of that form can be copied into it.
    pub fn check_form(&self, form: &TokenForm) -> Result<()> {
        match self.form.is_none_or(|known| known == *form) {
            true => Ok(()),
            false => Err(Error::invalid("tokens of another codebook")),
        }
    }

    /// Appends chunks that were checked.
    pub fn push(&mut self, tokens: &ChunkTokens<'_>) {
        self.form = Some(tokens.form);
        tokens.chunks.iter().for_each(|chunk| self.copy(tokens.form, chunk.view()));
    }

    /// Appends a chunk as it is stored.
    pub fn copy(&mut self, form: TokenForm, chunk: TokenView<'_>) {
        self.form = Some(form);
        self.all.extend(chunk);
        self.ends.push(self.all.len() as u32);
    }

    pub fn seal(self, id: u64) -> Result<Vec<u8>> {
        let form = self.form.ok_or_else(|| Error::internal("tokens without a form"))?;
        let (mut head, mut lens) = (Writer::new(), Writer::new());
        head.u32(self.ends.len() as u32);
        head.u32(form.codebook);
        head.u32(form.centroids);
        head.u32(form.dims as u32);
        head.u8(form.bits.into());
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.ends.iter().zip(starts).for_each(|(end, start)| lens.varint(u64::from(end - start)));
        let bytes = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let mut frame = FrameWriter::new(KIND, id);
        frame.section(*b"HEAD", head.into_bytes()).section(*b"LENS", lens.into_bytes());
        frame.section(*b"CIDS", bytes(&self.all.centroids)).section(*b"STEP", bytes(&self.all.steps));
        frame.section(*b"CODE", self.all.codes);
        frame.finish()
    }
}

/// Codes of chunks that are all there already, as a blob of its own.
///
/// # Errors
/// As of [`SegmentBuilder::add_with`](crate::index::SegmentBuilder::add_with).
pub fn seal_tokens(id: u64, tokens: &ChunkTokens<'_>) -> Result<Vec<u8>> {
    let mut builder = TokensBuilder { form: Some(tokens.form), ..TokensBuilder::default() };
    builder.check(tokens, tokens.chunks.len())?;
    builder.push(tokens);
    builder.seal(id)
}
