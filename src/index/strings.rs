//! Many strings in one allocation, addressed by ordinal: ids, titles, URLs, metadata, heading paths.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Strings {
    /// End of each string in `text`; each begins where the one before ends.
    ends: Vec<u32>,
    text: String,
}

impl Strings {
    /// Bytes of text there can be.
    pub const ROOM: usize = u32::MAX as usize;

    /// # Errors
    /// `LimitExceeded` beyond [`Strings::ROOM`].
    pub fn push(&mut self, string: &str) -> Result<()> {
        let end = u32::try_from(self.text.len() + string.len());
        self.ends.push(end.map_err(|_| Error::limit("a segment with 4 GiB of names or metadata"))?);
        self.text.push_str(string);
        Ok(())
    }

    /// The empty string for an ordinal that does not exist.
    pub fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        let end = self.ends.get(index).map_or(start, |&end| end as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of text.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Appends the lengths as varints, then the text.
    pub fn encode(&self, writer: &mut Writer) {
        let mut start = 0;
        for &end in &self.ends {
            writer.varint(u64::from(end - start));
            start = end;
        }
        writer.raw(self.text.as_bytes());
    }

    /// Reads exactly `count` strings.
    pub fn decode(reader: &mut Reader, count: usize) -> Result<Strings> {
        if count > reader.remaining() {
            return Err(Error::corrupt(format!("{count} strings in {} bytes", reader.remaining())));
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u64;
        for _ in 0..count {
            end = end.saturating_add(reader.varint()?);
            ends.push(u32::try_from(end).map_err(|_| Error::corrupt("strings of 4 GiB"))?);
        }
        let text = std::str::from_utf8(reader.raw(end as usize)?);
        let text = text.map_err(|e| Error::corrupt("strings that are not UTF-8").with_source(e))?;
        match ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
            true => Ok(Strings { ends, text: text.to_owned() }),
            false => Err(Error::corrupt("a string that ends within a character")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_come_back(list in proptest::collection::vec("\\PC{0,6}", 0..20)) {
            let mut strings = Strings::default();
            list.iter().for_each(|string| strings.push(string).unwrap());
            let mut writer = Writer::new();
            strings.encode(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            let back = Strings::decode(&mut reader, list.len()).unwrap();
            reader.end().unwrap();
            prop_assert_eq!(back.len(), list.len());
            prop_assert!(list.iter().enumerate().all(|(i, string)| back.get(i) == string));
            prop_assert_eq!(back.get(list.len()), "");
            prop_assert!((0..bytes.len()).all(|cut| Strings::decode(&mut Reader::new(&bytes[..cut]), list.len()).is_err()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..30), count in 0usize..12) {
            if let Ok(strings) = Strings::decode(&mut Reader::new(&bytes), count) {
                (0..count).for_each(|i| { strings.get(i); });
            }
        }
    }
}
