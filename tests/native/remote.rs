//! A published collection, read in parts: the answers are those of a collection that is here whole, only what a query
//! needs is read, damage is noticed, and so is another collection that was published in its place.

use crate::support::host::Host;
use crate::support::library::{add, answer, document, open, questions};
use nearfield::engine::{Engine, Maintenance, Wanted};
use nearfield::pace::LocalFuture;
use nearfield::store::{Commit, MemoryStore, Named, Store};
use nearfield::{Error, ErrorKind, Result};
use pollster::block_on;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// A published collection: what is there may be replaced, and what is read is counted.
#[derive(Clone)]
struct Site {
    served: Rc<RefCell<MemoryStore>>,
    bytes: Rc<Cell<u64>>,
    requests: Rc<Cell<u64>>,
    /// A byte of each answer that is flipped, if it is that long.
    flip: Rc<Cell<Option<usize>>>,
}

impl Site {
    fn new(served: MemoryStore) -> Site {
        let served = Rc::new(RefCell::new(served));
        Site { served, bytes: Rc::default(), requests: Rc::default(), flip: Rc::default() }
    }

    fn counted(&self, read: Result<Vec<u8>>) -> Result<Vec<u8>> {
        let mut bytes = read?;
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        self.requests.set(self.requests.get() + 1);
        if let Some(byte) = self.flip.get().and_then(|at| bytes.get_mut(at)) {
            *byte ^= 4;
        }
        Ok(bytes)
    }

    fn taken(&self) -> (u64, u64) {
        (self.bytes.replace(0), self.requests.replace(0))
    }
}

impl Store for Site {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        let manifest = block_on(self.served.borrow().manifest());
        Box::pin(async move { manifest })
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        let read = block_on(self.served.borrow().read(name));
        Box::pin(async move { self.counted(read) })
    }

    fn read_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> LocalFuture<'a, Result<Vec<u8>>> {
        let read = block_on(self.served.borrow().read_range(name, range));
        Box::pin(async move { self.counted(read) })
    }

    fn stage(&self, _: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::unsupported("a server of files")) })
    }

    fn discard<'a>(&'a self, _: &'a [String]) -> LocalFuture<'a, Result<()>> {
        Box::pin(async { Err(Error::unsupported("a server of files")) })
    }

    fn commit(&self, _: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::unsupported("a server of files")) })
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(async { Err(Error::unsupported("a server of files")) })
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::unsupported("a server of files")) })
    }

    fn close(&self) {}
}

fn remote(site: &Site) -> Engine {
    block_on(Engine::open_remote(Box::new(site.clone()), Wanted::default())).unwrap()
}

/// Several segments with deletions, written as the native tool writes them.
fn published(documents: usize, edition: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    add(&engine, (0..documents).map(|number| document(number, edition, 150)).collect());
    add(&engine, (0..5).map(|number| document(number * 3, edition + 1, 150)).collect());
    block_on(engine.delete(&["d1".into(), "d8".into()])).unwrap();
    store
}

#[test]
fn the_answers_are_those_of_the_whole_collection() {
    let store = published(60, 1);
    let (whole, site) = (open(store.handle()), Site::new(store));
    let engine = remote(&site);
    for _ in 0..2 {
        for (query, options) in questions() {
            let expected = answer(&whole, query, options.clone()).unwrap();
            assert_eq!(answer(&engine, query, options).unwrap(), expected, "{query}");
        }
    }
    for id in ["d0", "d1", "d59", "nobody"] {
        assert_eq!(block_on(engine.get(id)).unwrap(), block_on(whole.get(id)).unwrap());
    }
    let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(report.ok, "{report:?}");
}

#[test]
fn only_what_a_query_needs_is_read() {
    let store = MemoryStore::new();
    let engine = open(store.handle());
    add(&engine, (0..600).map(|number| document(number, 1, 200)).collect());
    Host::new().run(async |services| engine.compact(services).await).unwrap();
    let total = engine.stats().bytes;
    let site = Site::new(store);
    let engine = remote(&site);
    let (opening, _) = site.taken();
    answer(&engine, "harbour n77", json!({ "mode": "sparse", "k": 1 })).unwrap();
    let (first, requests) = site.taken();
    assert!(opening + first < total / 4 && requests <= 4, "{opening} + {first} of {total} in {requests} requests");
    answer(&engine, "harbour n77", json!({ "mode": "sparse", "k": 1 })).unwrap();
    assert_eq!(site.taken(), (0, 0), "what was read once is kept");
    answer(&engine, "harbour n77", json!({ "mode": "sparse", "k": 10 })).unwrap();
    let (more, _) = site.taken();
    assert!(more < 100_000, "{more} bytes for ten hits");
    answer(&engine, "harbour n77", json!({ "mode": "dense", "k": 1 })).unwrap();
    let (vectors, requests) = site.taken();
    assert!(vectors > 600 * 64 && requests <= 3, "{vectors} bytes in {requests} requests");
    println!("of {total} bytes: {opening} to open, {first} for the first hit, {more} for ten, {vectors} for vectors");
}

#[test]
fn nothing_can_be_written() {
    let site = Site::new(published(5, 1));
    let engine = remote(&site);
    let refused = [
        Host::new().run(async |services| engine.add(vec![document(1, 1, 9)], services).await).map(drop),
        block_on(engine.delete(&["d2".into()])).map(drop),
        block_on(engine.update_meta("d2", Default::default())),
        Host::new().run(async |services| engine.compact(services).await),
        Host::new().run(async |services| engine.reembed(services).await).map(drop),
        Host::new().run(async |services| engine.repair(services).await).map(drop),
    ];
    assert!(refused.iter().all(|outcome| outcome.as_ref().unwrap_err().kind == ErrorKind::Unsupported));
    let maintained = Host::new().run(async |services| engine.maintain(services).await).unwrap();
    assert_eq!(maintained, Maintenance::Nothing);
    let nothing = block_on(Engine::open_remote(Box::new(MemoryStore::new()), Wanted::default()));
    assert_eq!(nothing.err().unwrap().kind, ErrorKind::NotFound);
}

#[test]
fn every_flipped_byte_that_is_read_is_noticed() {
    let site = Site::new(published(20, 1));
    let whole = open(site.served.borrow().handle());
    let mut noticed = 0;
    for at in (0..6_000).step_by(7) {
        let engine = remote(&site);
        site.flip.set(Some(at));
        for (query, options) in questions() {
            match answer(&engine, query, options.clone()) {
                Ok(found) => assert_eq!(found, answer(&whole, query, options).unwrap()),
                Err(error) => {
                    // The version comes before every checksum.
                    let version = matches!(error.kind, ErrorKind::FormatTooNew | ErrorKind::FormatTooOld);
                    assert!(error.kind == ErrorKind::Corrupt || version && (4..8).contains(&at), "{error}");
                    noticed += 1;
                }
            }
        }
        site.flip.set(None);
    }
    assert!(noticed > 1_000, "{noticed}");
}

#[test]
fn another_collection_in_its_place_is_noticed() {
    let site = Site::new(published(30, 1));
    let engine = remote(&site);
    let ask = |query| answer(&engine, query, json!({ "mode": "sparse" }));
    assert!(ask("harbour").unwrap().contains("Edition e1"));
    site.served.replace(published(30, 5));
    let found = ask("lantern thyme").unwrap();
    assert!(found.contains("Edition e5") && !found.contains("Edition e1"), "{found}");
    // One that vanishes is reported, and one that comes back answers.
    let served = site.served.replace(MemoryStore::new());
    assert_eq!(ask("garden window").unwrap_err().kind, ErrorKind::NotFound);
    site.served.replace(served);
    assert!(ask("garden window").is_ok());
    // In another language its terms are others.
    let engine = remote(&site);
    let german = Wanted { language: Some("de".into()), ..Wanted::default() };
    let store = MemoryStore::new();
    add(&block_on(Engine::open(Box::new(store.handle()), german)).unwrap(), vec![document(3, 9, 20)]);
    site.served.replace(store);
    let error = answer(&engine, "bridge anchor", json!({ "mode": "sparse" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
}
