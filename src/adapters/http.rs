//! A published collection: the folder that the native tool wrote, on any static host.
//!
//! ```text
//! <base>manifest        asked for anew each time
//! <base>blobs/<name>    never changes, as its name says what is in it; read whole or in ranges
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::pace::LocalFuture;
use crate::store::{closed, missing, part, Commit, Named, Store};
use std::cell::Cell;
use std::ops::Range;

/// Fetches a URL, or the bytes of a range of it. `None`: there is nothing at this address. A host that ignores ranges
/// may answer with the whole.
pub type Fetch = Box<dyn Fn(String, Option<Range<u64>>) -> LocalFuture<'static, Result<Option<Vec<u8>>>>>;

/// For reading only.
pub struct HttpStore {
    base: String,
    fetch: Fetch,
    closed: Cell<bool>,
}

impl HttpStore {
    /// `base` ends with a slash.
    pub fn new(base: String, fetch: Fetch) -> HttpStore {
        HttpStore { base, fetch, closed: Cell::new(false) }
    }

    async fn get(&self, path: &str, range: Option<Range<u64>>) -> Result<Option<Vec<u8>>> {
        if self.closed.get() {
            return Err(closed(&format!("the collection at {}", self.base)));
        }
        (self.fetch)(format!("{}{path}", self.base), range).await
    }

    async fn blob(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        // Names that need escaping were never published.
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return Err(missing(name));
        }
        self.get(&format!("blobs/{name}"), range).await?.ok_or_else(|| missing(name))
    }

    fn refused<T: 'static>(&self) -> LocalFuture<'_, Result<T>> {
        Box::pin(async { Err(Error::new(ErrorKind::Unsupported, "a published collection is read only")) })
    }
}

impl Store for HttpStore {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(self.get("manifest", None))
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.blob(name, None))
    }

    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        Box::pin(async move {
            let length = range.end.saturating_sub(range.start);
            let bytes = self.blob(name, Some(range.clone())).await?;
            match bytes.len() as u64 == length {
                true => Ok(bytes),
                false => part(bytes, &range),
            }
        })
    }

    fn stage(&self, _: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        self.refused()
    }

    fn discard<'a>(&'a self, _: &'a [String]) -> LocalFuture<'a, Result<()>> {
        self.refused()
    }

    fn commit(&self, _: Commit) -> LocalFuture<'_, Result<()>> {
        self.refused()
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        self.refused()
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        self.refused()
    }

    fn close(&self) {
        self.closed.set(true);
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use pollster::block_on;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A host with one blob of the bytes 0 to 99, and what was asked of it.
    fn host(ranges: bool) -> (HttpStore, Rc<RefCell<Vec<String>>>) {
        let asked: Rc<RefCell<Vec<String>>> = Rc::default();
        let log = Rc::clone(&asked);
        let fetch: Fetch = Box::new(move |url, range| {
            log.borrow_mut().push(format!("{url} {range:?}"));
            let blob: Vec<u8> = (0..100).collect();
            let answer = match range.filter(|_| ranges) {
                _ if url != "https://x/blobs/seg-1" => None,
                None => Some(blob),
                Some(range) => Some(blob[range.start as usize..(range.end as usize).min(100)].to_vec()),
            };
            Box::pin(async { Ok(answer) })
        });
        (HttpStore::new("https://x/".into(), fetch), asked)
    }

    #[test]
    fn ranges_are_read_from_hosts_with_and_without_them() {
        for ranges in [true, false] {
            let (store, asked) = host(ranges);
            assert_eq!(block_on(store.read_range("seg-1", 5..8)).unwrap(), [5, 6, 7]);
            assert_eq!(block_on(store.read("seg-1")).unwrap().len(), 100);
            assert_eq!(block_on(store.read_range("seg-1", 99..101)).unwrap_err().kind, ErrorKind::Corrupt);
            assert_eq!(block_on(store.read_range("seg-2", 0..1)).unwrap_err().kind, ErrorKind::NotFound);
            assert_eq!(block_on(store.manifest()).unwrap(), None);
            assert_eq!(asked.borrow()[0], "https://x/blobs/seg-1 Some(5..8)");
        }
    }

    #[test]
    fn nothing_is_asked_that_no_tool_publishes() {
        let (store, asked) = host(true);
        for name in ["../secret", "a/b", "A", ""] {
            assert!(block_on(store.read(name)).is_err());
        }
        store.close();
        assert_eq!(block_on(store.read("seg-1")).unwrap_err().kind, ErrorKind::ConnectionLost);
        assert_eq!(asked.borrow().len(), 1);
    }
}
