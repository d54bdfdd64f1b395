//! The weights that a learned sparse model gave each chunk, in the same postings as words: an impact takes the place
//! of the frequency in the body, and the one search for the best serves both.
//!
//! ```text
//! frame of kind "IMPT" and the segment's id
//! section HEAD  chunks u32
//! sections LENS, LIDX, TERM, POST  as of a segment (postings/): body frequency is the impact, 1..=255, body length the
//!          sum of the chunk's impacts, norm the root of the sum of their squares; there are no titles
//! ```
//! An impact counts 64ths: a weight of w becomes `round(64 w)`, at most 255. SPLADE's weights are logarithms, seldom
//! above 3.

use super::postings::{Forward, Length, Postings, PostingsBuilder, PAUSE};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::limits;
use crate::pace::{Pacer, Stride};
use crate::sorting::sort_by;

const KIND: [u8; 4] = *b"IMPT";

/// Impacts of a weight of 1.
pub(super) const STEPS: f64 = 64.0;
/// The greatest impact.
pub(super) const MOST: u32 = 255;

/// Terms of a text with their weights.
pub type WeightedTerms = Vec<(String, f32)>;

pub(crate) struct Impacts {
    pub postings: Postings,
}

impl Impacts {
    /// Checks everything once, as [`Segment::open`](super::Segment::open) does.
    ///
    /// # Errors
    /// `Corrupt`, also for those of another segment; `FormatTooNew`; what `pacer` says.
    pub async fn open(bytes: &[u8], id: u64, chunks: u32, pacer: &dyn Pacer) -> Result<Impacts> {
        let frame = Frame::open(bytes, KIND, id)?;
        frame.verify_paced(pacer).await?;
        let mut head = Reader::new(frame.section(*b"HEAD")?);
        let found = head.u32()?;
        head.end()?;
        if found != chunks {
            return Err(Error::corrupt(format!("impacts of {found} chunks, {chunks} there")));
        }
        let postings = Postings::open(&frame, chunks, pacer).await?;
        // The bounds of blocks were verified: they tell of every posting.
        let (mut walk, mut stride) = (postings.lexicon.walk(), Stride::new(pacer, PAUSE));
        while let Some(term) = walk.next()? {
            let most = postings.cursor(&term)?.bounds(u32::MAX).map(|bound| (bound.title, bound.body)).max();
            if most.is_none_or(|most| most > (0, MOST)) {
                return Err(Error::corrupt(format!("an impact of {:?} above {MOST}", walk.text)));
            }
            stride.done(term.df as usize).await?;
        }
        Ok(Impacts { postings })
    }

    pub fn bytes(&self) -> usize {
        self.postings.bytes()
    }
}

#[derive(Default)]
pub(crate) struct ImpactsBuilder {
    postings: PostingsBuilder,
    chunks: u32,
    /// The segment that chunks were last copied from.
    source: Option<((u64, u32), Forward)>,
}

impl ImpactsBuilder {
    /// # Errors
    /// `InvalidInput` for weights that are not finite, `LimitExceeded` for too many terms.
    pub fn check(chunks: &[WeightedTerms]) -> Result<()> {
        for terms in chunks {
            if terms.len() > limits::SPARSE_TERMS {
                let cap = limits::SPARSE_TERMS;
                return Err(Error::limit(format!("{} weighted terms of one text; the limit is {cap}", terms.len())));
            }
            if let Some((term, weight)) = terms.iter().find(|(_, weight)| !weight.is_finite()) {
                return Err(Error::invalid(format!("a weight of {weight} for {term:.40?}")));
            }
        }
        Ok(())
    }

    /// One chunk with terms that were checked. Of a term that comes twice the greater weight counts; weights that
    /// round to nothing are left out.
    pub fn push(&mut self, terms: &[(String, f32)]) {
        let mut impacts: Vec<(&str, u32)> =
            terms.iter().map(|(term, weight)| (term.as_str(), impact(*weight))).filter(|(_, it)| *it > 0).collect();
        sort_by(&mut impacts, |a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
        impacts.dedup_by_key(|(term, _)| *term);
        let mut length = Length::default();
        let mut squares = 0;
        for (term, impact) in impacts {
            let term = self.postings.intern(term);
            self.postings.append(term, impact, 0);
            length.body += impact;
            squares += u64::from(impact).pow(2);
        }
        length.norm = (squares as f64).sqrt() as f32;
        self.finish(length);
    }

    /// Takes a chunk over from another segment. `source` tells segments apart.
    pub fn copy(&mut self, source: (u64, u32), from: &Impacts, chunk: u32) -> Result<()> {
        if self.source.as_ref().is_none_or(|(known, _)| *known != source) {
            self.source = Some((source, Forward::new(&from.postings)?));
        }
        if let Some((_, forward)) = &mut self.source {
            forward.copy(chunk, &mut self.postings)?;
        }
        self.finish(from.postings.lengths[chunk as usize]);
        Ok(())
    }

    fn finish(&mut self, length: Length) {
        self.postings.finish_copied(length);
        self.chunks += 1;
    }

    pub async fn seal(self, id: u64, pacer: &dyn Pacer) -> Result<Vec<u8>> {
        let mut head = Writer::new();
        head.u32(self.chunks);
        let postings = self.postings.seal(pacer).await?;
        let mut frame = FrameWriter::new(KIND, id);
        frame.section(*b"HEAD", head.into_bytes());
        frame.section(*b"LENS", postings.lengths).section(*b"LIDX", postings.index);
        frame.section(*b"TERM", postings.terms).section(*b"POST", postings.lists);
        frame.finish()
    }
}

/// Impacts of chunks that are all there already, as a blob of its own.
///
/// # Errors
/// Those of weights that cannot be: see [`SegmentBuilder::add_with`](super::SegmentBuilder::add_with).
pub async fn seal_impacts(id: u64, chunks: &[WeightedTerms], pacer: &dyn Pacer) -> Result<Vec<u8>> {
    ImpactsBuilder::check(chunks)?;
    let mut builder = ImpactsBuilder::default();
    chunks.iter().for_each(|terms| builder.push(terms));
    builder.seal(id, pacer).await
}

fn impact(weight: f32) -> u32 {
    (f64::from(weight) * STEPS).round().clamp(0.0, f64::from(MOST)) as u32
}

#[cfg(test)]
mod tests;
