//! Characters that become others.

use super::packed::Packed;

pub(super) struct Replaced {
    /// Each, in order, and where what it becomes ends in `forms`.
    chars: Vec<(char, u16)>,
    forms: Vec<char>,
}

impl Replaced {
    pub fn unpack(packed: &mut Packed) -> Replaced {
        let mut end = 0;
        let runs: Vec<_> = (0..packed.varint()).map(|_| packed.run(&mut end)).collect();
        let mut length = 0;
        let chars = runs.into_iter().flatten().filter_map(char::from_u32).map(|c| {
            length += packed.varint() as u16;
            (c, length)
        });
        let chars = chars.collect();
        Replaced { chars, forms: packed.chars() }
    }

    /// What a character becomes, if it is one of these.
    pub fn form(&self, c: char) -> Option<&[char]> {
        let at = self.chars.binary_search_by_key(&c, |replaced| replaced.0).ok()?;
        let start = at.checked_sub(1).map_or(0, |before| self.chars[before].1);
        Some(&self.forms[usize::from(start)..usize::from(self.chars[at].1)])
    }

    pub fn chars(&self) -> impl Iterator<Item = char> + '_ {
        self.chars.iter().map(|(c, _)| *c)
    }
}
