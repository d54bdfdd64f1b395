//! The postings of a segment turned round: for each chunk its terms. Copying documents needs them, nothing else does,
//! so they are made when the first document is copied, in one pass over the lists.

use super::{Postings, PostingsBuilder, END};
use crate::codec::{Reader, Writer};
use crate::error::Result;

pub(crate) struct Forward {
    terms: Vec<Box<str>>,
    /// The number of each term in the builder that copies, once it is known.
    ids: Vec<Option<u32>>,
    /// For each chunk its postings, as varints: distance to the term before, body and title frequency.
    chunks: Vec<Vec<u8>>,
}

impl Forward {
    pub fn new(postings: &Postings) -> Result<Forward> {
        let mut terms = Vec::with_capacity(postings.lexicon.len());
        let mut chunks: Vec<(Writer, u32)> = postings.lengths.iter().map(|_| Default::default()).collect();
        postings.lexicon.for_each(|text, term| {
            terms.push(text.into());
            postings.cursor(&term)?.drain(END, |posting| {
                let (writer, last) = &mut chunks[posting.chunk as usize];
                for value in [term.index - *last, posting.body, posting.title] {
                    writer.varint(u64::from(value));
                }
                *last = term.index;
            });
            Ok(())
        })?;
        let ids = vec![None; terms.len()];
        Ok(Forward { terms, ids, chunks: chunks.into_iter().map(|(writer, _)| writer.into_bytes()).collect() })
    }

    /// Appends the postings of a chunk, as they are, to the chunk that is open in `builder`.
    pub fn copy(&mut self, chunk: u32, builder: &mut PostingsBuilder) -> Result<()> {
        let mut reader = Reader::new(&self.chunks[chunk as usize]);
        let mut term = 0;
        while !reader.is_empty() {
            term += reader.varint()? as usize;
            let id = *self.ids[term].get_or_insert_with(|| builder.intern(&self.terms[term]));
            let (body, title) = (reader.varint()? as u32, reader.varint()? as u32);
            builder.append(id, body, title);
        }
        Ok(())
    }
}
