//! What was read lately: text pages, or blocks of remote blobs. Hits of one query share pages, and queries of one person
//! share documents.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

/// Bytes kept in memory.
const CAPACITY: usize = 16 << 20;

struct Kept<T> {
    page: Rc<T>,
    bytes: usize,
    used: u64,
}

/// Least recently used pages go first.
pub struct PageCache<K, T> {
    pages: HashMap<K, Kept<T>>,
    bytes: usize,
    clock: u64,
}

impl<K, T> Default for PageCache<K, T> {
    fn default() -> PageCache<K, T> {
        PageCache { pages: HashMap::new(), bytes: 0, clock: 0 }
    }
}

impl<K: Clone + Eq + Hash, T> PageCache<K, T> {
    pub fn get(&mut self, name: &K) -> Option<Rc<T>> {
        self.clock += 1;
        let kept = self.pages.get_mut(name)?;
        kept.used = self.clock;
        Some(Rc::clone(&kept.page))
    }

    /// Keeps a page of so many bytes, even one above the capacity until the next comes.
    pub fn put(&mut self, name: K, page: Rc<T>, bytes: usize) {
        self.clock += 1;
        self.remove(&name);
        self.bytes += bytes;
        self.pages.insert(name, Kept { page, bytes, used: self.clock });
        while self.bytes > CAPACITY && self.pages.len() > 1 {
            let oldest = self.pages.iter().min_by_key(|(_, kept)| kept.used).map(|(name, _)| name.clone());
            oldest.into_iter().for_each(|name| self.remove(&name));
        }
    }

    fn remove(&mut self, name: &K) {
        self.bytes -= self.pages.remove(name).map_or(0, |kept| kept.bytes);
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
        assert_eq!(cache.get(&(1, 0)), Some(Rc::new(0)));
        cache.put((1, 3), Rc::new(3), CAPACITY / 3);
        let kept: Vec<bool> = (0..4).map(|number| cache.get(&(1, number)).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn a_page_above_the_capacity_is_served_until_the_next() {
        let mut cache = PageCache::default();
        cache.put((1, 0), Rc::new("large"), CAPACITY + 1);
        assert!(cache.get(&(1, 0)).is_some());
        cache.put((1, 1), Rc::new("small"), 10);
        assert!(cache.get(&(1, 0)).is_none() && cache.get(&(1, 1)).is_some());
    }
}
