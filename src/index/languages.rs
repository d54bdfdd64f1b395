//! The languages of documents that are not in that of their collection.
//!
//! ```text
//! section LANG  languages varint, each as text; per document: 0, or 1 + which of them, u8. Absent where all are in the
//!               collection's
//! ```

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::limits::SEGMENT_LANGUAGES;
use crate::text::Analyzer;

#[derive(Default)]
pub(crate) struct Languages {
    /// In the order in which they were first met.
    names: Vec<String>,
    /// By document.
    codes: Vec<u8>,
}

impl Languages {
    /// # Errors
    /// `LimitExceeded` for too many of them.
    pub fn push(&mut self, language: Option<&str>) -> Result<()> {
        let code = match language {
            None => 0,
            Some(language) => {
                let known = self.names.iter().position(|name| name == language);
                let at = known.unwrap_or_else(|| {
                    self.names.push(language.to_owned());
                    self.names.len() - 1
                });
                u8::try_from(at + 1)
                    .map_err(|_| Error::limit(format!("a segment of more than {SEGMENT_LANGUAGES} languages")))?
            }
        };
        self.codes.push(code);
        Ok(())
    }

    /// Of a document, where it is not the collection's.
    pub fn get(&self, doc: usize) -> Option<&str> {
        let code = usize::from(self.codes.get(doc).copied().unwrap_or_default());
        self.names.get(code.checked_sub(1)?).map(String::as_str)
    }

    /// All that there are.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn encode(&self) -> Option<Vec<u8>> {
        if self.names.is_empty() {
            return None;
        }
        let mut writer = Writer::new();
        writer.varint(self.names.len() as u64);
        self.names.iter().for_each(|name| writer.text(name));
        self.codes.iter().for_each(|&code| writer.u8(code));
        Some(writer.into_bytes())
    }

    /// Of so many documents.
    ///
    /// # Errors
    /// `Corrupt` for languages without an analyser, and for documents in one that is not among them.
    pub fn decode(bytes: &[u8], docs: usize) -> Result<Languages> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(1)?;
        let mut names = Vec::new();
        for _ in 0..count {
            let name = reader.text()?.to_owned();
            Analyzer::check(&name).map_err(|e| Error::corrupt("the languages of documents").with_source(e))?;
            names.push(name);
        }
        let codes = reader.raw(docs)?.to_vec();
        reader.end()?;
        match names.len() <= SEGMENT_LANGUAGES && codes.iter().all(|&code| usize::from(code) <= names.len()) {
            true => Ok(Languages { names, codes }),
            false => Err(Error::corrupt("a document in a language that is not there")),
        }
    }
}
