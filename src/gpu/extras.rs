//! What kernels can make use of beyond what every device has, by the names that WebGPU gives it.

use serde::{Serialize, Serializer};

/// A feature of adapters, or of the language that kernels are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Numbers of 16 bits.
    Half,
    /// Four products of 8 bits and their sum, in one operation.
    Packed,
    /// Sums over invocations that run together.
    Subgroups,
}

impl Extra {
    pub const ALL: [Extra; 3] = [Extra::Half, Extra::Packed, Extra::Subgroups];

    pub fn name(self) -> &'static str {
        match self {
            Extra::Half => "shader-f16",
            Extra::Packed => "packed_4x8_integer_dot_product",
            Extra::Subgroups => "subgroups",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of them; serialised as names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras(u8);

impl Extras {
    pub const NONE: Extras = Extras(0);
    pub const ALL: Extras = Extras((1 << Extra::ALL.len()) - 1);

    /// Those that adapters have to be asked for; the others are a matter of the browser alone.
    pub const FEATURES: Extras = Extras(1 << Extra::Half as u8 | 1 << Extra::Subgroups as u8);

    /// Those of which `has` says so.
    pub fn of(has: impl Fn(Extra) -> bool) -> Extras {
        Extra::ALL.into_iter().filter(|&extra| has(extra)).fold(Extras::NONE, |set, extra| Extras(set.0 | extra.bit()))
    }

    pub fn has(self, extra: Extra) -> bool {
        self.0 & extra.bit() != 0
    }

    /// What is in both.
    pub fn and(self, other: Extras) -> Extras {
        Extras(self.0 & other.0)
    }

    /// What is in either.
    pub fn with(self, other: Extras) -> Extras {
        Extras(self.0 | other.0)
    }

    /// What is in this alone.
    pub fn without(self, other: Extras) -> Extras {
        Extras(self.0 & !other.0)
    }

    pub fn names(self) -> Vec<&'static str> {
        Extra::ALL.into_iter().filter(|&extra| self.has(extra)).map(Extra::name).collect()
    }

    /// All sets of some of these, the largest first and the empty one last.
    pub fn ladder(self) -> Vec<Extras> {
        let mut sets: Vec<Extras> = (0..=self.0).filter(|set| set & !self.0 == 0).map(Extras).collect();
        sets.sort_by_key(|set| std::cmp::Reverse(set.0.count_ones()));
        sets
    }
}

impl Serialize for Extras {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_tried_from_the_largest_to_none() {
        assert_eq!(Extras::NONE.ladder(), [Extras::NONE]);
        let half = Extras::of(|extra| extra == Extra::Half);
        assert_eq!(half.ladder(), [half, Extras::NONE]);
        let ladder = Extras::ALL.ladder();
        assert_eq!((ladder.len(), ladder[0], ladder[7]), (8, Extras::ALL, Extras::NONE));
        assert!(ladder.windows(2).all(|pair| pair[0].names().len() >= pair[1].names().len()));
    }

    #[test]
    fn what_is_added_can_be_taken_away() {
        let [half, packed] = [Extra::Half, Extra::Packed].map(|wanted| Extras::of(|extra| extra == wanted));
        assert_eq!(half.with(packed).names(), ["shader-f16", "packed_4x8_integer_dot_product"]);
        assert_eq!((half.with(packed).without(half), half.without(half)), (packed, Extras::NONE));
    }

    #[test]
    fn names_are_those_of_webgpu() {
        assert_eq!(Extras::ALL.names(), ["shader-f16", "packed_4x8_integer_dot_product", "subgroups"]);
        assert_eq!(Extras::ALL.and(Extras::FEATURES).names(), ["shader-f16", "subgroups"]);
        assert!(!Extras::NONE.has(Extra::Half) && Extras::ALL.has(Extra::Packed));
    }
}
