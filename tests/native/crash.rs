//! The engine dies at every call to its store in turn, in the middle of adding, replacing, deleting, changing metadata,
//! merging, turning vectors, building a graph and changing the model, with every kind of blob that there is. What is left
//! is exactly what was there after some commit: the last that was acknowledged, or the next where the process died in the
//! middle of one. Who survives the fault comes to the end that everybody comes to, and the next writer goes on.

use crate::support::faulty::{Fault, Faulty};
use crate::support::host::{Host, WordHashes, WordVectors};
use crate::support::library::{answer, answer_with, document};
use nearfield::engine::{Engine, GraphPolicy, Levels, Maintenance, Reembedding, VectorSettings, Wanted};
use nearfield::index::MetaValue;
use nearfield::pace::{LocalFuture, Unpaced};
use nearfield::store::{Commit, MemoryStore, Named, Store};
use nearfield::{ErrorKind, Result};
use pollster::block_on;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

async fn open(store: Box<dyn Store>) -> Result<Engine> {
    let vectors = VectorSettings { index: GraphPolicy::Hnsw, ..VectorSettings::default() };
    let levels = Levels { sentences: true, ..Levels::default() };
    Engine::open(store, Wanted { vectors: Some(vectors), levels: Some(levels), ..Wanted::default() }).await
}

fn host(model: &str) -> Host {
    Host { late: Some(WordVectors::new("t")), ..Host::with(Unpaced, Some(WordHashes::new(model))) }
}

/// Everything that the engine does to a store, one after the other; `acknowledged` is the generation after each.
fn work(store: Box<dyn Store>, acknowledged: &mut u64) -> Result<()> {
    let engine = block_on(open(store))?;
    let model = engine.stats().embedder.map_or("a".to_owned(), |embedder| embedder.digest);
    for round in 0..12u64 {
        let batch = (0..6).map(|number| document((round as usize * 4 + number) % 30, round, 12)).collect();
        host(&model).run(async |services| engine.add(batch, services).await)?;
        *acknowledged = engine.stats().generation;
        block_on(engine.delete(&[format!("d{}", round * 3 % 30)]))?;
        *acknowledged = engine.stats().generation;
        let meta = [("round".to_owned(), MetaValue::Number(round as f64))].into();
        match block_on(engine.update_meta(&format!("d{}", round * 4 % 30 + 1), meta)) {
            Err(error) if error.kind == ErrorKind::NotFound && error.context.starts_with("document") => {}
            outcome => outcome?,
        }
        *acknowledged = engine.stats().generation;
        if round % 3 == 1 {
            while host(&model).run(async |services| engine.maintain(services).await)? != Maintenance::Nothing {
                *acknowledged = engine.stats().generation;
            }
        }
        if round == 5 {
            host(&model).run(async |services| engine.compact(services).await)?;
            *acknowledged = engine.stats().generation;
        }
        if round == 6 && engine.stats().pending.is_none() {
            host(&model).run(async |services| engine.fit(services).await)?;
            *acknowledged = engine.stats().generation;
        }
        if round == 8 {
            // Another model: the rest of the work is done with the old one until it is all there.
            for _ in 0..3 {
                host("b").run(async |services| engine.reembed(services).await)?;
                *acknowledged = engine.stats().generation;
            }
        }
    }
    while host("b").run(async |services| engine.reembed(services).await)? == Reembedding::Going {
        *acknowledged = engine.stats().generation;
    }
    *acknowledged = engine.stats().generation;
    Ok(())
}

/// What can be seen of a collection.
fn state(store: &MemoryStore) -> (u64, String) {
    let engine = block_on(open(Box::new(store.handle()))).unwrap();
    let stats = engine.stats();
    assert!(stats.broken.is_empty(), "{:?}", stats.broken);
    let mut seen = vec![format!("{} {:?} {:?}", stats.documents, stats.embedder, stats.pending)];
    for number in 0..30 {
        seen.push(format!("{:?}", block_on(engine.get(&format!("d{number}"))).unwrap()));
    }
    if stats.documents > 0 {
        seen.push(answer(&engine, "harbour kettle", json!({ "mode": "sparse", "k": 50 })).unwrap());
        seen.push(answer(&engine, "lantern", json!({ "mode": "splade", "k": 50 })).unwrap());
        let options = json!({ "mode": "colbert", "k": 50 });
        seen.push(answer_with(&Host::late(), &engine, "copper lantern", options).unwrap());
    }
    if stats.embedder.is_some_and(|embedder| embedder.digest == "a") {
        for level in ["chunk", "sentence"] {
            let options = json!({ "mode": "dense", "vectors": "flat", "level": level, "k": 50 });
            seen.push(answer(&engine, "copper oven", options).unwrap());
        }
    }
    (stats.generation, seen.join("\n"))
}

/// What an undisturbed run was like.
#[derive(Default)]
struct Run {
    /// What the collection is after each commit.
    history: RefCell<BTreeMap<u64, String>>,
    /// Names of all blobs that there ever were.
    names: RefCell<BTreeSet<String>>,
    calls: Cell<u64>,
    staged: Cell<u64>,
}

/// A store that looks at the collection after each commit, and counts calls.
struct Watched {
    inner: MemoryStore,
    run: Rc<Run>,
}

impl Watched {
    fn count<T>(&self, call: T) -> T {
        self.run.calls.set(self.run.calls.get() + 1);
        call
    }
}

impl Store for Watched {
    fn manifest(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>>> {
        self.count(self.inner.manifest())
    }

    fn read<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Vec<u8>>> {
        self.count(self.inner.read(name))
    }

    fn stage(&self, blobs: Vec<Named>) -> LocalFuture<'_, Result<()>> {
        self.run.staged.set(self.run.staged.get() + 1);
        self.count(self.inner.stage(blobs))
    }

    fn discard<'a>(&'a self, names: &'a [String]) -> LocalFuture<'a, Result<()>> {
        self.count(self.inner.discard(names))
    }

    fn commit(&self, commit: Commit) -> LocalFuture<'_, Result<()>> {
        Box::pin(async move {
            self.count(self.inner.commit(commit)).await?;
            let (generation, seen) = state(&self.inner);
            self.run.history.borrow_mut().insert(generation, seen);
            let list = self.inner.list().await?;
            self.run.names.borrow_mut().extend(list.into_iter().map(|(name, _)| name));
            Ok(())
        })
    }

    fn list(&self) -> LocalFuture<'_, Result<Vec<(String, u64)>>> {
        self.count(self.inner.list())
    }

    fn destroy(&self) -> LocalFuture<'_, Result<()>> {
        self.count(self.inner.destroy())
    }

    fn close(&self) {
        self.inner.close();
    }
}

fn undisturbed() -> Rc<Run> {
    let (run, inner) = (Rc::<Run>::default(), MemoryStore::new());
    run.history.borrow_mut().insert(0, state(&inner).1);
    work(Box::new(Watched { inner: inner.handle(), run: Rc::clone(&run) }), &mut 0).unwrap();
    run
}

#[test]
fn after_a_crash_at_any_point_the_state_is_one_that_was_committed() {
    let run = undisturbed();
    let (history, calls, staged) = (run.history.take(), run.calls.get(), run.staged.get());
    let last = history.last_key_value().unwrap().1;
    for kind in ["-t0-", "-v", "-g", "-p", "-splade-", "-colbert-", "all-rotation-", "all-centroids-"] {
        assert!(run.names.borrow().iter().any(|name| name.contains(kind)), "no blob {kind}");
    }
    let (mut points, mut survived, mut other) = (0u64, 0u64, 0u64);
    for fault in
        [Fault::DiesBefore, Fault::DiesAfter, Fault::Refused(ErrorKind::QuotaExceeded), Fault::Torn, Fault::Forgets]
    {
        for at in 0..calls {
            let store = MemoryStore::new();
            let faulty = Faulty::new(store.handle(), at, fault);
            let promised = faulty.acknowledged();
            let mut heard = 0;
            let outcome = work(Box::new(faulty), &mut heard);
            let (generation, seen) = state(&store);
            points += 1;
            // Who survived may have taken other steps, and so more or fewer generations.
            let fine = if outcome.is_ok() && fault != Fault::Forgets {
                seen == *last
            } else {
                let late = generation.checked_sub(promised.get());
                let kept = late == Some(0) || late == Some(1) && fault == Fault::DiesAfter;
                kept && history.get(&generation) == Some(&seen)
            };
            survived += u64::from(outcome.is_ok());
            // What the engine calls done is what the store has promised.
            let believed = heard <= promised.get() || fault == Fault::Forgets;
            if !fine || !believed {
                other += 1;
                println!(
                    "{fault:?} at {at}: generation {generation}, {heard} was heard of {}, {outcome:?}",
                    promised.get()
                );
            }
            if at % 7 == 0 {
                go_on(&store);
            }
        }
    }
    println!(
        "harness: crash points: {points} over {} generations, {staged} stagings, {survived} survived, states other than before or after: {other}",
        history.len()
    );
    assert!(points >= 500 && history.len() > 40 && staged >= 4, "{points} {} {staged}", history.len());
    assert_eq!(other, 0);
}

/// The next writer finishes the work, and nothing is left behind.
fn go_on(store: &MemoryStore) {
    work(Box::new(store.handle()), &mut 0).unwrap();
    let engine = block_on(open(Box::new(store.handle()))).unwrap();
    let report = Host::new().run(async |services| engine.verify(services).await).unwrap();
    assert!(report.ok && report.orphans == 0, "{report:?}");
    assert_eq!(engine.stats().embedder.unwrap().digest, "b");
}
