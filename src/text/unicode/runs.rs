//! Runs of characters that have something in common.

use super::packed::Packed;
use std::ops::Range;

/// Runs in order, each with a value that is not 0.
pub(super) struct Runs(Vec<(Range<u32>, u8)>);

impl Runs {
    pub fn unpack(packed: &mut Packed) -> Runs {
        let mut end = 0;
        Runs((0..packed.varint()).map(|_| (packed.run(&mut end), packed.byte())).collect())
    }

    /// That of the run that a character is in, else 0.
    pub fn value(&self, c: char) -> u8 {
        let at = self.0.partition_point(|(run, _)| run.end <= c as u32);
        self.0.get(at).filter(|(run, _)| run.contains(&(c as u32))).map_or(0, |&(_, value)| value)
    }

    /// Numbers of all characters in runs.
    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(run, _)| run.clone())
    }
}
