//! The vectors of a segment as a blob of their own, so that a lexical search reads none of them, and another model's
//! can be prepared beside them. While a collection is embedded anew, a segment's come in parts.

use super::{VectorConfig, Vectors, VectorsBuilder};
use crate::codec::{Frame, FrameWriter, Reader, Writer};
use crate::error::{Error, Result};
use crate::pace::{at_once, Pacer, Unpaced};
use std::ops::Range;

const KIND: [u8; 4] = *b"VECT";

/// The vectors of some chunks of a segment, from chunk `first` on: rows of `config.dims` numbers, joined.
///
/// # Errors
/// `InvalidInput` for a wrong number of them and for numbers that are not finite or too large.
pub fn seal_vectors(config: &VectorConfig, segment: u64, first: u32, rows: &[f32]) -> Result<Vec<u8>> {
    let mut builder = VectorsBuilder::new(config)?;
    let count = rows.len() / config.dims;
    builder.check(rows, count)?;
    builder.push(rows);
    write(config, segment, first, count as u32, builder.seal())
}

/// The parts of a segment's vectors, in order, as one blob.
///
/// # Errors
/// `Corrupt` for damaged parts and for parts that do not follow each other.
pub fn join_vectors(config: &VectorConfig, segment: u64, parts: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut builder = VectorsBuilder::new(config)?;
    let mut first = 0;
    for part in parts {
        let vectors = at_once(read(part, segment, first, &Unpaced))?;
        if vectors.config() != config {
            return Err(Error::corrupt(format!("segment {segment}: a part of its vectors has another form")));
        }
        builder.copy(&vectors, 0..vectors.len());
        first += vectors.len() as u32;
    }
    write(config, segment, 0, first, builder.seal())
}

/// Whether a blob is the part of a segment's vectors that it is said to be: those of the chunks `rows`, in this form, and
/// numbers that vectors have.
///
/// # Errors
/// `Corrupt` if not.
pub fn check_vectors(config: &VectorConfig, segment: u64, rows: Range<u32>, part: &[u8]) -> Result<()> {
    let vectors = at_once(read(part, segment, rows.start, &Unpaced))?;
    match vectors.config() == config && vectors.len() == rows.len() {
        true => Ok(()),
        false => Err(Error::corrupt(format!("{} vectors, or of another form, of chunks {rows:?}", vectors.len()))),
    }
}

pub(super) fn write(config: &VectorConfig, segment: u64, first: u32, count: u32, rows: Vec<u8>) -> Result<Vec<u8>> {
    let mut head = Writer::new();
    head.u32(first);
    head.u32(count);
    config.encode(&mut head);
    let mut frame = FrameWriter::new(KIND, segment);
    frame.section(*b"HEAD", head.into_bytes()).section(*b"ROWS", rows);
    frame.finish()
}

async fn read(bytes: &[u8], segment: u64, first: u32, pacer: &dyn Pacer) -> Result<Vectors> {
    let frame = Frame::open(bytes, KIND, segment)?;
    frame.verify_paced(pacer).await?;
    let mut head = Reader::new(frame.section(*b"HEAD")?);
    let (found, count) = (head.u32()?, head.u32()?);
    let config = VectorConfig::decode(&mut head)?;
    head.end()?;
    if found != first {
        return Err(Error::corrupt(format!("vectors from chunk {found} on where {first} belongs")));
    }
    Vectors::decode(&config, frame.section(*b"ROWS")?, count, frame.fingerprint(), pacer).await
}

impl VectorsBuilder {
    /// The blob of a segment's `count` vectors.
    pub fn blob(self, segment: u64, count: u32) -> Result<Vec<u8>> {
        let config = self.config().clone();
        write(&config, segment, 0, count, self.seal())
    }
}

impl Vectors {
    /// Out of the blob of a segment of `chunks` chunks.
    ///
    /// # Errors
    /// `Corrupt` for damaged bytes, another segment's, and another number of vectors.
    pub async fn open_paced(bytes: &[u8], segment: u64, chunks: u32, pacer: &dyn Pacer) -> Result<Vectors> {
        let vectors = read(bytes, segment, 0, pacer).await?;
        match vectors.len() == chunks as usize {
            true => Ok(vectors),
            false => Err(Error::corrupt(format!("{} vectors of {chunks} chunks", vectors.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Metric, Storage};

    #[test]
    fn parts_join_to_what_one_blob_would_be() {
        for storage in [Storage::F32, Storage::F16, Storage::Int8] {
            for metric in [Metric::Cosine, Metric::Dot] {
                let config = VectorConfig { dims: 3, storage, metric };
                let rows: Vec<f32> = (0..30).map(|i| (i * 7 % 11) as f32 - 4.0).collect();
                let whole = seal_vectors(&config, 5, 0, &rows).unwrap();
                let parts = [(0, &rows[..12]), (4, &rows[12..15]), (5, &rows[15..])];
                let parts: Vec<Vec<u8>> =
                    parts.map(|(first, rows)| seal_vectors(&config, 5, first, rows).unwrap()).into();
                assert!(join_vectors(&config, 5, &parts).unwrap() == whole);
                assert!(join_vectors(&config, 6, &parts).is_err() && join_vectors(&config, 5, &parts[1..]).is_err());
                let open = |chunks| at_once(Vectors::open_paced(&whole, 5, chunks, &Unpaced));
                assert!(open(9).is_err() && open(10).is_ok());
                let other = VectorConfig { dims: 1, ..config };
                assert!(join_vectors(&other, 5, &parts).is_err());
            }
        }
        let config = VectorConfig { dims: 2, storage: Storage::F32, metric: Metric::Dot };
        assert!(seal_vectors(&config, 1, 0, &[1.0]).is_err() && seal_vectors(&config, 1, 0, &[f32::NAN; 2]).is_err());
    }
}
