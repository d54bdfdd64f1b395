//! Text pages that were read lately. Hits of one query share pages, and queries of one person share documents.

use crate::index::Page;
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes of text kept in memory.
const CAPACITY: usize = 16 << 20;

/// A page is named by its segment and its number.
type Name = (u64, u32);

struct Kept<T> {
    page: Rc<T>,
    bytes: usize,
    used: u64,
}

/// Least recently used pages go first.
pub struct PageCache<T = Page> {
    pages: HashMap<Name, Kept<T>>,
    bytes: usize,
    clock: u64,
}

impl<T> Default for PageCache<T> {
    fn default() -> PageCache<T> {
        PageCache { pages: HashMap::new(), bytes: 0, clock: 0 }
    }
}

impl<T> PageCache<T> {
    pub fn get(&mut self, name: Name) -> Option<Rc<T>> {
        self.clock += 1;
        let kept = self.pages.get_mut(&name)?;
        kept.used = self.clock;
        Some(Rc::clone(&kept.page))
    }

    /// Keeps a page of so many bytes, even one above the capacity until the next comes.
    pub fn put(&mut self, name: Name, page: Rc<T>, bytes: usize) {
        self.clock += 1;
        self.remove(name);
        self.bytes += bytes;
        self.pages.insert(name, Kept { page, bytes, used: self.clock });
        while self.bytes > CAPACITY && self.pages.len() > 1 {
            let oldest = self.pages.iter().min_by_key(|(_, kept)| kept.used).map(|(&name, _)| name);
            oldest.into_iter().for_each(|name| self.remove(name));
        }
    }

    fn remove(&mut self, name: Name) {
        self.bytes -= self.pages.remove(&name).map_or(0, |kept| kept.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_page_goes_first() {
        let mut cache = PageCache::default();
        for number in 0..3 {
            cache.put((1, number), Rc::new(number), CAPACITY / 3);
        }
        assert_eq!(cache.get((1, 0)), Some(Rc::new(0)));
        cache.put((1, 3), Rc::new(3), CAPACITY / 3);
        let kept: Vec<bool> = (0..4).map(|number| cache.get((1, number)).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn a_page_above_the_capacity_is_served_until_the_next() {
        let mut cache = PageCache::default();
        cache.put((1, 0), Rc::new("large"), CAPACITY + 1);
        assert!(cache.get((1, 0)).is_some());
        cache.put((1, 1), Rc::new("small"), 10);
        assert!(cache.get((1, 0)).is_none() && cache.get((1, 1)).is_some());
    }
}
