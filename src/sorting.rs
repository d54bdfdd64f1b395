//! Sorting whose code is there once. The standard library's sort is compiled anew for every type and every comparison, at
//! 3 to 8 KB each in a module that browsers download; this one sorts places and then moves the items. A comparison costs
//! a call through a pointer: where the items are numbers and many, `slice::sort_unstable` is the better one.

use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Sorts stably.
///
/// # Example
/// ```
/// let mut words = ["pear", "fig", "apple", "kiwi"];
/// nearfield::sorting::sort_by(&mut words, |a, b| a.len().cmp(&b.len()));
/// assert_eq!(words, ["fig", "pear", "kiwi", "apple"]);
/// ```
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    sort_places(&mut order, &mut |a, b| compare(&items[a as usize], &items[b as usize]));
    // What belongs at each place is brought there by following the cycles of the permutation.
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut order[at], at as u32) as usize;
            if from == start {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

/// Sorts stably by a key, which may borrow from the item.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// A set of these items, put in one by one: `collect` sorts them first, by a sort of its own for every type.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

#[inline(never)]
fn sort_places(order: &mut [u32], compare: &mut dyn FnMut(u32, u32) -> Ordering) {
    order.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_standard_library(items in proptest::collection::vec((0u8..20, any::<String>()), 0..80)) {
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            let mut found = items.clone();
            sort_by(&mut found, |a, b| a.0.cmp(&b.0));
            prop_assert_eq!(&found, &expected);
            sort_by_key(&mut found, |item| std::cmp::Reverse(item.0));
            expected.sort_by_key(|item| std::cmp::Reverse(item.0));
            prop_assert_eq!(found, expected);
        }
    }
}
