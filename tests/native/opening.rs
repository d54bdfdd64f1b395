//! A collection that is opened for words reads nothing else until somebody needs more, and answers as one that was opened
//! whole.

use crate::support::host::Host;
use crate::support::library::{add, answer, document, questions};
use nearfield::engine::{Engine, GraphPolicy, Maintenance, VectorSettings, Wanted};
use nearfield::pace::{LocalFuture, Unpaced};
use nearfield::store::{Commit, MemoryStore, Named, Store};
use nearfield::Result;
use pollster::block_on;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;

/// Notes the name of every blob that is read, and spoils those whose names contain `bad`.
struct Recording {
    inner: MemoryStore,
    names: Rc<RefCell<Vec<String>>>,
    bad: &'static str,
}

impl Store for Recording {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        self.inner.manifest()
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        self.names.borrow_mut().push(name.to_owned());
        Box::pin(async move {
            let mut bytes = self.inner.read(name).await?;
            if !self.bad.is_empty() && name.contains(self.bad) {
                bytes.truncate(bytes.len() / 2);
            }
            Ok(bytes)
        })
    }

    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        self.inner.stage(blobs)
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        self.inner.discard(names)
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        self.inner.commit(commit)
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        self.inner.list()
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        self.inner.destroy()
    }

    fn close(&self) {
        self.inner.close();
    }
}

fn wanted() -> Wanted {
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, ..VectorSettings::default() };
    Wanted { vectors: Some(vectors), ..Wanted::default() }
}

fn maintain(engine: &Engine) {
    Host::new().run(async |services| while engine.maintain(services).await.unwrap() != Maintenance::Nothing {});
}

/// Three segments with graphs and turned vectors, and some deletions.
fn collection() -> MemoryStore {
    let store = MemoryStore::new();
    let engine = block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    for edition in 0..3 {
        add(&engine, (0..30).map(|number| document(number + edition * 10, edition as u64, 60)).collect());
    }
    block_on(engine.delete(&["d1".into()])).unwrap();
    Host::new().run(async |services| engine.fit(services).await).unwrap();
    maintain(&engine);
    store
}

type Names = Rc<RefCell<Vec<String>>>;

fn for_words(store: &MemoryStore, bad: &'static str) -> (Engine, Names) {
    let names = Names::default();
    let recording = Recording { inner: store.handle(), names: names.clone(), bad };
    (block_on(Engine::open_for_words(Box::new(recording), wanted())).unwrap(), names)
}

fn is_of_words(name: &str) -> bool {
    !["-v", "-g", "-splade-", "all-"].iter().any(|kind| name.contains(kind))
}

#[test]
fn words_are_answered_before_anything_else_is_read() {
    let store = collection();
    let whole = block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    for (query, options) in questions() {
        let alone = options["mode"] == "sparse" && options.get("expand").is_none();
        let (engine, names) = for_words(&store, "");
        assert_eq!(
            answer(&engine, query, options.clone()).unwrap(),
            answer(&whole, query, options).unwrap(),
            "{query}"
        );
        assert_eq!(names.borrow().iter().all(|name| is_of_words(name)), alone, "{query}: {:?}", names.borrow());
    }
    let (engine, _) = for_words(&store, "");
    let splade = json!({ "mode": "splade" });
    assert_eq!(answer(&engine, "copper", splade.clone()).unwrap(), answer(&whole, "copper", splade).unwrap());
    let context = json!({ "mode": "sparse", "context": { "tokens": 100, "diversity": 0.5 } });
    let (engine, _) = for_words(&store, "");
    assert_eq!(answer(&engine, "copper", context.clone()).unwrap(), answer(&whole, "copper", context).unwrap());
}

#[test]
fn what_is_left_is_read_once_and_by_whoever_needs_it() {
    let store = collection();
    let whole = block_on(Engine::open(Box::new(store.handle()), wanted())).unwrap();
    let stats = |engine: &Engine| serde_json::to_value(engine.stats()).unwrap();
    let (engine, names) = for_words(&store, "");
    assert!(engine.snapshot().is_partial());
    block_on(engine.complete(&Unpaced)).unwrap();
    assert_eq!(stats(&engine), stats(&whole));
    let read = names.borrow().len();
    block_on(engine.complete(&Unpaced)).unwrap();
    assert!(!block_on(engine.is_due(&Unpaced)).unwrap());
    let mut once = names.take();
    assert_eq!(once.len(), read);
    once.sort();
    once.dedup();
    assert_eq!(once.len(), read, "nothing is read twice");
    // A writer, a look for work, another generation: each makes it whole first.
    type Act = fn(&Engine);
    let acts: [Act; 4] = [
        |engine| add(engine, vec![document(5, 9, 20)]),
        maintain,
        |engine| assert!(!block_on(engine.is_due(&Unpaced)).unwrap()),
        |engine| assert!(!block_on(engine.refresh()).unwrap()),
    ];
    for act in acts {
        let copy = collection();
        let (engine, _) = for_words(&copy, "");
        act(&engine);
        assert!(!engine.snapshot().is_partial());
        let reopened = block_on(Engine::open(Box::new(copy.handle()), wanted())).unwrap();
        assert_eq!(stats(&engine), stats(&reopened));
    }
}

#[test]
fn what_is_broken_is_told_when_it_is_read() {
    let store = collection();
    for bad in ["-v", "-g", "-splade-"] {
        let (engine, _) = for_words(&store, bad);
        assert_eq!(engine.stats().broken, [""; 0]);
        assert!(answer(&engine, "copper", json!({ "mode": "sparse" })).unwrap().contains("copper"));
        block_on(engine.complete(&Unpaced)).unwrap();
        assert!(!engine.stats().broken.is_empty(), "{bad}");
        assert!(answer(&engine, "copper", json!({ "mode": "hybrid" })).unwrap().contains("copper"));
    }
}
